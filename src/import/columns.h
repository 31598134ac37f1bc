// The columns that a SELECT of [import] may give, made from the schema, and whether a SELECT gives
// the right ones.
//
//   const TableColumns columns(Table::kItems, schema);
//   UPNEXT_RETURN_IF_ERROR(columns.Check(given));        names the nearest, or the line to declare
//
// Only the import includes it. Immutable; the schema must outlive it.
#ifndef UPNEXT_IMPORT_COLUMNS_H_
#define UPNEXT_IMPORT_COLUMNS_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/duckdb.h"
#include "schema/schema.h"

namespace upnext::import {

enum class Table : uint8_t { kEvents, kItems, kUsers };
inline constexpr std::array<Table, 3> kTables = {Table::kEvents, Table::kItems, Table::kUsers};
std::string_view TableName(Table table);  // "events"
schema::Entity EntityOf(Table table);     // whose attributes are its columns

// How a column is read. kFree: text that may have any bytes. kShare: true or false as 1 or 0.
enum class Read : uint8_t {
  kId,
  kFree,
  kIds,
  kTime,
  kNumber,
  kWhole,
  kFlag,
  kShare,
  kVector,
  kType,
  kPlace
};

struct TableColumn {
  schema::Attribute attribute;  // its name and bounds
  Read read;
  bool needed = false;
};

class TableColumns {
 public:
  TableColumns(Table table, const schema::Schema& schema);

  std::span<const TableColumn> all() const { return columns_; }
  // kInvalidArgument when a needed column is missing, one has a type that cannot be read, or one is
  // not known.
  Status Check(std::span<const Column> given) const;
  // The column of the SELECT that `name` is read from, or null.
  static const Column* Given(std::span<const Column> given, std::string_view name);

 private:
  Status CheckUnknown(std::span<const std::string> unknown, std::span<const Column> given) const;
  std::vector<std::string> Names() const;

  Table table_;
  std::vector<TableColumn> columns_;
};

// Of SQL types, as DuckDB spells them.
bool IsText(std::string_view type);
bool IsNumber(std::string_view type);
bool IsFraction(std::string_view type);  // a number that need not be whole
bool IsTimestamp(std::string_view type);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_COLUMNS_H_
