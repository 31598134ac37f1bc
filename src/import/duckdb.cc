#include "import/duckdb.h"

#include <duckdb.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>

#include "schema/values.h"

namespace upnext::import {
namespace {

duckdb_data_chunk AsChunk(void* chunk) { return static_cast<duckdb_data_chunk>(chunk); }

bool Contains(std::string_view text, std::string_view word) {
  return text.find(word) != std::string_view::npos;
}

// DuckDB's error as ours. Its message is kept whole: it names file, line and column.
std::unexpected<Error> Failure(duckdb_error_type type, const char* text) {
  std::string message = text != nullptr ? text : "DuckDB failed without a message";
  while (!message.empty() && message.back() == '\n') message.pop_back();
  switch (type) {
    case DUCKDB_ERROR_INTERRUPT:
      return Cancelled("stopped: {}", message);
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return ResourceExhausted("{}", message);
    case DUCKDB_ERROR_PERMISSION:
      return PermissionDenied("{}", message);
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_FATAL:
      return Internal("{}", message);
    default:
      break;
  }
  // The C API gives no type for errors found while a statement is prepared.
  if (Contains(message, "No files found") || Contains(message, "No such file")) {
    return NotFound("{}", message);
  }
  if (Contains(message, "Permission denied")) return PermissionDenied("{}", message);
  if (Contains(message, "No space left") || message.starts_with("Out of Memory")) {
    return ResourceExhausted("{}", message);
  }
  if (message.starts_with("INTERRUPT")) return Cancelled("stopped: {}", message);
  return InvalidArgument("{}", message);
}

// Frees a result or a prepared statement on every way out.
struct ResultHolder {
  duckdb_result value{};
  ResultHolder() = default;
  ResultHolder(const ResultHolder&) = delete;
  ResultHolder& operator=(const ResultHolder&) = delete;
  ~ResultHolder() { duckdb_destroy_result(&value); }
  std::unexpected<Error> error() {
    return Failure(duckdb_result_error_type(&value), duckdb_result_error(&value));
  }
};

struct PreparedHolder {
  duckdb_prepared_statement value = nullptr;
  PreparedHolder() = default;
  PreparedHolder(const PreparedHolder&) = delete;
  PreparedHolder& operator=(const PreparedHolder&) = delete;
  ~PreparedHolder() { duckdb_destroy_prepare(&value); }
};

struct ChunkHolder {
  duckdb_data_chunk value = nullptr;
  explicit ChunkHolder(duckdb_data_chunk chunk) : value(chunk) {}
  ChunkHolder(const ChunkHolder&) = delete;
  ChunkHolder& operator=(const ChunkHolder&) = delete;
  ~ChunkHolder() { duckdb_destroy_data_chunk(&value); }
};

std::string_view TextOf(duckdb_string_t* text) {
  return {duckdb_string_t_data(text), duckdb_string_t_length(*text)};
}

// What a function made by AddRowLimit knows; DuckDB owns it and calls from many threads.
struct RowLimit {
  const uint64_t limit;
  const std::string message;
  std::atomic<uint64_t> rows = 0;
};

void CountRows(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output) {
  auto* state = static_cast<RowLimit*>(duckdb_scalar_function_get_extra_info(info));
  const uint64_t rows = duckdb_data_chunk_get_size(input);
  std::fill_n(static_cast<bool*>(duckdb_vector_get_data(output)), rows, true);
  if ((state->rows += rows) > state->limit) {
    duckdb_scalar_function_set_error(info, state->message.c_str());
  }
}

bool IsValid(duckdb_vector vector, size_t row) {
  uint64_t* validity = duckdb_vector_get_validity(vector);
  return validity == nullptr || duckdb_validity_row_is_valid(validity, row);
}

// has_control_bytes(VARCHAR): NULL for NULL, which DuckDB sees to.
void HasControlBytesFunction(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  duckdb_vector column = duckdb_data_chunk_get_vector(input, 0);
  auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(column));
  const uint64_t* there = duckdb_vector_get_validity(column);
  auto* found = static_cast<bool*>(duckdb_vector_get_data(output));
  const size_t rows = duckdb_data_chunk_get_size(input);
  for (size_t row = 0; row < rows; ++row) {
    const bool null = there != nullptr && (there[row / 64] >> (row % 64) & 1) == 0;
    found[row] = !null && schema::HasControlBytes(TextOf(texts + row));
  }
}

bool AddFunctions(duckdb_connection connection) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
  duckdb_logical_type truth = duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
  duckdb_scalar_function_set_name(function, "has_control_bytes");
  duckdb_scalar_function_add_parameter(function, text);
  duckdb_scalar_function_set_return_type(function, truth);
  duckdb_scalar_function_set_function(function, HasControlBytesFunction);
  const duckdb_state state = duckdb_register_scalar_function(connection, function);
  duckdb_destroy_logical_type(&truth);
  duckdb_destroy_logical_type(&text);
  duckdb_destroy_scalar_function(&function);
  return state == DuckDBSuccess;
}

}  // namespace

// ---- Chunk
// ---------------------------------------------------------------------------------------

size_t Chunk::rows() const { return duckdb_data_chunk_get_size(AsChunk(chunk_)); }

size_t Chunk::columns() const { return duckdb_data_chunk_get_column_count(AsChunk(chunk_)); }

bool Chunk::valid(size_t column, size_t row) const {
  return IsValid(duckdb_data_chunk_get_vector(AsChunk(chunk_), column), row);
}

const void* Chunk::Data(size_t column) const {
  return duckdb_vector_get_data(duckdb_data_chunk_get_vector(AsChunk(chunk_), column));
}

std::string_view Chunk::Text(size_t column, size_t row) const {
  // Short strings lie inside the vector itself, so the view must point there and not at a copy.
  duckdb_vector vector = duckdb_data_chunk_get_vector(AsChunk(chunk_), column);
  return TextOf(static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector)) + row);
}

void Chunk::Texts(size_t column, std::vector<std::string_view>& texts) const {
  duckdb_vector vector = duckdb_data_chunk_get_vector(AsChunk(chunk_), column);
  auto* data = static_cast<duckdb_string_t*>(duckdb_vector_get_data(vector));
  const uint64_t* validity = duckdb_vector_get_validity(vector);
  texts.resize(rows());
  for (size_t row = 0; row < texts.size(); ++row) {
    const bool there = validity == nullptr || (validity[row / 64] >> (row % 64) & 1) != 0;
    texts[row] = there ? TextOf(data + row) : std::string_view();
  }
}

std::vector<std::string_view> Chunk::TextList(size_t column, size_t row) const {
  duckdb_vector vector = duckdb_data_chunk_get_vector(AsChunk(chunk_), column);
  const duckdb_list_entry entry =
      static_cast<duckdb_list_entry*>(duckdb_vector_get_data(vector))[row];
  duckdb_vector child = duckdb_list_vector_get_child(vector);
  auto* texts = static_cast<duckdb_string_t*>(duckdb_vector_get_data(child));
  std::vector<std::string_view> list;
  list.reserve(entry.length);
  for (uint64_t i = entry.offset; i < entry.offset + entry.length; ++i) {
    if (IsValid(child, i)) list.push_back(TextOf(texts + i));
  }
  return list;
}

Chunk::ListPlace Chunk::ListData(size_t column, size_t row) const {
  duckdb_vector vector = duckdb_data_chunk_get_vector(AsChunk(chunk_), column);
  const auto entry = static_cast<duckdb_list_entry*>(duckdb_vector_get_data(vector))[row];
  return {duckdb_vector_get_data(duckdb_list_vector_get_child(vector)), entry.offset, entry.length};
}

// ---- Database
// ------------------------------------------------------------------------------------

struct Database::Rep {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;
  ~Rep() {
    duckdb_disconnect(&connection);
    duckdb_close(&database);
  }
};

Database::Database() : rep_(std::make_unique<Rep>()) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::Open(const DatabaseOptions& options) {
  Database database;
  char* error = nullptr;
  const std::string file = options.file.string();
  const duckdb_state state = duckdb_open_ext(file.empty() ? nullptr : file.c_str(),
                                             &database.rep_->database, nullptr, &error);
  if (state != DuckDBSuccess) {
    auto failure = Failure(DUCKDB_ERROR_INVALID, error);
    duckdb_free(error);
    return WithContext(std::move(failure).error(), "cannot open a DuckDB database");
  }
  if (duckdb_connect(database.rep_->database, &database.rep_->connection) != DuckDBSuccess) {
    return Internal("cannot connect to a DuckDB database that was just opened");
  }
  if (!AddFunctions(database.rep_->connection)) {
    return Internal("cannot add a function to a DuckDB database that was just opened");
  }
  // DuckDB counts progress only where it would draw a bar; the bar itself stays off.
  std::string settings =
      "SET enable_progress_bar = true; SET enable_progress_bar_print = false; "
      "SET TimeZone = 'UTC';";
  if (!options.load_extensions) {
    settings += "SET autoinstall_known_extensions = false; SET autoload_known_extensions = false;";
  }
  if (!options.temp_directory.empty()) {
    settings += fmt::format("SET temp_directory = {};", QuoteSql(options.temp_directory.string()));
  }
  if (options.threads > 0) settings += fmt::format("SET threads = {};", options.threads);
  if (options.memory_limit_mb > 0) {
    settings += fmt::format("SET memory_limit = '{}MB';", options.memory_limit_mb);
  }
  UPNEXT_RETURN_IF_ERROR(database.Run(settings));
  return database;
}

Status Database::Run(std::string_view sql) {
  ResultHolder result;
  if (duckdb_query(rep_->connection, std::string(sql).c_str(), &result.value) != DuckDBSuccess) {
    return result.error();
  }
  return Ok();
}

Status Database::Query(std::string_view sql, const std::function<Status(const Chunk&)>& on_chunk) {
  PreparedHolder prepared;
  if (duckdb_prepare(rep_->connection, std::string(sql).c_str(), &prepared.value) !=
      DuckDBSuccess) {
    return Failure(DUCKDB_ERROR_INVALID, duckdb_prepare_error(prepared.value));
  }
  // Streaming: a materialised result would hold every row in memory at once.
  ResultHolder result;
  if (duckdb_execute_prepared_streaming(prepared.value, &result.value) != DuckDBSuccess) {
    return result.error();
  }
  for (;;) {
    const ChunkHolder holder(duckdb_fetch_chunk(result.value));
    if (holder.value == nullptr) break;
    Chunk chunk;
    chunk.chunk_ = holder.value;
    UPNEXT_RETURN_IF_ERROR(on_chunk(chunk));
  }
  const char* error = duckdb_result_error(&result.value);
  if (error != nullptr && *error != '\0') return result.error();
  return Ok();
}

Result<std::vector<Column>> Database::Describe(std::string_view sql) {
  std::vector<Column> columns;
  UPNEXT_RETURN_IF_ERROR(
      Query(fmt::format("DESCRIBE SELECT * FROM (\n{}\n)", sql), [&](const Chunk& chunk) {
        for (size_t row = 0; row < chunk.rows(); ++row) {
          columns.push_back({std::string(chunk.Text(0, row)), std::string(chunk.Text(1, row))});
        }
        return Ok();
      }));
  return columns;
}

double Database::progress() const {
  const double percentage = duckdb_query_progress(rep_->connection).percentage;
  return percentage < 0 ? -1 : std::min(percentage / 100, 1.0);
}

void* Database::connection() const { return rep_->connection; }

void Database::Interrupt() { duckdb_interrupt(rep_->connection); }

Status Database::AddRowLimit(std::string_view name, uint64_t limit, std::string_view message) {
  duckdb_scalar_function function = duckdb_create_scalar_function();
  duckdb_logical_type boolean = duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
  duckdb_scalar_function_set_name(function, std::string(name).c_str());
  duckdb_scalar_function_set_return_type(function, boolean);
  duckdb_scalar_function_set_volatile(function);  // else it would be asked once and not per row
  duckdb_scalar_function_set_function(function, CountRows);
  duckdb_scalar_function_set_extra_info(function, new RowLimit{limit, std::string(message)},
                                        [](void* state) { delete static_cast<RowLimit*>(state); });
  const duckdb_state made = duckdb_register_scalar_function(rep_->connection, function);
  duckdb_destroy_logical_type(&boolean);
  duckdb_destroy_scalar_function(&function);
  if (made != DuckDBSuccess) return Internal("cannot make the SQL function {}", name);
  return Ok();
}

// ---- Appender
// ------------------------------------------------------------------------------------

struct Appender::Rep {
  duckdb_appender appender = nullptr;
  std::string table;
  bool failed = false;
  ~Rep() { duckdb_appender_destroy(&appender); }
  void Note(duckdb_state state) { failed |= state != DuckDBSuccess; }
  Status Check() {
    if (!failed) return Ok();
    const char* text = duckdb_appender_error(appender);
    auto failure = Failure(DUCKDB_ERROR_INVALID, text);
    return WithContext(std::move(failure).error(), fmt::format("adding rows to {}", table));
  }
};

Appender::Appender() : rep_(std::make_unique<Rep>()) {}
Appender::Appender(Appender&&) noexcept = default;
Appender::~Appender() = default;

Result<Appender> Appender::Create(Database& database, std::string_view table) {
  Appender appender;
  appender.rep_->table = table;
  appender.rep_->Note(duckdb_appender_create(
      database.rep_->connection, nullptr, appender.rep_->table.c_str(), &appender.rep_->appender));
  UPNEXT_RETURN_IF_ERROR(appender.rep_->Check());
  return appender;
}

void Appender::Add(int64_t value) { rep_->Note(duckdb_append_int64(rep_->appender, value)); }
void Appender::Add(double value) { rep_->Note(duckdb_append_double(rep_->appender, value)); }
void Appender::Add(bool value) { rep_->Note(duckdb_append_bool(rep_->appender, value)); }
void Appender::Add(std::string_view value) {
  rep_->Note(duckdb_append_varchar_length(rep_->appender, value.data(), value.size()));
}
void Appender::AddNull() { rep_->Note(duckdb_append_null(rep_->appender)); }

Status Appender::EndRow() {
  rep_->Note(duckdb_appender_end_row(rep_->appender));
  return rep_->Check();
}

Status Appender::Close() {
  rep_->Note(duckdb_appender_close(rep_->appender));
  return rep_->Check();
}

std::string QuoteSql(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace upnext::import
