// ArrowTable as a table function of DuckDB. DuckDB's own (duckdb_arrow_scan of version 1.4) gives wrong rows as soon as a
// statement reads some of the columns or has a WHERE, and can be read once: docs/decisions/0088.
#include <duckdb.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "import/arrow_table.h"

namespace upnext::import {
namespace {

using Kind = ArrowType::Kind;

duckdb_logical_type ArrowLogicalType(const ArrowType& type) {
  switch (type.kind) {
    case Kind::kNull:
    case Kind::kText:
    case Kind::kLargeText:
    case Kind::kTextView:
      return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    case Kind::kBool:
      return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    case Kind::kInt8:
      return duckdb_create_logical_type(DUCKDB_TYPE_TINYINT);
    case Kind::kUint8:
      return duckdb_create_logical_type(DUCKDB_TYPE_UTINYINT);
    case Kind::kInt16:
      return duckdb_create_logical_type(DUCKDB_TYPE_SMALLINT);
    case Kind::kUint16:
      return duckdb_create_logical_type(DUCKDB_TYPE_USMALLINT);
    case Kind::kInt32:
      return duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    case Kind::kUint32:
      return duckdb_create_logical_type(DUCKDB_TYPE_UINTEGER);
    case Kind::kInt64:
      return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case Kind::kUint64:
      return duckdb_create_logical_type(DUCKDB_TYPE_UBIGINT);
    case Kind::kFloat:
      return duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
    case Kind::kDouble:
      return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case Kind::kDecimal:
      return duckdb_create_decimal_type(static_cast<uint8_t>(type.width),
                                        static_cast<uint8_t>(type.scale));
    case Kind::kDate:
    case Kind::kDateMs:
      return duckdb_create_logical_type(DUCKDB_TYPE_DATE);
    case Kind::kTimestamp:
      return duckdb_create_logical_type(type.zoned ? DUCKDB_TYPE_TIMESTAMP_TZ
                                                   : DUCKDB_TYPE_TIMESTAMP);
    case Kind::kDictionary:
      return ArrowLogicalType(type.of[0]);
    case Kind::kList:
    case Kind::kLargeList:
    case Kind::kFixedList: {
      duckdb_logical_type values = ArrowLogicalType(type.of[0]);
      const duckdb_logical_type list = duckdb_create_list_type(values);
      duckdb_destroy_logical_type(&values);
      return list;
    }
  }
  return nullptr;
}

// Where values go: a vector of DuckDB, from a place on.
struct Destination {
  duckdb_vector vector;
  size_t at;

  template <typename T>
  T* Values() const {
    return static_cast<T*>(duckdb_vector_get_data(vector)) + at;
  }
  void SetNull(size_t i) const {
    uint64_t* validity = duckdb_vector_get_validity(vector);
    if (validity == nullptr) {
      duckdb_vector_ensure_validity_writable(vector);
      validity = duckdb_vector_get_validity(vector);
    }
    duckdb_validity_set_row_invalid(validity, at + i);
  }
};

template <typename T>
const T* Buffer(const ArrowArray& array, int64_t number) {
  return static_cast<const T*>(array.buffers[number]);
}

bool IsNullAt(const ArrowArray& array, int64_t place) {
  if (array.null_count == 0 || array.buffers[0] == nullptr) return false;
  return (Buffer<uint8_t>(array, 0)[place / 8] >> (place % 8) & 1) == 0;
}

std::string_view TextAt(Kind kind, const ArrowArray& array, int64_t place) {
  const auto between = [&](const auto* offsets) {
    const auto from = offsets[place], to = offsets[place + 1];
    return std::string_view(Buffer<char>(array, 2) + from, static_cast<size_t>(to - from));
  };
  if (kind == Kind::kText) return between(Buffer<int32_t>(array, 1));
  if (kind == Kind::kLargeText) return between(Buffer<int64_t>(array, 1));
  struct View {  // of up to 12 bytes, which follow the length, or of a place in a buffer
    int32_t length;
    char prefix[4];
    int32_t buffer, offset;
  };
  const View& view = Buffer<View>(array, 1)[place];
  const auto length = static_cast<size_t>(view.length);
  if (length <= 12) return {view.prefix, length};
  return {Buffer<char>(array, 2 + view.buffer) + view.offset, length};
}

// Copies values of an array, from a place on, into vectors. Texts of more than 12 bytes stay where they are.
class ArrowReader {
 public:
  void Read(const ArrowType& type, const ArrowArray& array, int64_t first, int64_t count,
            const Destination& to) {
    const int64_t place = array.offset + first;
    switch (type.kind) {
      case Kind::kNull:
        for (int64_t i = 0; i < count; ++i) to.SetNull(static_cast<size_t>(i));
        return;
      case Kind::kBool:
        Each<bool>(array, place, count, to, [&](int64_t at) {
          return (Buffer<uint8_t>(array, 1)[at / 8] >> (at % 8) & 1) != 0;
        });
        return;
      case Kind::kInt8:
      case Kind::kUint8:
        return Copy<uint8_t>(array, place, count, to);
      case Kind::kInt16:
      case Kind::kUint16:
        return Copy<uint16_t>(array, place, count, to);
      case Kind::kInt32:
      case Kind::kUint32:
      case Kind::kFloat:
      case Kind::kDate:
        return Copy<uint32_t>(array, place, count, to);
      case Kind::kInt64:
      case Kind::kUint64:
      case Kind::kDouble:
        return Copy<uint64_t>(array, place, count, to);
      case Kind::kDateMs:
        Each<int32_t>(array, place, count, to, [&](int64_t at) {
          return static_cast<int32_t>(Floor(Buffer<int64_t>(array, 1)[at], 86'400'000));
        });
        return;
      case Kind::kTimestamp:
        return Timestamps(type, array, place, count, to);
      case Kind::kDecimal:
        return Decimals(type, array, place, count, to);
      case Kind::kText:
      case Kind::kLargeText:
      case Kind::kTextView:
        Each<duckdb_string_t>(array, place, count, to,
                              [&](int64_t at) { return Text(TextAt(type.kind, array, at)); });
        return;
      case Kind::kDictionary:
        return Dictionary(type, array, place, count, to);
      case Kind::kList:
      case Kind::kLargeList:
      case Kind::kFixedList:
        return Lists(type, array, place, count, to);
    }
  }
  bool bad_text() const { return bad_text_; }
  bool bad_index() const { return bad_index_; }

 private:
  static int64_t Floor(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

  // `value` of each place that is not null.
  template <typename T, typename Value>
  void Each(const ArrowArray& array, int64_t place, int64_t count, const Destination& to,
            const Value& value) {
    T* const values = to.Values<T>();
    for (int64_t i = 0; i < count; ++i) {
      if (IsNullAt(array, place + i)) {
        to.SetNull(static_cast<size_t>(i));
      } else {
        values[i] = value(place + i);
      }
    }
  }
  template <typename T>
  void Copy(const ArrowArray& array, int64_t place, int64_t count, const Destination& to) {
    if (count == 0) return;
    std::memcpy(to.Values<T>(), Buffer<T>(array, 1) + place,
                static_cast<size_t>(count) * sizeof(T));
    if (array.null_count == 0 || array.buffers[0] == nullptr) return;
    for (int64_t i = 0; i < count; ++i) {
      if (IsNullAt(array, place + i)) to.SetNull(static_cast<size_t>(i));
    }
  }
  duckdb_string_t Text(std::string_view text) {
    duckdb_string_t out = {};
    // DuckDB takes for granted that texts are UTF-8.
    if (!simdjson::validate_utf8(text)) bad_text_ = true;
    out.value.inlined.length = static_cast<uint32_t>(text.size());
    if (text.size() <= sizeof(out.value.inlined.inlined)) {
      std::memcpy(out.value.inlined.inlined, text.data(), text.size());
      return out;
    }
    std::memcpy(out.value.pointer.prefix, text.data(), sizeof(out.value.pointer.prefix));
    out.value.pointer.ptr = const_cast<char*>(text.data());
    return out;
  }
  void Timestamps(const ArrowType& type, const ArrowArray& array, int64_t place, int64_t count,
                  const Destination& to) {
    constexpr int64_t kMicros = 1'000'000;
    const auto* const given = Buffer<int64_t>(array, 1);
    int64_t* const values = to.Values<int64_t>();
    for (int64_t i = 0; i < count; ++i) {
      const int64_t value = given[place + i];
      bool known = !IsNullAt(array, place + i);
      if (type.per_second > kMicros) {
        values[i] = Floor(value, type.per_second / kMicros);
      } else {
        known &= !__builtin_mul_overflow(value, kMicros / type.per_second, &values[i]);
      }
      // DuckDB's infinities are the largest numbers; none is a time.
      known &= value != INT64_MIN && values[i] < INT64_MAX && values[i] > -INT64_MAX;
      if (!known) to.SetNull(static_cast<size_t>(i));
    }
  }
  void Decimals(const ArrowType& type, const ArrowArray& array, int64_t place, int64_t count,
                const Destination& to) {
    // Of 128 bits, little-endian; DuckDB has narrower ones for fewer digits.
    struct Whole {
      uint64_t low;
      int64_t high;
    };
    const auto low = [&](int64_t at) {
      return static_cast<int64_t>(Buffer<Whole>(array, 1)[at].low);
    };
    if (type.width <= 4) {
      Each<int16_t>(array, place, count, to,
                    [&](int64_t at) { return static_cast<int16_t>(low(at)); });
    } else if (type.width <= 9) {
      Each<int32_t>(array, place, count, to,
                    [&](int64_t at) { return static_cast<int32_t>(low(at)); });
    } else if (type.width <= 18) {
      Each<int64_t>(array, place, count, to, low);
    } else {
      Each<Whole>(array, place, count, to, [&](int64_t at) { return Buffer<Whole>(array, 1)[at]; });
    }
  }
  static int64_t IndexAt(Kind kind, const ArrowArray& array, int64_t place) {
    switch (kind) {
      case Kind::kInt8:
        return Buffer<int8_t>(array, 1)[place];
      case Kind::kUint8:
        return Buffer<uint8_t>(array, 1)[place];
      case Kind::kInt16:
        return Buffer<int16_t>(array, 1)[place];
      case Kind::kUint16:
        return Buffer<uint16_t>(array, 1)[place];
      case Kind::kInt32:
        return Buffer<int32_t>(array, 1)[place];
      case Kind::kUint32:
        return Buffer<uint32_t>(array, 1)[place];
      default:
        return Buffer<int64_t>(array, 1)[place];
    }
  }
  void Dictionary(const ArrowType& type, const ArrowArray& array, int64_t place, int64_t count,
                  const Destination& to) {
    for (int64_t i = 0; i < count; ++i) {
      if (IsNullAt(array, place + i)) {
        to.SetNull(static_cast<size_t>(i));
        continue;
      }
      const int64_t index = IndexAt(type.index, array, place + i);
      if (index < 0 || index >= array.dictionary->length) {
        bad_index_ = true;
        to.SetNull(static_cast<size_t>(i));
        continue;
      }
      Read(type.of[0], *array.dictionary, index, 1, {to.vector, to.at + static_cast<size_t>(i)});
    }
  }
  void Lists(const ArrowType& type, const ArrowArray& array, int64_t place, int64_t count,
             const Destination& to) {
    const auto bound = [&](int64_t at) -> int64_t {
      if (type.kind == Kind::kFixedList) return at * type.size;
      if (type.kind == Kind::kLargeList) return Buffer<int64_t>(array, 1)[at];
      return Buffer<int32_t>(array, 1)[at];
    };
    const int64_t begin = count == 0 ? 0 : bound(place);
    const int64_t end = count == 0 ? 0 : bound(place + count);
    const size_t before = duckdb_list_vector_get_size(to.vector);
    const size_t after = before + static_cast<size_t>(end - begin);
    duckdb_list_vector_reserve(to.vector, after);
    duckdb_list_vector_set_size(to.vector, after);
    Each<duckdb_list_entry>(array, place, count, to, [&](int64_t at) -> duckdb_list_entry {
      return {before + static_cast<size_t>(bound(at) - begin),
              static_cast<size_t>(bound(at + 1) - bound(at))};
    });
    Read(type.of[0], *array.children[0], begin, end - begin,
         {duckdb_list_vector_get_child(to.vector), before});
  }

  bool bad_text_ = false, bad_index_ = false;
};

// What DuckDB's callbacks know of a table; it belongs to DuckDB.
struct ArrowFunction {
  std::shared_ptr<const ArrowTable> table;

  // One scan: the next row, and the columns that it is asked for.
  struct Scan {
    size_t batch = 0;
    int64_t row = 0;
    std::vector<uint64_t> columns;
  };

  static void Bind(duckdb_bind_info info) {
    const auto* self = static_cast<const ArrowFunction*>(duckdb_bind_get_extra_info(info));
    for (const ArrowTable::Field& field : self->table->fields()) {
      duckdb_logical_type type = ArrowLogicalType(field.type);
      duckdb_bind_add_result_column(info, field.name.c_str(), type);
      duckdb_destroy_logical_type(&type);
    }
    duckdb_bind_set_cardinality(info, self->table->rows(), true);
  }
  // From one thread: rows keep their order.
  static void Init(duckdb_init_info info) {
    auto scan = std::make_unique<Scan>();
    for (idx_t i = 0; i < duckdb_init_get_column_count(info); ++i) {
      scan->columns.push_back(duckdb_init_get_column_index(info, i));
    }
    duckdb_init_set_init_data(info, scan.release(),
                              [](void* one) { delete static_cast<Scan*>(one); });
    duckdb_init_set_max_threads(info, 1);
  }
  static void Fill(duckdb_function_info info, duckdb_data_chunk output) {
    const auto* self = static_cast<const ArrowFunction*>(duckdb_function_get_extra_info(info));
    auto* scan = static_cast<Scan*>(duckdb_function_get_init_data(info));
    const std::span<const ArrowArray> batches = self->table->batches();
    while (scan->batch < batches.size() && scan->row == batches[scan->batch].length) {
      ++scan->batch;
      scan->row = 0;
    }
    if (scan->batch == batches.size()) return duckdb_data_chunk_set_size(output, 0);
    const ArrowArray& batch = batches[scan->batch];
    const int64_t rows =
        std::min(static_cast<int64_t>(duckdb_vector_size()), batch.length - scan->row);
    for (size_t i = 0; i < scan->columns.size(); ++i) {
      const uint64_t column = scan->columns[i];
      if (column >= self->table->fields().size()) continue;  // of a statement that reads none
      ArrowReader reader;
      const ArrowTable::Field& field = self->table->fields()[column];
      reader.Read(field.type, *batch.children[column], batch.offset + scan->row, rows,
                  {duckdb_data_chunk_get_vector(output, i), 0});
      if (reader.bad_text() || reader.bad_index()) {
        const std::string message = fmt::format(
            "table {}, column '{}': {}", self->table->name(), field.name,
            reader.bad_text() ? "a text is not UTF-8" : "an index is outside of its dictionary");
        return duckdb_function_set_error(info, message.c_str());
      }
    }
    scan->row += rows;
    duckdb_data_chunk_set_size(output, static_cast<idx_t>(rows));
  }
};

}  // namespace

Status AddArrowTable(Database& database, std::shared_ptr<const ArrowTable> table) {
  const std::string name = table->name(), function_name = "upnext_arrow_" + name;
  auto self = std::make_unique<ArrowFunction>(std::move(table));
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, function_name.c_str());
  duckdb_table_function_set_bind(function, ArrowFunction::Bind);
  duckdb_table_function_set_init(function, ArrowFunction::Init);
  duckdb_table_function_set_function(function, ArrowFunction::Fill);
  duckdb_table_function_supports_projection_pushdown(function, true);
  duckdb_table_function_set_extra_info(function, self.release(),
                                       [](void* one) { delete static_cast<ArrowFunction*>(one); });
  const duckdb_state made = duckdb_register_table_function(
      static_cast<duckdb_connection>(database.connection()), function);
  duckdb_destroy_table_function(&function);
  if (made != DuckDBSuccess) {
    return InvalidArgument("there are two tables with the name {}; give one another name", name);
  }
  return database.Run(
      fmt::format("CREATE VIEW \"{}\" AS SELECT * FROM \"{}\"()", name, function_name));
}

}  // namespace upnext::import
