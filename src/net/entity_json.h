// Bodies that say what items or users are, parsed without trusting them: one object, a JSON array of
// objects, or one object on each line (NDJSON). Keys are the attributes of the schema, with values as
// AttributesJson writes them, and the id: "item" or "user".
//
//   UPNEXT_ASSIGN_OR_RETURN(auto rows, ParseRows(schema, Entity::kItem, body, BodyFormat::kLines));
//
// Pure functions. Errors are kInvalidArgument with the line or element and the key at fault.
#ifndef UPNEXT_NET_ENTITY_JSON_H_
#define UPNEXT_NET_ENTITY_JSON_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "net/content_type.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::net {

inline constexpr size_t kMaxRows = 10'000;  // of one body

// "item" or "user".
std::string_view WordOf(schema::Entity entity);

// An item or a user, and which attributes the body had keys for: those without a value are null.
struct ParsedRow {
  schema::RawEntity row = {};
  std::vector<uint32_t> mentioned = {};
};

// Of one object. Its id is `name`; the body need not repeat it, and has no other.
Result<ParsedRow> ParseRow(const schema::Schema& schema, schema::Entity entity,
                           std::string_view name, std::string_view body);

// An array, or as kLines an object on each line. Each has an id.
Result<std::vector<ParsedRow>> ParseRows(const schema::Schema& schema, schema::Entity entity,
                                         std::string_view body, BodyFormat format);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ENTITY_JSON_H_
