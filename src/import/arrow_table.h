// A table in memory that a program hands over as an Arrow stream (base/arrow_c.h), for the SELECTs of an import.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto table, ArrowTable::Take("events", &stream));
//   options.tables.push_back(table);                         SELECT * FROM events
//
// The values stay where they are; the table keeps them alive. Immutable: any number of threads.
#ifndef UPNEXT_IMPORT_ARROW_TABLE_H_
#define UPNEXT_IMPORT_ARROW_TABLE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/arrow_c.h"
#include "base/status.h"
#include "import/duckdb.h"

namespace upnext::import {

// What a column holds.
struct ArrowType {
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInt8,
    kUint8,
    kInt16,
    kUint16,
    kInt32,
    kUint32,
    kInt64,
    kUint64,
    kFloat,
    kDouble,
    kText,       // offsets of 32 bits
    kLargeText,  // of 64
    kTextView,
    kDecimal,  // 128 bits
    kDate,     // days
    kDateMs,   // milliseconds
    kTimestamp,
    kList,       // offsets of 32 bits
    kLargeList,  // of 64
    kFixedList,
    kDictionary,
  };
  Kind kind = Kind::kNull;
  int64_t per_second = 0;          // of timestamps: units
  bool zoned = false;              // of timestamps: UTC, whatever the zone that it is shown in
  int width = 0, scale = 0;        // of decimals: digits
  int64_t size = 0;                // of fixed lists
  Kind index = Kind::kInt32;       // of dictionaries: what the column has in their place
  std::vector<ArrowType> of = {};  // of lists and dictionaries: the values, one entry

  // kInvalidArgument, with the format, for what no SELECT of an import can use.
  static Result<ArrowType> Parse(const ArrowSchema& schema);
};

class ArrowTable {
 public:
  // Reads the stream to its end and releases it, also on error. kInvalidArgument for a name that is no word, and for
  // columns of types that an import cannot read, which it names.
  static Result<std::shared_ptr<const ArrowTable>> Take(std::string name, ArrowArrayStream* stream);
  ~ArrowTable();
  ArrowTable(const ArrowTable&) = delete;
  ArrowTable& operator=(const ArrowTable&) = delete;

  struct Field {
    std::string name;
    ArrowType type;
  };
  const std::string& name() const { return name_; }
  std::span<const Field> fields() const { return fields_; }
  std::span<const ArrowArray> batches() const { return batches_; }  // structs of the fields
  uint64_t rows() const { return rows_; }

 private:
  explicit ArrowTable(std::string name) : name_(std::move(name)) {}
  Status ReadAll(ArrowArrayStream* stream);

  std::string name_;
  std::vector<Field> fields_;
  std::vector<ArrowArray> batches_;
  uint64_t rows_ = 0;
};

// Makes the view NAME, which gives the rows in their order each time that it is read.
Status AddArrowTable(Database& database, std::shared_ptr<const ArrowTable> table);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_ARROW_TABLE_H_
