// Tables that are handed to another program as Arrow data (base/arrow_c.h), without copies.
//
//   ArrowColumn column = TextColumn("user", names);
//   ExportTable({.name = "feeds", .rows = n, .columns = {...}}, &schema, &array);
//
// The memory lives until the receiver calls `release`, which may happen on any thread.
#ifndef UPNEXT_API_ARROW_EXPORT_H_
#define UPNEXT_API_ARROW_EXPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/arrow_c.h"

namespace upnext::api {

// A column without nulls.
struct ArrowColumn {
  std::string name;
  std::string format;
  int64_t length = 0;
  std::vector<const void*> buffers = {};   // after that of validity, which is absent
  std::shared_ptr<const void> owner = {};  // of the buffers
  std::vector<ArrowColumn> children = {};
  std::shared_ptr<const ArrowColumn> dictionary = {};
  int64_t flags = 0;  // of its schema
};

// Columns of values that the column owns from then on.
ArrowColumn TextColumn(const std::string& name, const std::vector<std::string>& texts);
ArrowColumn Int32Column(const std::string& name, std::vector<int32_t> values);
ArrowColumn DoubleColumn(const std::string& name, std::vector<double> values);
// Texts by their numbers in a list in which each is once.
ArrowColumn DictionaryColumn(const std::string& name, std::vector<int32_t> numbers,
                             const std::vector<std::string>& texts);
// Rows of `width` floats, one after another, which `owner` keeps.
ArrowColumn VectorColumn(std::string name, int64_t rows, size_t width, const float* values,
                         std::shared_ptr<const void> owner);

struct ArrowResult {
  std::string name;
  int64_t rows = 0;
  std::vector<ArrowColumn> columns = {};
};
// As a struct array of the columns, which is how a record batch is handed over. May throw std::bad_alloc, and then sets
// nothing.
void ExportTable(const ArrowResult& table, ArrowSchema* schema, ArrowArray* array);
// The schema of a column. May throw std::bad_alloc, and then sets nothing.
void ExportSchema(const ArrowColumn& column, ArrowSchema* schema);

}  // namespace upnext::api

#endif  // UPNEXT_API_ARROW_EXPORT_H_
