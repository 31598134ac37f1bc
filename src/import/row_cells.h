// Rows of the tables in_items and in_users as attributes whose ids are those of the log.
//
//   RowCells cells(schema, Entity::kItem, names, ids);
//   db.Query(cells.Sql("in_items", "item"), ...  cells.Of(chunk, row)
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_ROW_CELLS_H_
#define UPNEXT_IMPORT_ROW_CELLS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/duckdb.h"
#include "import/import_read.h"
#include "schema/schema.h"

namespace upnext::import {

// Adds the names of items or users and of their categories, in a table that holds them, to `names`.
Status AddNames(WatchedDatabase& db, const schema::Schema& schema, schema::Entity entity,
                ImportNames& names);

class RowCells {
 public:
  // `ids` holds the id of every number of a NameTable, by space; all three must outlive this.
  RowCells(const schema::Schema& schema, schema::Entity entity, const ImportNames& names,
           const std::vector<std::vector<uint32_t>>& ids);

  // A query for the good rows in the order of the dictionary.
  std::string Sql() const;
  // The id of the row's item or user.
  uint32_t Id(const Chunk& chunk, size_t row) const;
  // A cell for each attribute, valid until the next call and as long as the chunk.
  std::span<const schema::AttributeCell> Of(const Chunk& chunk, size_t row);

 private:
  uint32_t IdOf(schema::IdSpace space, std::string_view name) const;
  void Set(const Chunk& chunk, size_t column, size_t row, uint32_t attribute);

  schema::Entity entity_;
  std::span<const schema::Attribute> attributes_;
  const ImportNames& names_;
  const std::vector<std::vector<uint32_t>>& ids_;
  std::vector<schema::AttributeCell> cells_;
  std::vector<std::vector<uint32_t>> lists_;  // what cells_ point to, by attribute
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_ROW_CELLS_H_
