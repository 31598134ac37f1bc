// Items and users that were posted to a server, on their way from its store into the tables in_items
// and in_users of an import (import_read.h), where they take the place of what a SELECT gives.
//
//   UPNEXT_ASSIGN_OR_RETURN(PostedRows rows, PostedRows::Begin(db, schema));
//   UPNEXT_RETURN_IF_ERROR(rows.Add(Entity::kItem, row, deleted));
//   UPNEXT_RETURN_IF_ERROR(rows.Finish());
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_POSTED_ROWS_H_
#define UPNEXT_IMPORT_POSTED_ROWS_H_

#include <array>
#include <cstdint>

#include "base/status.h"
#include "import/duckdb.h"
#include "import/watched.h"
#include "schema/attribute.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::import {

class PostedRows {
 public:
  // Both tables are there. `db` and `schema` outlive it.
  static Result<PostedRows> Begin(WatchedDatabase& db, const schema::Schema& schema);
  // Each item and user once. One that is deleted is an item that is removed and has no attributes.
  Status Add(schema::Entity entity, const schema::RawEntity& row, bool deleted);
  Status Finish();
  uint64_t count(schema::Entity entity) const { return counts_[static_cast<size_t>(entity)]; }

 private:
  PostedRows(WatchedDatabase& db, const schema::Schema& schema, Appender appender)
      : db_(db), schema_(schema), appender_(std::move(appender)) {}
  Status AddValue(schema::Entity entity, const std::string& name, int64_t attribute,
                  const std::string* value);
  WatchedDatabase& db_;
  const schema::Schema& schema_;
  Appender appender_;
  std::array<uint64_t, 2> counts_{};
  int64_t values_ = 0;
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_POSTED_ROWS_H_
