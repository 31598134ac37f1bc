// What is known of an item or a user, as text: what an answer shows of it, whatever the site declared.
//
//   UPNEXT_ASSIGN_OR_RETURN(const uint32_t item, FindEntity(catalogue, Entity::kItem, "v17"));
//   for (const auto& [attribute, text] : AttributesOf(catalogue, Entity::kItem, item)) ...
//
// Pure functions.
#ifndef UPNEXT_CATALOGUE_ENTITY_ATTRIBUTES_H_
#define UPNEXT_CATALOGUE_ENTITY_ATTRIBUTES_H_

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"

namespace upnext::catalogue {

// The id of an item or a user that is present; kNotFound names it and the log.
Result<uint32_t> FindEntity(const Catalogue& catalogue, schema::Entity entity,
                            std::string_view name);

// Its attributes that are not absent, built-in ones included, in the order of their numbers; the text
// is the one of schema/values.h. Categories come once for each id.
schema::RawAttributes AttributesOf(const Catalogue& catalogue, schema::Entity entity, uint32_t id);
// One of them, nothing when it is absent.
void AppendAttribute(const Catalogue& catalogue, schema::Entity entity, uint32_t id,
                     uint32_t number, schema::RawAttributes* out);

}  // namespace upnext::catalogue

#endif  // UPNEXT_CATALOGUE_ENTITY_ATTRIBUTES_H_
