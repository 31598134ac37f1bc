// The columns of the attributes of items, of users, or of the declared attributes of requests, on
// their way to a file: one column per attribute, made from its kind (docs/formats/event_log.md).
//
//   AttributeWriter items(folder, schema, Entity::kItem, ids);
//   UPNEXT_RETURN_IF_ERROR(items.Add(cells));             one cell per attribute, in their order
//   UPNEXT_RETURN_IF_ERROR(items.WriteTo(file));
//
// One thread. Only this room includes it.
#ifndef UPNEXT_LOG_ATTRIBUTE_WRITER_H_
#define UPNEXT_LOG_ATTRIBUTE_WRITER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "log/column.h"
#include "log/log_format.h"
#include "schema/attribute.h"
#include "schema/schema.h"

namespace upnext::log {

// One column; knows its kind.
class AttributeColumn {
 public:
  virtual ~AttributeColumn() = default;
  // kInternal when an id is out of bounds or a vector has another width.
  virtual Status Add(const schema::AttributeCell& cell) = 0;
  virtual Status WriteTo(base::SectionWriter& writer) = 0;
};

class AttributeWriter {
 public:
  // `ids` holds the size of each id space.
  AttributeWriter(SpoolFile& spill, const schema::Schema& schema, schema::Entity entity,
                  std::span<const uint64_t> ids);
  // A row with a cell for each attribute; of requests for each declared one.
  Status Add(std::span<const schema::AttributeCell> cells);
  Status Add(std::span<const schema::AttributeValue> values);
  Status WriteTo(base::SectionWriter& writer);
  uint64_t rows() const { return rows_; }

 private:
  template <typename T>
  Status AddRow(std::span<const T> row);

  std::vector<std::unique_ptr<AttributeColumn>> columns_;
  uint64_t rows_ = 0;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_ATTRIBUTE_WRITER_H_
