#include "import/duckdb_table.h"

#include <duckdb.h>

#include <cstring>
#include <memory>
#include <utility>

namespace upnext::import {

// What DuckDB's callbacks know of a table; it belongs to DuckDB.
struct TableFunction {
  std::vector<Column> columns;
  FillChunk fill;

  static duckdb_type TypeOf(std::string_view type) {
    if (type == "BIGINT") return DUCKDB_TYPE_BIGINT;
    if (type == "INTEGER") return DUCKDB_TYPE_INTEGER;
    if (type == "DOUBLE") return DUCKDB_TYPE_DOUBLE;
    if (type == "FLOAT") return DUCKDB_TYPE_FLOAT;
    if (type == "BOOLEAN") return DUCKDB_TYPE_BOOLEAN;
    if (type == "VARCHAR") return DUCKDB_TYPE_VARCHAR;
    if (type == "TIMESTAMP") return DUCKDB_TYPE_TIMESTAMP;
    return DUCKDB_TYPE_INVALID;
  }
  // Of the values of a list, which for other types are the column's.
  static std::string_view ValueType(std::string_view type) {
    const bool list = type == "INTEGER[]" || type == "FLOAT[]";
    return type.substr(0, type.size() - (list ? 2 : 0));
  }
  static duckdb_logical_type LogicalType(std::string_view type) {
    const std::string_view value = ValueType(type);
    duckdb_logical_type of_values = duckdb_create_logical_type(TypeOf(value));
    if (value.size() == type.size()) return of_values;
    const duckdb_logical_type list = duckdb_create_list_type(of_values);
    duckdb_destroy_logical_type(&of_values);
    return list;
  }
  static void Bind(duckdb_bind_info info) {
    const auto* self = static_cast<const TableFunction*>(duckdb_bind_get_extra_info(info));
    for (const Column& column : self->columns) {
      duckdb_logical_type type = LogicalType(column.type);
      duckdb_bind_add_result_column(info, column.name.c_str(), type);
      duckdb_destroy_logical_type(&type);
    }
  }
  static void Init(duckdb_init_info info) { duckdb_init_set_max_threads(info, 1); }
  static void Fill(duckdb_function_info info, duckdb_data_chunk output) {
    const auto* self = static_cast<const TableFunction*>(duckdb_function_get_extra_info(info));
    ChunkWriter writer;
    writer.chunk_ = output;
    writer.vectors_.resize(self->columns.size());
    writer.validity_.assign(self->columns.size(), nullptr);
    for (size_t c = 0; c < self->columns.size(); ++c) {
      writer.vectors_[c] = duckdb_data_chunk_get_vector(output, c);
    }
    duckdb_data_chunk_set_size(output, self->fill(writer));
  }
};

size_t ChunkWriter::capacity() const { return duckdb_vector_size(); }

void* ChunkWriter::Data(size_t column) const {
  return duckdb_vector_get_data(static_cast<duckdb_vector>(vectors_[column]));
}

void ChunkWriter::SetText(size_t column, size_t row, std::string_view text) {
  // What fits lies in the vector itself: most ids and all names, so it is worth doing it here.
  duckdb_string_t* const texts = static_cast<duckdb_string_t*>(Data(column));
  auto& place = texts[row].value.inlined;
  if (text.size() <= sizeof(place.inlined)) {
    place.length = static_cast<uint32_t>(text.size());
    std::memset(place.inlined, 0, sizeof(place.inlined));
    std::memcpy(place.inlined, text.data(), text.size());
    return;
  }
  duckdb_vector_assign_string_element_len(static_cast<duckdb_vector>(vectors_[column]), row,
                                          text.data(), text.size());
}

void ChunkWriter::SetNull(size_t column, size_t row) {
  uint64_t*& validity = validity_[column];
  if (validity == nullptr) {
    const auto vector = static_cast<duckdb_vector>(vectors_[column]);
    duckdb_vector_ensure_validity_writable(vector);
    validity = duckdb_vector_get_validity(vector);
  }
  validity[row / 64] &= ~(uint64_t{1} << (row % 64));
}

void* ChunkWriter::AddList(size_t column, size_t row, size_t size) {
  const auto lists = static_cast<duckdb_vector>(vectors_[column]);
  const size_t begin = duckdb_list_vector_get_size(lists);
  duckdb_list_vector_reserve(lists, begin + size);
  duckdb_list_vector_set_size(lists, begin + size);
  static_cast<duckdb_list_entry*>(Data(column))[row] = {begin, size};
  void* const values = duckdb_vector_get_data(duckdb_list_vector_get_child(lists));
  constexpr size_t kValueBytes = 4;  // of INTEGER and FLOAT alike
  return static_cast<char*>(values) + begin * kValueBytes;
}

Status AddTable(Database& database, std::string_view name, std::vector<Column> columns,
                FillChunk fill) {
  for (const Column& column : columns) {
    if (TableFunction::TypeOf(TableFunction::ValueType(column.type)) == DUCKDB_TYPE_INVALID) {
      return InvalidArgument("column {} of table {}: cannot write the type {}", column.name, name,
                             column.type);
    }
  }
  auto table = std::make_unique<TableFunction>(std::move(columns), std::move(fill));
  duckdb_table_function function = duckdb_create_table_function();
  duckdb_table_function_set_name(function, std::string(name).c_str());
  duckdb_table_function_set_bind(function, TableFunction::Bind);
  duckdb_table_function_set_init(function, TableFunction::Init);
  duckdb_table_function_set_function(function, TableFunction::Fill);
  duckdb_table_function_set_extra_info(
      function, table.release(), [](void* self) { delete static_cast<TableFunction*>(self); });
  const duckdb_state made = duckdb_register_table_function(
      static_cast<duckdb_connection>(database.connection()), function);
  duckdb_destroy_table_function(&function);
  if (made != DuckDBSuccess) return Internal("cannot make the table function {}", name);
  return Ok();
}

}  // namespace upnext::import
