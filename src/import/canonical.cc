#include "import/canonical.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "base/suggest.h"
#include "log/log_format.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

// kText is an id; kFree is text that is only shown or searched.
enum class Kind { kText, kFree, kTexts, kTime, kReal, kBool, kPosition, kType, kPlace };

struct Canonical {
  std::string_view name;
  Kind kind;
  bool needed = false;
  // For kReal: a condition on the typed column that a good value meets, and its words.
  std::string_view good = {}, words = {};
};

// 2200-01-01 and 1900-01-01 in milliseconds: times outside are taken for a wrong unit.
constexpr int64_t kLatest = 7'258'118'400'000, kEarliest = -2'208'988'800'000;

constexpr Canonical kEventColumns[] = {
    {"user", Kind::kText, true},
    {"item", Kind::kText, true},
    {"time", Kind::kTime, true},
    {"type", Kind::kType, true},
    {"value", Kind::kReal, false, "value BETWEEN 0 AND 1e9", "should be finite and in [0, 1e9]"},
    {"query", Kind::kFree},
    {"request", Kind::kText},
    {"position", Kind::kPosition},
    {"source", Kind::kText},
    {"propensity", Kind::kReal, false, "propensity > 0 AND propensity <= 1",
     "should be a probability above 0"},
    {"device", Kind::kText},
    {"region", Kind::kText},
    {"current_item", Kind::kText},
    {"off_site", Kind::kBool},
    {"file", Kind::kPlace},
    {"line", Kind::kPlace},
};
constexpr Canonical kItemColumns[] = {
    {"item", Kind::kText, true},
    {"created", Kind::kTime},
    {"duration", Kind::kReal, false, "duration >= 0 AND NOT isinf(duration)",
     "should be a number of seconds, not negative"},
    {"channel", Kind::kText},
    {"topics", Kind::kTexts},
    {"language", Kind::kText},
    {"title", Kind::kFree},
    {"removed", Kind::kBool},
    {"file", Kind::kPlace},
    {"line", Kind::kPlace},
};
constexpr Canonical kUserColumns[] = {
    {"user", Kind::kText, true},
    {"region", Kind::kText},
    {"language", Kind::kText},
    {"age", Kind::kReal, false, "age >= 0 AND age <= 150", "should be in [0, 150]"},
    {"gender", Kind::kReal, false, "gender >= 0 AND gender <= 1",
     "should be in [0, 1], e.g. 0 for male and 1 for female"},
    {"logged_in", Kind::kBool},
    {"file", Kind::kPlace},
    {"line", Kind::kPlace},
};
static_assert(log::format::kMaxAge == 150 && schema::kMaxValue == 1e9);

// Other names under which a column is read: that of DuckDB's readers with filename = true, and the
// one that the item being watched once had.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {{"filename", "file"},
                                                                         {"seed", "current_item"}};

std::span<const Canonical> ColumnsOf(Table table) {
  if (table == Table::kEvents) return kEventColumns;
  return table == Table::kItems ? std::span<const Canonical>(kItemColumns) : kUserColumns;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string Join(std::span<const std::string> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

bool IsText(std::string_view type) { return type == "VARCHAR" || type.starts_with("ENUM"); }

bool IsNumber(std::string_view type) {
  static constexpr std::string_view kNumbers[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                                  "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                                  "UBIGINT", "UHUGEINT", "FLOAT",     "DOUBLE"};
  return std::ranges::find(kNumbers, type) != std::end(kNumbers) || type.starts_with("DECIMAL");
}

bool IsTimestamp(std::string_view type) { return type.starts_with("TIMESTAMP") || type == "DATE"; }

// The column as the SELECT gave it, under the name that it has there.
std::string Raw(std::string_view name) { return fmt::format("\"upnext row\".\"{}\"", name); }

// The same, with empty text as NULL.
std::string RawOrNull(std::string_view name, std::string_view type) {
  return IsText(type) ? fmt::format("nullif(trim(CAST({} AS VARCHAR)), '')", Raw(name)) : Raw(name);
}

std::string_view SqlType(Kind kind, std::string_view name) {
  switch (kind) {
    case Kind::kText:
    case Kind::kFree:
      return "VARCHAR";
    case Kind::kTexts:
      return "VARCHAR[]";
    case Kind::kTime:
      return "BIGINT";
    case Kind::kReal:
      return "FLOAT";
    case Kind::kBool:
      return "BOOLEAN";
    case Kind::kPosition:
      return "INTEGER";
    case Kind::kType:
      return "UTINYINT";
    case Kind::kPlace:
      return name == "line" ? "BIGINT" : "VARCHAR";
  }
  return "VARCHAR";
}

std::string TimeExpression(std::string_view name, std::string_view type) {
  const std::string raw = RawOrNull(name, type);
  const auto seconds = [](std::string_view x) {
    return fmt::format("TRY_CAST(round(TRY_CAST({} AS DOUBLE) * 1000) AS BIGINT)", x);
  };
  // Text becomes a TIMESTAMPTZ, since a cast to TIMESTAMP passes over the offset that it may carry.
  // The session's zone is UTC, so that text without one means UTC.
  const auto timestamp = [](std::string_view x, std::string_view as) {
    return fmt::format(
        "CASE WHEN isfinite(TRY_CAST({0} AS {1})) THEN epoch_ms(TRY_CAST({0} AS {1})) END", x, as);
  };
  if (IsNumber(type)) return seconds(raw);
  if (IsTimestamp(type)) return timestamp(raw, "TIMESTAMP");
  return fmt::format("coalesce({}, {})", seconds(raw), timestamp(raw, "TIMESTAMPTZ"));
}

std::string TypeExpression(std::string_view name) {
  std::string sql = fmt::format("CASE lower(trim(CAST({} AS VARCHAR)))", Raw(name));
  for (size_t i = 1; i < schema::kEventTypes; ++i) {
    sql += fmt::format(" WHEN '{}' THEN {}",
                       schema::EventTypeName(static_cast<schema::EventType>(i)), i);
  }
  return sql + " END";
}

// The typed value of a column that the SELECT gives, NULL when it does not fit.
std::string Expression(const Canonical& column, const Column& given) {
  const std::string_view type = given.type, name = given.name;
  switch (column.kind) {
    case Kind::kText:
    case Kind::kFree:
      return fmt::format("nullif(CAST({} AS VARCHAR), '')", Raw(name));
    case Kind::kTexts:
      if (type.ends_with("]")) {
        return fmt::format("list_filter(CAST({} AS VARCHAR[]), x -> x <> '')", Raw(name));
      }
      return fmt::format("CASE WHEN CAST({0} AS VARCHAR) <> '' THEN [CAST({0} AS VARCHAR)] END",
                         Raw(name));
    case Kind::kTime:
      return TimeExpression(name, type);
    case Kind::kReal: {
      const std::string number = fmt::format("TRY_CAST({} AS FLOAT)", RawOrNull(name, type));
      // NaN means unknown in the tables of items and users, where some writers have no other NULL;
      // as the value of an event it is a mistake. (DuckDB orders it above all numbers.)
      return column.name == "value" ? number : fmt::format("nullif({}, 'nan'::FLOAT)", number);
    }
    case Kind::kBool:
      return fmt::format("TRY_CAST({} AS BOOLEAN)", RawOrNull(name, type));
    case Kind::kPosition:
      return fmt::format("TRY_CAST({} AS INTEGER)", RawOrNull(name, type));
    case Kind::kType:
      return TypeExpression(name);
    case Kind::kPlace:
      return fmt::format("TRY_CAST({} AS {})", Raw(name), SqlType(column.kind, column.name));
  }
  return "NULL";
}

// WHEN condition THEN reason, with the raw value (cut) in the reason.
std::string When(std::string_view condition, std::string_view name, std::string_view words) {
  return fmt::format(" WHEN {} THEN '{} ' || left(CAST({} AS VARCHAR), 60) || {}", condition, name,
                     Raw(name), QuoteSql(fmt::format(" {}", words)));
}

// As When, for a time outside the years that an import takes.
std::string OutOfTime(std::string_view name, std::string_view type) {
  const std::string outside = fmt::format("\"{}\" NOT BETWEEN {} AND {}", name, kEarliest, kLatest);
  std::string words = "is not between the years 1900 and 2200";
  if (IsTimestamp(type)) return When(outside, name, words);
  // A thousand times 2200-01-01 is as far as milliseconds taken for seconds can reach.
  const std::string far = fmt::format("\"{0}\" > {1} * 1000", name, kLatest);
  const std::string after = fmt::format("\"{0}\" > {1}", name, kLatest);
  return When(
             outside + " AND " + far, name,
             "is after the year 2200: it looks like microseconds or less, expected seconds; divide "
             "it by 1e6 (or 1e9) in the SELECT") +
         When(outside + " AND " + after, name,
              "is after the year 2200: it looks like milliseconds, expected seconds; divide it by "
              "1000.0 in the SELECT") +
         When(outside, name, words);
}

// The clauses about an id, a query or a title. It is not in the reason: it may be long, or break
// the line.
std::string IdReasons(const Canonical& column, std::string_view type) {
  if (IsNumber(type)) return "";
  const std::string any =
      column.kind == Kind::kTexts ? "len(list_filter(\"{0}\", x -> {1})) > 0" : std::string("{1}");
  const std::string id = column.kind == Kind::kTexts ? "x" : fmt::format("\"{}\"", column.name);
  const auto when = [&](std::string_view condition, std::string_view words) {
    return fmt::format(" WHEN {} THEN '{} {}'",
                       fmt::format(fmt::runtime(any), column.name, condition), column.name, words);
  };
  const size_t longest = column.name == "title" ? schema::kMaxTitleBytes : schema::kMaxIdBytes;
  std::string sql = when(fmt::format("strlen({}) > {}", id, longest),
                         fmt::format("is longer than {} bytes", longest));
  if (column.kind != Kind::kFree) {
    sql += when(fmt::format("has_control_bytes({})", id),
                "has a control character, e.g. a tab or a line break; ids should have none");
  }
  return sql;
}

// The clauses of a CASE that gives the reason why one column makes its row a bad one.
std::string Reasons(const Canonical& column, std::string_view type, bool missing_allowed) {
  const std::string_view name = column.name;
  const std::string raw = RawOrNull(name, type);
  std::string sql;
  // The typed column is asked first: it is NULL in few rows, and only those pay for the rest.
  if (column.needed && !missing_allowed) {
    sql += fmt::format(" WHEN \"{0}\" IS NULL AND {1} IS NULL THEN '{0} is missing'", name, raw);
  }
  const std::string unread = fmt::format("\"{}\" IS NULL AND {} IS NOT NULL", name, raw);
  switch (column.kind) {
    case Kind::kTime:
      sql += When(unread, name, "is no time: expected seconds since 1970 or a timestamp");
      sql += OutOfTime(name, type);
      break;
    case Kind::kReal:
      sql +=
          When(fmt::format("\"{0}\" IS NULL AND {1} IS NOT NULL AND TRY_CAST({1} AS FLOAT) IS NULL",
                           name, raw),
               name, "is no number");
      sql += When(fmt::format("NOT ({})", column.good), name, column.words);
      break;
    case Kind::kBool:
      sql += When(unread, name, "is neither true nor false");
      break;
    case Kind::kPosition:
      sql += When(
          fmt::format("({}) OR position NOT BETWEEN 1 AND {}", unread, schema::kMaxPosition), name,
          fmt::format("should be a whole number in [1, {}], NULL when unknown",
                      schema::kMaxPosition));
      break;
    case Kind::kType: {
      std::vector<std::string> names;
      for (size_t i = 1; i < schema::kEventTypes; ++i) {
        names.emplace_back(schema::EventTypeName(static_cast<schema::EventType>(i)));
      }
      sql += When(unread, name, fmt::format("is unknown; the types are {}", Join(names)));
      break;
    }
    case Kind::kText:
    case Kind::kTexts:
      sql += IdReasons(column, type);
      break;
    case Kind::kFree:
      sql += IdReasons(column, type);
      break;
    case Kind::kPlace:
      break;
  }
  return sql;
}

// Rules that span columns. WhyNotAnEvent (log_writer.h) states those without which a log would not
// make sense; NeedsValue is only asked of what comes from outside.
std::string EventReasons() {
  constexpr int kSearch = static_cast<int>(schema::EventType::kSearch);
  std::string values;
  for (size_t i = 1; i < schema::kEventTypes; ++i) {
    const auto type = static_cast<schema::EventType>(i);
    if (!schema::NeedsValue(type)) continue;
    values += fmt::format(" WHEN type = {} AND value IS NULL THEN 'a {} needs a value ({})'", i,
                          schema::EventTypeName(type),
                          type == schema::EventType::kWatch ? "watched seconds" : "stars");
  }
  return fmt::format(
      " WHEN type <> {0} AND item IS NULL THEN 'item is missing'"
      " WHEN type = {0} AND item IS NOT NULL THEN 'a search has no item'"
      " WHEN type = {0} AND query IS NULL THEN 'a search needs a query'{1}",
      kSearch, values);
}

const Column* Find(std::span<const Column> columns, std::string_view name) {
  const auto it = std::ranges::find_if(
      columns, [&](const Column& column) { return Lower(column.name) == name; });
  return it == columns.end() ? nullptr : &*it;
}

// The column of the SELECT that a canonical one is made from.
const Column* Given(std::span<const Column> columns, std::string_view name) {
  const Column* given = Find(columns, name);
  for (const auto& [other, canonical] : kOtherNames) {
    if (given == nullptr && name == canonical) given = Find(columns, other);
  }
  return given;
}

// The column that DuckDB calls `name` because it is not the first of its name: "item" for "item_1".
std::string Repeated(std::string_view name, std::span<const std::string> known) {
  const size_t end = name.find_last_not_of("0123456789");
  if (end == std::string_view::npos || end + 1 == name.size() || name[end] != '_') return "";
  const std::string first = Lower(name.substr(0, end));
  return std::ranges::find(known, first) == known.end() ? "" : first;
}

Status CheckType(Table table, const Canonical& canonical, std::string_view type) {
  const bool nested = type.ends_with("]") || type.starts_with("STRUCT") || type.starts_with("MAP");
  if (canonical.kind == Kind::kTime && !IsNumber(type) && !IsText(type) && !IsTimestamp(type)) {
    return InvalidArgument(
        "[import] {}: column '{}' should be seconds since 1970 or a timestamp, is {}",
        TableName(table), canonical.name, type);
  }
  if (nested && canonical.kind != Kind::kTexts) {
    return InvalidArgument("[import] {}: column '{}' should be a single value, is {}",
                           TableName(table), canonical.name, type);
  }
  if (canonical.kind == Kind::kText && (type == "DOUBLE" || type == "FLOAT")) {
    // 12 would become the id '12.0', and meet no '12' of another table.
    return InvalidArgument(
        "[import] {0}: column '{1}' should be text or a whole number, is {2}; write "
        "CAST(... AS BIGINT) AS {1}",
        TableName(table), canonical.name, type);
  }
  return Ok();
}

}  // namespace

std::string_view TableName(Table table) {
  switch (table) {
    case Table::kEvents:
      return "events";
    case Table::kItems:
      return "items";
    case Table::kUsers:
      return "users";
  }
  return "";
}

std::string RowLimitName(Table table) {
  return fmt::format("upnext_row_limit_{}", TableName(table));
}

Status CheckColumns(Table table, std::span<const Column> columns) {
  const std::span<const Canonical> canonical = ColumnsOf(table);
  std::vector<std::string> known, given, unknown;
  for (const Canonical& column : canonical) known.emplace_back(column.name);
  for (const Column& column : columns) {
    given.push_back(column.name);
    const std::string name = Lower(column.name);
    const bool other = std::ranges::find(kOtherNames, name, [](const auto& names) {
                         return names.first;
                       }) != std::end(kOtherNames);
    if (!other && std::ranges::find(known, name) == known.end()) unknown.push_back(column.name);
  }
  for (const Canonical& column : canonical) {
    const Column* found = Given(columns, column.name);
    if (found != nullptr) {
      UPNEXT_RETURN_IF_ERROR(CheckType(table, column, found->type));
    } else if (column.needed) {
      std::string near = base::Nearest(column.name, unknown);
      for (const std::string& name : unknown) {
        if (near.empty() && Lower(name).find(column.name) != std::string::npos) near = name;
      }
      return InvalidArgument("[import] {}: the SELECT should give a column '{}', it gives {}{}",
                             TableName(table), column.name, Join(given),
                             near.empty()
                                 ? fmt::format("; add '... AS {}'", column.name)
                                 : fmt::format("; did you mean '{} AS {}'?", near, column.name));
    }
  }
  if (Find(columns, "seed") != nullptr && Find(columns, "current_item") != nullptr) {
    return InvalidArgument(
        "[import] {}: the SELECT gives both 'current_item' and 'seed', its old name; keep one",
        TableName(table));
  }
  for (const std::string& name : unknown) {
    const std::string twice = Repeated(name, known);
    if (twice.empty()) continue;
    return InvalidArgument(
        "[import] {}: the SELECT gives the column '{}' twice; keep one of them, e.g. with SELECT * "
        "EXCLUDE (...)",
        TableName(table), twice);
  }
  if (!unknown.empty()) {
    return InvalidArgument("[import] {}: unknown column '{}'{} (the columns are {})",
                           TableName(table), unknown.front(),
                           base::DidYouMean(Lower(unknown.front()), known), Join(known));
  }
  return Ok();
}

Result<std::string> CheckedSelect(Table table, std::string_view select,
                                  std::span<const Column> columns) {
  UPNEXT_RETURN_IF_ERROR(CheckColumns(table, columns));
  std::string typed, reasons;
  for (const Canonical& canonical : ColumnsOf(table)) {
    const Column* given = Given(columns, canonical.name);
    typed += fmt::format("  CAST({} AS {}) AS \"{}\",\n",
                         given == nullptr ? "NULL" : Expression(canonical, *given),
                         SqlType(canonical.kind, canonical.name), canonical.name);
    if (given == nullptr) continue;
    // Whether an event may lack its item depends on its type.
    const bool later = table == Table::kEvents && canonical.name == "item";
    reasons += Reasons(canonical, given->type, later);
  }
  if (table == Table::kEvents) reasons += EventReasons();
  // Two levels: in the inner one a name means the column as it was read, in the outer one the typed
  // column, and "upnext row" holds the row as it was read.
  return fmt::format(
      "SELECT typed.* EXCLUDE (\"upnext row\"), CASE{1} END AS reason,\n"
      "  CASE WHEN reason IS NOT NULL THEN left(CAST(\"upnext row\" AS VARCHAR), 2000) END AS "
      "row_text\n"
      "FROM (SELECT\n{0}  \"upnext row\"\nFROM (\n{2}\n) AS \"upnext row\"\n"
      "WHERE {3}()) AS typed",
      typed, reasons, select, RowLimitName(table));
}

}  // namespace upnext::import
