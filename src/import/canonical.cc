#include "import/canonical.h"

#include <vector>

#include "schema/values.h"

namespace upnext::import {
namespace {

// The column as the SELECT gave it, under the name that it has there. JSON becomes its text, which
// for a string has no quotes.
std::string Raw(const Column& given) {
  std::string raw = fmt::format("\"upnext row\".\"{}\"", given.name);
  if (given.type == "JSON") return fmt::format("({} ->> '$')", raw);
  if (given.type == "JSON[]")
    return fmt::format("list_transform({}, x -> json_extract_string(x, '$'))", raw);
  return raw;
}

// The same, with empty text as NULL.
std::string RawOrNull(const Column& given) {
  return IsText(given.type) ? fmt::format("nullif(trim(CAST({} AS VARCHAR)), '')", Raw(given))
                            : Raw(given);
}

std::string_view SqlType(const TableColumn& column) {
  switch (column.read) {
    case Read::kId:
    case Read::kFree:
      return "VARCHAR";
    case Read::kIds:
      return "VARCHAR[]";
    case Read::kTime:
      return "BIGINT";
    case Read::kNumber:
    case Read::kShare:
      return "FLOAT";
    case Read::kWhole:
      return "INTEGER";
    case Read::kFlag:
      return "BOOLEAN";
    case Read::kVector:
      return "FLOAT[]";
    case Read::kType:
      return "UTINYINT";
    case Read::kPlace:
      break;
  }
  return column.attribute.name == "line" ? "BIGINT" : "VARCHAR";
}

std::string TimeExpression(const Column& given) {
  const std::string raw = RawOrNull(given);
  const auto seconds = [](std::string_view x) {
    return fmt::format("TRY_CAST(round(TRY_CAST({} AS DOUBLE) * 1000) AS BIGINT)", x);
  };
  // Text becomes a TIMESTAMPTZ, since a cast to TIMESTAMP passes over the offset that it may carry.
  // The session's zone is UTC, so that text without one means UTC.
  const auto timestamp = [](std::string_view x, std::string_view as) {
    return fmt::format(
        "CASE WHEN isfinite(TRY_CAST({0} AS {1})) THEN epoch_ms(TRY_CAST({0} AS {1})) END", x, as);
  };
  if (IsNumber(given.type)) return seconds(raw);
  if (IsTimestamp(given.type)) return timestamp(raw, "TIMESTAMP");
  return fmt::format("coalesce({}, {})", seconds(raw), timestamp(raw, "TIMESTAMPTZ"));
}

std::string TypeExpression(const Column& given, const schema::Schema& schema) {
  std::string sql = fmt::format("CASE lower(trim(CAST({} AS VARCHAR)))", Raw(given));
  size_t number = 0;
  for (const schema::EventTypeInfo& type : schema.event_types()) {
    sql += fmt::format(" WHEN '{}' THEN {}", type.name, ++number);
  }
  return sql + " END";
}

// The typed value of a column that the SELECT gives, NULL when it does not fit.
std::string Expression(const TableColumn& column, const Column& given,
                       const schema::Schema& schema) {
  const std::string raw = Raw(given), raw_or_null = RawOrNull(given);
  switch (column.read) {
    case Read::kId:
    case Read::kFree:
      return IdText(given);
    case Read::kIds:
      if (given.type == "JSON") {
        return fmt::format(
            "list_filter(CASE WHEN json_type(\"upnext row\".\"{0}\") = 'ARRAY' THEN \"upnext "
            "row\".\"{0}\" ->> '$[*]' ELSE [{1}] END, x -> x <> '')",
            given.name, raw);
      }
      if (given.type.ends_with("]")) {
        return fmt::format("list_filter(CAST({} AS VARCHAR[]), x -> x <> '')", raw);
      }
      return fmt::format("CASE WHEN CAST({0} AS VARCHAR) <> '' THEN [CAST({0} AS VARCHAR)] END",
                         raw);
    case Read::kTime:
      return TimeExpression(given);
    case Read::kNumber: {
      const std::string number = fmt::format("TRY_CAST({} AS FLOAT)", raw_or_null);
      // NaN means unknown in attributes, where some writers have no other NULL; as the value of an
      // event or the score of a generator it is a mistake. (DuckDB orders it above all numbers.)
      const std::string& name = column.attribute.name;
      const bool mistake = name == "value" || name == "source_score";
      return mistake ? number : fmt::format("nullif({}, 'nan'::FLOAT)", number);
    }
    case Read::kWhole:
      return fmt::format("TRY_CAST({} AS INTEGER)", raw_or_null);
    case Read::kFlag:
      return fmt::format("TRY_CAST({} AS BOOLEAN)", raw_or_null);
    case Read::kShare:
      return fmt::format("TRY_CAST({} AS BOOLEAN)::INTEGER::FLOAT", raw_or_null);
    case Read::kVector:
      return fmt::format("TRY_CAST({} AS FLOAT[])", raw_or_null);
    case Read::kType:
      return TypeExpression(given, schema);
    case Read::kPlace:
      return fmt::format("TRY_CAST({} AS {})", raw, SqlType(column));
  }
  return "NULL";
}

// Ways to write a time that are not read by themselves. Where day and month cannot be told apart,
// the day is first.
constexpr std::string_view kTimeFormats[] = {"%Y-%m-%d %H:%M:%S %z",
                                             "%Y-%m-%dT%H:%M:%S %z",
                                             "%a, %d %b %Y %H:%M:%S %Z",
                                             "%a, %d %b %Y %H:%M:%S %z",
                                             "%a %b %d %H:%M:%S %Y",
                                             "%d/%b/%Y:%H:%M:%S %z",
                                             "%d %b %Y %H:%M:%S",
                                             "%b %d, %Y %H:%M:%S",
                                             "%d %b %Y",
                                             "%d-%m-%Y %H:%M:%S",
                                             "%d-%m-%Y %H:%M",
                                             "%d-%m-%Y",
                                             "%m-%d-%Y %H:%M:%S",
                                             "%m-%d-%Y %H:%M",
                                             "%m-%d-%Y",
                                             "%d/%m/%Y %H:%M:%S",
                                             "%d/%m/%Y %H:%M",
                                             "%d/%m/%Y",
                                             "%m/%d/%Y %H:%M:%S",
                                             "%m/%d/%Y %H:%M",
                                             "%m/%d/%Y",
                                             "%m/%d/%Y %I:%M:%S %p",
                                             "%m/%d/%Y %I:%M %p",
                                             "%d.%m.%Y %H:%M:%S",
                                             "%d.%m.%Y %H:%M",
                                             "%d.%m.%Y",
                                             "%Y%m%dT%H%M%SZ",
                                             "%Y%m%dT%H%M%S",
                                             "%Y/%m/%d %H:%M"};

// The clauses of a CASE that gives the reason why one column makes its row a bad one.
class Reasons {
 public:
  Reasons(const TableColumn& column, const Column& given)
      : column_(column), given_(given), name_(column.attribute.name) {}

  // `may_be_missing` although it is needed.
  std::string Sql(const schema::Schema& schema, bool may_be_missing) const {
    std::string sql;
    // The typed column is asked first: it is NULL in few rows, and only those pay for the rest.
    if (column_.needed && !may_be_missing) {
      sql += fmt::format(" WHEN \"{0}\" IS NULL AND {1} IS NULL THEN '{0} is missing'", name_,
                         RawOrNull(given_));
    }
    switch (column_.read) {
      case Read::kTime:
        return sql +
               When(Unread(), "is no time: expected seconds since 1970 or a timestamp",
                    IsText(given_.type) ? TimeFormat() : "") +
               OutOfTime();
      case Read::kNumber:
        return sql + Number();
      case Read::kFlag:
      case Read::kShare:
        return sql + When(Unread(), "is neither true nor false");
      case Read::kWhole:
        return sql + When(fmt::format("({}) OR NOT ({})", Unread(), InBounds()),
                          fmt::format("should be {}, NULL when unknown",
                                      schema::Expected(column_.attribute)));
      case Read::kType: {
        std::vector<std::string> names;
        for (const schema::EventTypeInfo& type : schema.event_types()) names.push_back(type.name);
        return sql + When(Unread(), fmt::format("is unknown; the types are {}; another type "
                                                "is a line of [schema.events]",
                                                fmt::join(names, ", ")));
      }
      case Read::kId:
      case Read::kIds:
      case Read::kFree:
        return sql + Texts();
      case Read::kVector:
        return sql +
               When(fmt::format(
                        "({0}) OR len(\"{1}\") NOT IN (0, {2}) OR len(list_filter(\"{1}\", x -> "
                        "x IS NULL OR NOT isfinite(x))) > 0",
                        Unread(), name_, column_.attribute.width),
                    fmt::format("should be {}", schema::Expected(column_.attribute)));
      case Read::kPlace:
        break;
    }
    return sql;
  }

 private:
  // WHEN condition THEN reason, with the raw value (cut) in the reason. `more` is SQL for its end.
  std::string When(std::string_view condition, std::string_view words,
                   std::string_view more = "") const {
    return fmt::format(" WHEN {} THEN '{} ' || left(CAST({} AS VARCHAR), 60) || {}{}{}", condition,
                       name_, Raw(given_), QuoteSql(fmt::format(" {}", words)),
                       more.empty() ? "" : " || ", more);
  }
  // SQL for how to read a time that is written in another way, as far as the way is known.
  std::string TimeFormat() const {
    std::string sql = "CASE";
    for (const std::string_view format : kTimeFormats) {
      sql +=
          fmt::format(" WHEN try_strptime({}, '{}') IS NOT NULL THEN {}", RawOrNull(given_), format,
                      QuoteSql(fmt::format("; write strptime(..., '{}') AS {}", format, name_)));
    }
    return sql + fmt::format(" ELSE {} END",
                             QuoteSql(fmt::format("; another format is read by strptime(..., "
                                                  "'%d.%m.%Y %H:%M') AS {}",
                                                  name_)));
  }
  std::string Unread() const {
    return fmt::format("\"{}\" IS NULL AND {} IS NOT NULL", name_, RawOrNull(given_));
  }
  std::string InBounds() const {
    const schema::Attribute& a = column_.attribute;
    if (a.above_min) return fmt::format("\"{0}\" > {1} AND \"{0}\" <= {2}", name_, a.min, a.max);
    return fmt::format("\"{}\" BETWEEN {} AND {}", name_, a.min, a.max);
  }
  std::string Number() const {
    return When(
               fmt::format("\"{0}\" IS NULL AND {1} IS NOT NULL AND TRY_CAST({1} AS FLOAT) IS NULL",
                           name_, RawOrNull(given_)),
               "is no number") +
           When(fmt::format("NOT ({})", InBounds()),
                fmt::format("should be {}", schema::Expected(column_.attribute)));
  }
  // For a time outside the years that an import takes.
  std::string OutOfTime() const {
    const std::string outside =
        fmt::format("\"{}\" NOT BETWEEN {} AND {}", name_, schema::kEarliestMs, schema::kLatestMs);
    const std::string_view words = "is not between the years 1900 and 2200";
    if (IsTimestamp(given_.type)) return When(outside, words);
    const std::string digits = fmt::format("CAST({} AS VARCHAR)", RawOrNull(given_));
    // A thousand times 2200-01-01 is as far as milliseconds taken for seconds can reach.
    const auto after = [&](std::string_view times) {
      return fmt::format("{} AND \"{}\" > {}{}", outside, name_, schema::kLatestMs, times);
    };
    return When(fmt::format("{} AND try_strptime({}, '%Y%m%d%H%M%S') IS NOT NULL", outside, digits),
                "looks like a date with a time, expected seconds; write strptime(CAST(... AS "
                "VARCHAR), '%Y%m%d%H%M%S')") +
           When(after(" * 1000"),
                "is after the year 2200: it looks like microseconds or less, expected seconds; "
                "divide it by 1e6 (or 1e9) in the SELECT") +
           When(after(""),
                "is after the year 2200: it looks like milliseconds, expected seconds; divide it "
                "by 1000.0 in the SELECT") +
           When(outside, words);
  }
  // About an id or a text. It is not in the reason: it may be long, or break the line.
  std::string Texts() const {
    if (IsNumber(given_.type)) return "";
    const bool list = column_.read == Read::kIds;
    const auto when = [&](std::string_view condition, std::string_view words) {
      return fmt::format(
          " WHEN {} THEN {}",
          list ? fmt::format("len(list_filter(\"{}\", x -> {})) > 0", name_, condition)
               : std::string(condition),
          QuoteSql(fmt::format("{} {}", name_, words)));
    };
    const std::string value = list ? "x" : fmt::format("\"{}\"", name_);
    const size_t longest = column_.attribute.max_bytes;
    std::string sql = when(fmt::format("strlen({}) > {}", value, longest),
                           fmt::format("is longer than {} bytes", longest));
    if (column_.read != Read::kFree) {
      sql += when(fmt::format("has_control_bytes({})", value),
                  "has a control character, e.g. a tab or a line break; ids should have none");
    }
    if (list) {
      // Python's lists are JSON but for their quotes.
      sql +=
          when("(x LIKE '[%]' OR x LIKE '{%}') AND json_valid(replace(x, '''', '\"'))",
               "is the text of a list or an object, expected ids: write ... ->> '$[*]' for a JSON "
               "list of texts, ... ->> '$[*].name' for one of objects with a name (replace(..., "
               "'''', '\"') makes JSON of a Python list)");
    } else if (given_.type == "JSON" && column_.read == Read::kId) {
      sql +=
          When(fmt::format("json_type(\"upnext row\".\"{}\") IN ('ARRAY', 'OBJECT')", given_.name),
               "is a JSON list or object, expected a single value: write ... ->> '$.name' for a "
               "field of it");
    }
    return sql;
  }

  const TableColumn& column_;
  const Column& given_;
  const std::string& name_;
};

// Rules that span columns: those of Schema::WhyNotAnEvent, without which a log would not make sense,
// and that a type's value is there, which is only asked of what comes from outside.
std::string EventReasons(const schema::Schema& schema) {
  std::vector<size_t> searches;
  std::string values;
  size_t number = 0;
  for (const schema::EventTypeInfo& type : schema.event_types()) {
    ++number;
    if (type.role == schema::Role::kSearch) searches.push_back(number);
    if (!type.needs_value) continue;
    values += fmt::format(" WHEN type = {} AND value IS NULL THEN 'a {} needs a value ({})'",
                          number, type.name, type.value_words);
  }
  return fmt::format(
      " WHEN type NOT IN ({0}) AND item IS NULL THEN 'item is missing'"
      " WHEN type IN ({0}) AND item IS NOT NULL THEN 'a search has no item'"
      " WHEN type IN ({0}) AND query IS NULL THEN 'a search needs a query'{1}",
      fmt::join(searches, ", "), values);
}

}  // namespace

std::string IdText(const Column& given) {
  return fmt::format("nullif(CAST({} AS VARCHAR), '')", Raw(given));
}

std::string RowLimitName(Table table) {
  return fmt::format("upnext_row_limit_{}", TableName(table));
}

Result<std::string> CheckedSelect(Table table, const schema::Schema& schema,
                                  std::string_view select, std::span<const Column> columns) {
  const TableColumns known(table, schema);
  UPNEXT_RETURN_IF_ERROR(known.Check(columns));
  std::string typed, reasons;
  for (const TableColumn& column : known.all()) {
    const std::string& name = column.attribute.name;
    const Column* given = TableColumns::Given(columns, name);
    typed += fmt::format("  CAST({} AS {}) AS \"{}\",\n",
                         given == nullptr ? "NULL" : Expression(column, *given, schema),
                         SqlType(column), name);
    // Whether an event may lack its item depends on its type.
    const bool later = table == Table::kEvents && name == "item";
    if (given != nullptr) reasons += Reasons(column, *given).Sql(schema, later);
  }
  if (table == Table::kEvents) reasons += EventReasons(schema);
  // Two levels: in the inner one a name means the column as it was read, in the outer one the typed
  // column, and "upnext row" holds the row as it was read.
  return fmt::format(
      "SELECT typed.* EXCLUDE (\"upnext row\"), CASE{1} END AS upnext_reason,\n"
      "  CASE WHEN upnext_reason IS NOT NULL THEN left(CAST(\"upnext row\" AS VARCHAR), 2000) END "
      "AS upnext_text\n"
      "FROM (SELECT\n{0}  \"upnext row\"\nFROM (\n{2}\n) AS \"upnext row\"\n"
      "WHERE {3}()) AS typed",
      typed, reasons, select, RowLimitName(table));
}

}  // namespace upnext::import
