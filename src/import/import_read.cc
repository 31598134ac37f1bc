#include "import/import_read.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/checksum.h"

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
Result<std::string> Select(const ImportOptions& options, Table table) {
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

// The rows of the SELECT whose user is in the part that is imported. Rows without a user go with
// the first part, so that one of all imports rejects them. MD5, because that never changes.
std::string PartOf(const ImportOptions& options, Table table, const std::string& select) {
  if (options.parts == 1 || table == Table::kItems) return select;
  return fmt::format(
      "SELECT * FROM (\n{}\n) WHERE coalesce(md5_number_lower(CAST(\"user\" AS VARCHAR)) % {}, 0) "
      "= {}",
      select, options.parts, options.part - 1);
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

// DuckDB's error with the table whose SELECT it is about, and what to do. `statement` is what ran:
// the SELECT and what stands around it.
std::unexpected<Error> SelectError(Error error, const ImportOptions& options, Table table,
                                   std::string_view statement, std::string_view select) {
  const std::string_view around = statement.substr(0, statement.find(select));
  MendPlace(error.message, std::ranges::count(around, '\n'));
  if (error.code == Code::kCancelled) return std::unexpected(std::move(error));
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

// Columns of the SELECT that events are streamed from.
enum EventColumn : size_t {
  kTime,
  kType,
  kValue,
  kPosition,
  kPropensity,
  kOffSite,
  kUser,
  kItem,
  kQuery,
  kRequest,
  kSource,
  kDevice,
  kRegion,
  kCurrentItem,
  kReason,
  kText,
  kFile,
  kLine,
};

std::string StreamStatement(std::string_view checked) {
  return fmt::format(
      "SELECT time, type, coalesce(value, 'nan'::FLOAT), coalesce(TRY_CAST(position AS USMALLINT), "
      "0),\n"
      "  coalesce(propensity, 'nan'::FLOAT), coalesce(off_site, false), \"user\", item, query,\n"
      "  request, source, device, region, current_item, reason, row_text, file, line FROM (\n{}\n)",
      checked);
}

std::optional<int64_t> Whole(const Chunk& chunk, size_t column, size_t row) {
  if (!chunk.valid(column, row)) return std::nullopt;
  return chunk.Values<int64_t>(column)[row];
}

std::string_view TextOrNothing(const Chunk& chunk, size_t column, size_t row) {
  return chunk.valid(column, row) ? chunk.Text(column, row) : std::string_view();
}

}  // namespace

// Turns chunks of events into rows of the spool. Bad rows go to the rejects and leave no name.
class ImportReader::EventIntake {
 public:
  EventIntake(ImportNames& names, EventSpool& spool, RejectsFile& rejects)
      : names_(names), spool_(spool), rejects_(rejects) {}
  Status Take(const Chunk& chunk);
  uint64_t rows() const { return rows_; }
  uint64_t bad() const { return bad_; }

 private:
  Status SetAsideBad(const Chunk& chunk);
  // The texts of a column's good rows, in texts_; absent ones are empty.
  void GatherTexts(const Chunk& chunk, EventColumn column);
  void Number(const Chunk& chunk, EventColumn column, schema::IdSpace space,
              uint32_t SpooledEvent::* number);

  ImportNames& names_;
  EventSpool& spool_;
  RejectsFile& rejects_;
  uint64_t rows_ = 0, bad_ = 0;
  std::vector<uint32_t> good_;  // rows of the chunk
  std::vector<SpooledEvent> events_;
  std::vector<std::string_view> column_, texts_;
  std::vector<uint32_t> numbers_;
};

Status ImportReader::EventIntake::SetAsideBad(const Chunk& chunk) {
  good_.clear();
  chunk.Texts(kReason, column_);
  for (uint32_t row = 0; row < chunk.rows(); ++row) {
    if (column_[row].data() == nullptr) {
      good_.push_back(row);
      continue;
    }
    ++bad_;
    UPNEXT_RETURN_IF_ERROR(rejects_.Add({.table = Table::kEvents,
                                         .file = TextOrNothing(chunk, kFile, row),
                                         .line = Whole(chunk, kLine, row),
                                         .row = static_cast<int64_t>(rows_ + row + 1),
                                         .reason = column_[row],
                                         .text = TextOrNothing(chunk, kText, row)}));
  }
  return Ok();
}

void ImportReader::EventIntake::GatherTexts(const Chunk& chunk, EventColumn column) {
  chunk.Texts(column, column_);
  texts_.resize(good_.size());
  for (size_t i = 0; i < good_.size(); ++i) texts_[i] = column_[good_[i]];
}

void ImportReader::EventIntake::Number(const Chunk& chunk, EventColumn column,
                                       schema::IdSpace space, uint32_t SpooledEvent::* number) {
  GatherTexts(chunk, column);
  numbers_.resize(texts_.size());
  names_[static_cast<size_t>(space)].AddAll(texts_, numbers_);
  for (size_t i = 0; i < events_.size(); ++i) events_[i].*number = numbers_[i];
}

Status ImportReader::EventIntake::Take(const Chunk& chunk) {
  UPNEXT_RETURN_IF_ERROR(SetAsideBad(chunk));
  const auto time = chunk.Values<int64_t>(kTime);
  const auto type = chunk.Values<uint8_t>(kType);
  const auto value = chunk.Values<float>(kValue);
  const auto position = chunk.Values<uint16_t>(kPosition);
  const auto propensity = chunk.Values<float>(kPropensity);
  const auto off_site = chunk.Values<bool>(kOffSite);
  GatherTexts(chunk, kRequest);
  events_.resize(good_.size());
  for (size_t i = 0; i < good_.size(); ++i) {
    const uint32_t row = good_[i];
    SpooledEvent& event = events_[i];
    event.time_ms = time[row];
    event.type = static_cast<schema::EventType>(type[row]);
    event.value = value[row];
    event.position = position[row];
    event.propensity = propensity[row];
    event.off_site = off_site[row];
    event.request = texts_[i].empty() ? 0 : base::Fingerprint(texts_[i]);
  }
  Number(chunk, kUser, schema::IdSpace::kUser, &SpooledEvent::user);
  Number(chunk, kItem, schema::IdSpace::kItem, &SpooledEvent::item);
  Number(chunk, kQuery, schema::IdSpace::kQuery, &SpooledEvent::query);
  Number(chunk, kSource, schema::IdSpace::kSource, &SpooledEvent::source);
  Number(chunk, kDevice, schema::IdSpace::kDevice, &SpooledEvent::device);
  Number(chunk, kRegion, schema::IdSpace::kRegion, &SpooledEvent::region);
  Number(chunk, kCurrentItem, schema::IdSpace::kItem, &SpooledEvent::current_item);
  rows_ += chunk.rows();
  return spool_.Add(events_);
}

Status ImportReader::ReadAll(ImportNames& names, EventSpool& spool) {
  for (const Table table : kTables) UPNEXT_RETURN_IF_ERROR(Read(table, names, spool));
  return Ok();
}

Status ImportReader::Read(Table table, ImportNames& names, EventSpool& spool) {
  const std::string_view name = TableName(table);
  UPNEXT_ASSIGN_OR_RETURN(std::string select, Select(options_, table));
  const bool given = !select.empty();
  if (!given) {
    select = fmt::format("SELECT ''::VARCHAR AS {} WHERE false",
                         table == Table::kUsers ? "\"user\"" : "item");
  }
  Result<std::vector<Column>> columns = db_.database().Describe(select);
  if (!columns) {
    return SelectError(std::move(columns).error(), options_, table, "\n" + select, select);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      std::string statement,
      CheckedSelect(table, given ? PartOf(options_, table, select) : select, *columns));
  UPNEXT_RETURN_IF_ERROR(db_.database().AddRowLimit(
      RowLimitName(table), options_.max_rows,
      fmt::format("it gives more than {} rows, which is all that [import] max_rows allows; check "
                  "its LIMIT, joins and ranges, or raise max_rows",
                  options_.max_rows)));
  Counts& counts = counts_[static_cast<size_t>(table)];
  Status read;
  if (table == Table::kEvents) {
    statement = StreamStatement(statement);
    EventIntake intake(names, spool, rejects_);
    read = db_.Query(
        "read events", 0, statement, [&](const Chunk& chunk) { return intake.Take(chunk); },
        db_.ExpectedRows(select) / options_.parts);
    counts = {.good = intake.rows() - intake.bad(), .bad = intake.bad()};
  } else {
    statement = fmt::format("CREATE TABLE in_{} AS\n{}", name, statement);
    read = db_.Run(fmt::format("read {}", name), statement);
  }
  if (!read) return SelectError(read.error(), options_, table, statement, select);
  if (table != Table::kEvents) UPNEXT_RETURN_IF_ERROR(CheckLoaded(table));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t unread, TakeReaderRejects(table));
  counts.bad += unread;
  if (given) {
    db_.progress().Note(fmt::format("{} {} read, {} rows rejected", counts.good, name, counts.bad));
  }
  return Ok();
}

// Rejects and counts what is in in_items or in_users. The second row for the same item or user is a
// bad one: which of them is right nobody can tell.
Status ImportReader::CheckLoaded(Table table) {
  const std::string_view id = table == Table::kItems ? "item" : "\"user\"";
  UPNEXT_RETURN_IF_ERROR(
      db_.Run(fmt::format("check {}", TableName(table)),
              fmt::format("UPDATE in_{0} SET reason = 'repeats ' || in_{0}.{1} || ', which an "
                          "earlier row describes', row_text = in_{0}.{1}\n"
                          "FROM (SELECT {1}, min(rowid) AS first FROM in_{0} WHERE reason IS NULL "
                          "GROUP BY {1} HAVING count(*) > 1) again\n"
                          "WHERE in_{0}.{1} = again.{1} AND in_{0}.rowid > again.first AND "
                          "in_{0}.reason IS NULL",
                          TableName(table), id)));
  UPNEXT_RETURN_IF_ERROR(
      TakeRejects(table, fmt::format("SELECT file, line, rowid + 1, reason, row_text FROM in_{} "
                                     "WHERE reason IS NOT NULL ORDER BY rowid",
                                     TableName(table))));
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> counted,
      db_.Counts(fmt::format("SELECT count(*), count(reason) FROM in_{}", TableName(table))));
  counts_[static_cast<size_t>(table)] = {.good = counted[0] - counted[1], .bad = counted[1]};
  return Ok();
}

// Rejects the rows of a query that gives file, line, row, reason and text.
Status ImportReader::TakeRejects(Table table, const std::string& sql) {
  return db_.database().Query(sql, [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) {
      UPNEXT_RETURN_IF_ERROR(rejects_.Add({.table = table,
                                           .file = TextOrNothing(chunk, 0, row),
                                           .line = Whole(chunk, 1, row),
                                           .row = Whole(chunk, 2, row),
                                           .reason = TextOrNothing(chunk, 3, row),
                                           .text = TextOrNothing(chunk, 4, row)}));
    }
    return Ok();
  });
}

// Lines that read_csv(..., store_rejects = true) set aside, in DuckDB's own tables.
Result<uint64_t> ImportReader::TakeReaderRejects(Table table) {
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> found,
      db_.Counts("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'"));
  if (found[0] == 0) return 0;
  constexpr std::string_view kFrom =
      "FROM reject_errors e JOIN (SELECT DISTINCT scan_id, file_id, file_path FROM reject_scans) s "
      "ON e.scan_id = s.scan_id AND e.file_id = s.file_id";
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint64_t> lines,
      db_.Counts(
          fmt::format("SELECT count(*) FROM (SELECT DISTINCT s.file_path, e.line {})", kFrom)));
  // A line can have several errors, e.g. one for each cell that it has too many.
  UPNEXT_RETURN_IF_ERROR(TakeRejects(
      table,
      fmt::format(
          "SELECT file_path, line::BIGINT, NULL::BIGINT,\n"
          "  string_agg(DISTINCT error_message, '; ' ORDER BY error_message), min(csv_line)\n"
          "{} GROUP BY file_path, line ORDER BY file_path, line",
          kFrom)));
  UPNEXT_RETURN_IF_ERROR(db_.database().Run("DELETE FROM reject_errors; DELETE FROM reject_scans"));
  return lines[0];
}

}  // namespace upnext::import
