#include "import/select.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace upnext::import {
namespace {

const std::string& SqlOf(const ImportOptions& options, Table table) {
  switch (table) {
    case Table::kItems:
      return options.items_sql;
    case Table::kUsers:
      return options.users_sql;
    case Table::kEvents:
      break;
  }
  return options.events_sql;
}

// The user's SELECT, ready to stand in brackets: {data} replaced, no semicolon at its end.
Result<std::string> SqlToRun(const ImportOptions& options, Table table) {
  std::string sql = SqlOf(options, table);
  constexpr std::string_view kData = "{data}";
  // The placeholder stands inside quotes, so a quote in the path is doubled.
  std::string data = QuoteSql(options.data.string());
  data = data.substr(1, data.size() - 2);
  for (size_t at = sql.find(kData); at != std::string::npos; at = sql.find(kData, at)) {
    if (options.data.empty()) {
      return InvalidArgument(
          "[import] {}: the SELECT reads from {{data}}, but no data directory was given; use "
          "--data "
          "or set UPNEXT_DATA",
          TableName(table));
    }
    sql.replace(at, kData.size(), data);
    at += data.size();
  }
  while (!sql.empty() &&
         (sql.back() == ';' || std::isspace(static_cast<unsigned char>(sql.back()))))
    sql.pop_back();
  return sql;
}

// DuckDB ends a message with the line of the statement and a caret under the place. Statements wrap
// the user's SELECT, so `before` lines are taken off the number; syntax errors have it all twice.
void MendPlace(std::string& message, int64_t before) {
  constexpr std::string_view kPlace = "\n\nLINE ";
  const size_t at = message.rfind(kPlace);
  if (at == std::string::npos) return;
  std::string place = message.substr(at);
  message.resize(at);
  if (message.ends_with(place)) message.resize(message.size() - place.size());
  const size_t first = kPlace.size(), colon = place.find(':');
  int64_t line = 0;
  const auto parsed = std::from_chars(place.data() + first, place.data() + colon, line);
  if (colon != std::string::npos && parsed.ec == std::errc() && line > before) {
    const std::string number = fmt::format("{}", line - before);
    const size_t shorter = colon - first - number.size();
    place.replace(first, colon - first, number);
    const size_t caret = place.rfind('\n') + 1;
    if (place.find_first_not_of(' ', caret) >= caret + shorter) place.erase(caret, shorter);
  }
  message += place;
}

// Whether DuckDB fails because the statement needs what the installation does not load.
bool NeedsExtension(std::string_view message) {
  return message.contains("requires the extension") || message.contains("it exists in the") ||
         message.contains("Extension Autoloading Error");
}

}  // namespace

Result<Select> PrepareSelect(const ImportOptions& options, Table table, bool may_be_absent,
                             WatchedDatabase& db) {
  Select select = {.table = table};
  UPNEXT_ASSIGN_OR_RETURN(select.sql, SqlToRun(options, table));
  select.given = !select.sql.empty();
  for (;;) {
    if (!select.given) {
      select.sql = fmt::format("SELECT ''::VARCHAR AS {} WHERE false",
                               table == Table::kUsers ? "\"user\"" : "item");
    }
    Result<std::vector<Column>> columns = db.database().Describe(select.sql);
    if (columns) {
      select.columns = *std::move(columns);
      return select;
    }
    const bool absent = columns.error().code == Code::kNotFound && select.given && may_be_absent &&
                        table != Table::kEvents;
    if (!absent) {
      return SelectError(std::move(columns).error(), options, table, "\n" + select.sql, select.sql);
    }
    db.progress().Note(
        fmt::format("{0}: no file to append ({1}); the {0} of the log stay as they are",
                    TableName(table), columns.error().message));
    select.given = false;
  }
}

// Rows without a user go with the first part, so that one of all imports rejects them. MD5, because
// that never changes.
std::string PartOf(const ImportOptions& options, const Select& select) {
  if (options.parts == 1 || select.table == Table::kItems || !select.given) return select.sql;
  return fmt::format(
      "SELECT * FROM (\n{}\n) WHERE coalesce(md5_number_lower(CAST(\"user\" AS VARCHAR)) % {}, 0) "
      "= {}",
      select.sql, options.parts, options.part - 1);
}

std::unexpected<Error> SelectError(Error error, const ImportOptions& options, Table table,
                                   std::string_view statement, std::string_view select) {
  const std::string_view around = statement.substr(0, statement.find(select));
  MendPlace(error.message, std::ranges::count(around, '\n'));
  if (error.code == Code::kCancelled) return std::unexpected(std::move(error));
  if (!options.allow_remote && NeedsExtension(error.message)) {
    return FailedPrecondition(
        "[import] {}: the SELECT needs an extension of DuckDB, as sources on other machines "
        "(s3://, http(s)://, postgres_scan ...) do, and these are off. Copy the data to files on "
        "this machine, or allow it with allow_remote = true in [import]. DuckDB says: {}",
        TableName(table), error.message.substr(0, error.message.find('\n')));
  }
  if (error.code == Code::kNotFound) {
    error.message += fmt::format("\n(the data directory is '{}'; --data or UPNEXT_DATA sets it)",
                                 options.data.string());
  } else if (error.code == Code::kInvalidArgument) {
    const bool csv = error.message.contains("CSV Error on Line") ||
                     error.message.contains("rror when sniffing file");
    error.message += csv ? "\n(fix the file or the options of its read_csv; to set unreadable "
                           "lines aside instead, add store_rejects = true to it)"
                         : "\n(fix the SELECT or the file that it reads)";
  }
  return WithContext(std::move(error),
                     fmt::format("[import] {}: the SELECT fails", TableName(table)));
}

}  // namespace upnext::import
