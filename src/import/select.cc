#include "import/select.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "base/lower_case.h"
#include "import/canonical.h"
#include "import/sql_tree.h"
#include "import/text_ids.h"

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

struct Fractions {
  uint64_t ids = 0, inexact = 0;  // not whole, or so large that the type holds them rounded
  std::string example;
};

Result<Fractions> CountFractions(Database& db, const Select& select, const Column& column,
                                 std::string_view type, bool list) {
  const std::string value = fmt::format("\"upnext row\".\"{}\"", column.name);
  Fractions found;
  UPNEXT_RETURN_IF_ERROR(db.Query(
      fmt::format("SELECT count(x), count(x) FILTER (inexact),\n"
                  "  coalesce(CAST(any_value(x) FILTER (inexact) AS VARCHAR), '')\n"
                  "FROM (SELECT x, NOT isfinite(x::DOUBLE) OR x::DOUBLE <> trunc(x::DOUBLE) OR "
                  "abs(x::DOUBLE) >= {} AS inexact\n"
                  "  FROM (SELECT {} AS x FROM (\n{}\n) AS \"upnext row\"))",
                  type == "FLOAT" ? "16777216" : "9007199254740992",
                  list ? fmt::format("unnest({})", value) : value, select.sql),
      [&](const Chunk& chunk) -> Status {
        if (chunk.rows() == 0) return Ok();
        found = {.ids = static_cast<uint64_t>(chunk.Values<int64_t>(0)[0]),
                 .inexact = static_cast<uint64_t>(chunk.Values<int64_t>(1)[0]),
                 .example = std::string(chunk.Text(2, 0))};
        return Ok();
      }));
  return found;
}

// Changes the SELECT so that files give ids as they are written there.
void KeepIds(const ImportOptions& options, WatchedDatabase& db, Select& select) {
  std::set<std::string> ids;
  const TableColumns columns(select.table, options.schema);
  for (const TableColumn& column : columns.all()) {
    if (column.read != Read::kId && column.read != Read::kIds && column.read != Read::kFree) {
      continue;
    }
    const Column* given = TableColumns::Given(select.columns, column.attribute.name);
    if (given != nullptr) ids.insert(base::LowerCase(given->name));
  }
  TextIds text = ReadIdsAsText(db.database(), select.sql, select.columns, std::move(ids));
  select.sql = std::move(text.sql);
  select.columns = std::move(text.columns);
  if (text.guessed.empty()) return;
  db.progress().Note(fmt::format(
      "warning: {}: ids come from columns whose type is guessed from the first rows: {}; an id like "
      "007 becomes 7 there. Write types = {{'...': 'VARCHAR'}} in the read_csv",
      TableName(select.table), fmt::join(text.guessed, ", ")));
}

// A SELECT of the columns that the table must have.
const char* NoRows(Table table) {
  switch (table) {
    case Table::kEvents:
      return "SELECT ''::VARCHAR AS \"user\", ''::VARCHAR AS item, 0::BIGINT AS time, "
             "''::VARCHAR AS type WHERE false";
    case Table::kItems:
      return "SELECT ''::VARCHAR AS item WHERE false";
    case Table::kUsers:
      return "SELECT ''::VARCHAR AS \"user\" WHERE false";
  }
  std::unreachable();
}

}  // namespace

Result<Select> PrepareSelect(const ImportOptions& options, Table table, bool may_be_absent,
                             WatchedDatabase& db, InputFiles& files) {
  Select select = {.table = table};
  UPNEXT_ASSIGN_OR_RETURN(select.sql, SqlToRun(options, table));
  select.given = !select.sql.empty();
  if (select.given) files.Add(db.database(), table, select.sql);
  for (;;) {
    if (!select.given) {
      select.sql = NoRows(table);
    }
    Result<std::vector<Column>> columns = db.database().Describe(select.sql);
    if (columns) {
      select.columns = *std::move(columns);
      if (select.given) KeepIds(options, db, select);
      return select;
    }
    const bool absent = columns.error().code == Code::kNotFound && select.given && may_be_absent;
    if (!absent) {
      return SelectError(std::move(columns).error(), options, table, "\n" + select.sql, select.sql);
    }
    db.progress().Note(
        fmt::format("{0}: no file to append ({1}); the {0} of the log stay as they are",
                    TableName(table), columns.error().message));
    select.absent = std::move(columns).error();
    select.given = false;
  }
}

Status CheckNoFractionIds(const ImportOptions& options, const Select& select, Database& db) {
  const TableColumns columns(select.table, options.schema);
  for (const TableColumn& column : columns.all()) {
    const Column* given = TableColumns::Given(select.columns, column.attribute.name);
    if (given == nullptr || (column.read != Read::kId && column.read != Read::kIds)) continue;
    const bool list = given->type.ends_with("[]");
    const std::string type = list ? given->type.substr(0, given->type.size() - 2) : given->type;
    if (!IsFraction(type)) continue;
    UPNEXT_ASSIGN_OR_RETURN(const Fractions found, CountFractions(db, select, *given, type, list));
    const auto advice = [&](std::string_view to) {
      const std::string cast = fmt::format("CAST({} AS {})", list ? "x" : "...", to);
      return fmt::format("{} AS {}", list ? "list_transform(..., x -> " + cast + ")" : cast,
                         column.attribute.name);
    };
    const std::string wrong =
        fmt::format("[import] {}: column '{}' should be text or whole numbers, is {}",
                    TableName(select.table), column.attribute.name, given->type);
    if (found.inexact == 0) {
      return InvalidArgument("{}; all {} ids are whole numbers that it holds exactly: write {}",
                             wrong, found.ids, advice("BIGINT"));
    }
    return InvalidArgument(
        "{}; {} of {} ids are not whole or too large for it, e.g. {}, and would be merged with "
        "others as whole numbers. Store the ids as text or whole numbers in the file; or, to keep "
        "what is there, write {}",
        wrong, found.inexact, found.ids, found.example, advice("VARCHAR"));
  }
  return Ok();
}

// Rows without a user go with the first part, so that one of all imports rejects them. MD5, because
// that never changes.
std::string PartOf(const ImportOptions& options, const Select& select) {
  const Column* user = TableColumns::Given(select.columns, "user");
  if (options.parts == 1 || select.table == Table::kItems || user == nullptr) return select.sql;
  return fmt::format(
      "SELECT * FROM (\n{}\n) AS \"upnext row\" WHERE coalesce(md5_number_lower({}) % {}, 0) = {}",
      select.sql, IdText(*user), options.parts, options.part - 1);
}

// What DuckDB says of a file that it cannot read, in a line, without the list of its own settings: the
// first paragraph, and the file if that is named only among them.
std::string AboutTheFile(const std::string& message) {
  constexpr std::string_view kKinds[] = {"Invalid Input Error: ", "IO Error: "};
  for (const std::string_view kind : kKinds) {
    if (!message.starts_with(kind)) continue;
    std::string text;
    std::istringstream lines(message.substr(kind.size()));
    for (std::string line; std::getline(lines, line) && !line.empty();) {
      if (line.starts_with("Possible")) break;
      text += (text.empty() ? "" : "; ") + line;
    }
    constexpr std::string_view kFile = "\n  file = ";
    if (const size_t at = message.find(kFile); at != std::string::npos) {
      const size_t begin = at + kFile.size();
      text = message.substr(begin, message.find('\n', begin) - begin) + ": " + text;
    }
    return text;
  }
  return message;
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
    error.message = AboutTheFile(error.message);
    error.message += csv ? "\n(fix the file or the options of its read_csv; to set unreadable "
                           "lines aside instead, add store_rejects = true to it)"
                         : "\n(fix the SELECT or the file that it reads)";
  }
  return WithContext(std::move(error),
                     fmt::format("[import] {}: the SELECT fails", TableName(table)));
}

}  // namespace upnext::import
