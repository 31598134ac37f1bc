#include "import/import_read.h"

#include <algorithm>
#include <vector>

#include "base/checksum.h"

namespace upnext::import {
namespace {

// Columns of the SELECT that events are streamed from.
enum EventColumn : size_t {
  kTime,
  kType,
  kValue,
  kPosition,
  kPropensity,
  kSourceScore,
  kOffSite,
  kUser,
  kItem,
  kQuery,
  kRequest,
  kSource,
  kDevice,
  kRegion,
  kCurrentItem,
  kId,
  kReason,
  kText,
  kFile,
  kLine,
  kDeclared,  // the declared attributes of requests begin here
};

std::string StreamStatement(std::string_view checked, std::span<const schema::Attribute> declared) {
  std::string more;
  for (const schema::Attribute& attribute : declared) {
    more += fmt::format(", \"{}\"", attribute.name);
    if (attribute.kind == schema::Kind::kFlag) more += "::INTEGER::FLOAT";
  }
  return fmt::format(
      "SELECT time, type, coalesce(value, 'nan'::FLOAT), coalesce(TRY_CAST(position AS USMALLINT), "
      "0),\n"
      "  coalesce(propensity, 'nan'::FLOAT), coalesce(source_score, 'nan'::FLOAT),\n"
      "  coalesce(off_site, false), \"user\", item, query, request, source, device, region, current_item, id, upnext_reason, upnext_text, "
      "file, line{}\nFROM (\n{}\n)",
      more, checked);
}

std::optional<int64_t> Whole(const Chunk& chunk, size_t column, size_t row) {
  if (!chunk.valid(column, row)) return std::nullopt;
  return chunk.Values<int64_t>(column)[row];
}

uint64_t FingerprintOf(std::string_view id) { return id.empty() ? 0 : base::Fingerprint(id); }

std::string_view TextOrNothing(const Chunk& chunk, size_t column, size_t row) {
  return chunk.valid(column, row) ? chunk.Text(column, row) : std::string_view();
}

}  // namespace

// Turns chunks of events into rows of the spool. Bad rows go to the rejects and leave no name.
class ImportReader::EventIntake {
 public:
  EventIntake(const schema::Schema& schema, ImportNames& names, EventSpool& spool,
              RejectsFile& rejects)
      : declared_(schema.declared(schema::Entity::kRequest)),
        names_(names),
        spool_(spool),
        rejects_(rejects) {}
  Status Take(const Chunk& chunk);
  uint64_t rows() const { return rows_; }
  uint64_t bad() const { return bad_; }

 private:
  Status SetAsideBad(const Chunk& chunk);
  // The texts of a column's good rows, in texts_; absent ones are empty.
  void GatherTexts(const Chunk& chunk, size_t column);
  // The numbers of the names in a column's good rows, in numbers_.
  void Number(const Chunk& chunk, size_t column, schema::IdSpace space);
  void Number(const Chunk& chunk, EventColumn column, schema::IdSpace space,
              uint32_t SpooledEvent::* number);
  void TakeDeclared(const Chunk& chunk);

  std::span<const schema::Attribute> declared_;
  ImportNames& names_;
  EventSpool& spool_;
  RejectsFile& rejects_;
  uint64_t rows_ = 0, bad_ = 0;
  std::vector<uint32_t> good_;  // rows of the chunk
  std::vector<SpooledEvent> events_;
  std::vector<uint64_t> words_;
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

void ImportReader::EventIntake::GatherTexts(const Chunk& chunk, size_t column) {
  chunk.Texts(column, column_);
  texts_.resize(good_.size());
  for (size_t i = 0; i < good_.size(); ++i) texts_[i] = column_[good_[i]];
}

void ImportReader::EventIntake::Number(const Chunk& chunk, size_t column, schema::IdSpace space) {
  GatherTexts(chunk, column);
  numbers_.resize(texts_.size());
  names_[static_cast<size_t>(space)].AddAll(texts_, numbers_);
}

void ImportReader::EventIntake::Number(const Chunk& chunk, EventColumn column,
                                       schema::IdSpace space, uint32_t SpooledEvent::* number) {
  Number(chunk, column, space);
  for (size_t i = 0; i < events_.size(); ++i) events_[i].*number = numbers_[i];
}

// The declared attributes of the good rows, in words_.
void ImportReader::EventIntake::TakeDeclared(const Chunk& chunk) {
  const size_t width = declared_.size();
  words_.resize(good_.size() * width);
  for (size_t a = 0; a < width; ++a) {
    const size_t column = kDeclared + a;
    const auto put = [&](const auto& word_of) {
      for (size_t i = 0; i < good_.size(); ++i) words_[i * width + a] = word_of(i, good_[i]);
    };
    if (declared_[a].kind == schema::Kind::kCategory) {
      Number(chunk, column, declared_[a].space);
      put([&](size_t i, uint32_t) { return ToWord({.category = numbers_[i]}, declared_[a].kind); });
    } else if (declared_[a].kind == schema::Kind::kTime) {
      const auto times = chunk.Values<int64_t>(column);
      put([&](size_t, uint32_t row) {
        return ToWord({.time_ms = chunk.valid(column, row) ? times[row] : schema::kNoTime},
                      declared_[a].kind);
      });
    } else {
      const auto numbers = chunk.Values<float>(column);
      put([&](size_t, uint32_t row) {
        return ToWord({.number = chunk.valid(column, row) ? numbers[row] : schema::kAbsent},
                      declared_[a].kind);
      });
    }
  }
}

Status ImportReader::EventIntake::Take(const Chunk& chunk) {
  UPNEXT_RETURN_IF_ERROR(SetAsideBad(chunk));
  const auto time = chunk.Values<int64_t>(kTime);
  const auto type = chunk.Values<uint8_t>(kType);
  const auto value = chunk.Values<float>(kValue);
  const auto position = chunk.Values<uint16_t>(kPosition);
  const auto propensity = chunk.Values<float>(kPropensity);
  const auto source_score = chunk.Values<float>(kSourceScore);
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
    event.source_score = source_score[row];
    event.off_site = off_site[row];
    event.request = FingerprintOf(texts_[i]);
  }
  GatherTexts(chunk, kId);
  for (size_t i = 0; i < good_.size(); ++i) events_[i].id = FingerprintOf(texts_[i]);
  Number(chunk, kUser, schema::IdSpace::kUser, &SpooledEvent::user);
  Number(chunk, kItem, schema::IdSpace::kItem, &SpooledEvent::item);
  Number(chunk, kQuery, schema::IdSpace::kQuery, &SpooledEvent::query);
  Number(chunk, kSource, schema::IdSpace::kSource, &SpooledEvent::source);
  Number(chunk, kDevice, schema::IdSpace::kDevice, &SpooledEvent::device);
  Number(chunk, kRegion, schema::IdSpace::kRegion, &SpooledEvent::region);
  Number(chunk, kCurrentItem, schema::IdSpace::kItem, &SpooledEvent::current_item);
  TakeDeclared(chunk);
  rows_ += chunk.rows();
  return spool_.Add(events_, words_);
}

Status ImportReader::ReadAll(ImportNames& names, EventSpool& spool) {
  InputFiles files(db_.progress());
  Status read = ReadAll(names, spool, files);
  // That a file is cut short, or shrinks, can be why reading failed.
  if (read || read.error().code == Code::kInvalidArgument) {
    UPNEXT_RETURN_IF_ERROR(files.Finish());
  }
  return read;
}

Status ImportReader::ReadAll(ImportNames& names, EventSpool& spool, InputFiles& files) {
  std::vector<Prepared> prepared;
  for (const Table table : kTables) {
    if (table == Table::kEvents && options_.events_sql.empty()) continue;  // they come from a store
    UPNEXT_ASSIGN_OR_RETURN(Prepared one, Prepare(table, files));
    prepared.push_back(std::move(one));
  }
  const auto given = [](const Prepared& one) { return one.select.given; };
  if (!prepared.empty() && prepared.front().select.absent &&
      std::ranges::none_of(prepared, given)) {
    return std::unexpected(*prepared.front().select.absent);
  }
  files.BeginCheck();
  for (const Prepared& one : prepared) UPNEXT_RETURN_IF_ERROR(Read(one, names, spool));
  return Ok();
}

Result<ImportReader::Prepared> ImportReader::Prepare(Table table, InputFiles& files) {
  UPNEXT_ASSIGN_OR_RETURN(Select select, PrepareSelect(options_, table, joins_log_, db_, files));
  UPNEXT_ASSIGN_OR_RETURN(
      std::string statement,
      CheckedSelect(table, options_.schema, PartOf(options_, select), select.columns));
  UPNEXT_RETURN_IF_ERROR(CheckNoFractionIds(options_, select, db_.database()));
  UPNEXT_RETURN_IF_ERROR(db_.database().AddRowLimit(
      RowLimitName(table), options_.max_rows,
      fmt::format("it gives more than {} rows, which is all that [import] max_rows allows; check "
                  "its LIMIT, joins and ranges, or raise max_rows",
                  options_.max_rows)));
  statement = table == Table::kEvents
                  ? StreamStatement(statement, options_.schema.declared(schema::Entity::kRequest))
                  : fmt::format("CREATE TABLE in_{} AS\n{}", TableName(table), statement);
  return Prepared{std::move(select), std::move(statement)};
}

Status ImportReader::Read(const Prepared& prepared, ImportNames& names, EventSpool& spool) {
  const auto& [select, statement] = prepared;
  const std::string_view name = TableName(select.table);
  Counts& counts = counts_[static_cast<size_t>(select.table)];
  Status read;
  if (select.table == Table::kEvents) {
    EventIntake intake(options_.schema, names, spool, rejects_);
    read = db_.Query(
        "read events", 0, statement, [&](const Chunk& chunk) { return intake.Take(chunk); },
        db_.ExpectedRows(select.sql) / options_.parts);
    counts = {.good = intake.rows() - intake.bad(), .bad = intake.bad()};
  } else {
    read = db_.Run(fmt::format("read {}", name), statement);
  }
  if (!read) return SelectError(read.error(), options_, select.table, statement, select.sql);
  if (select.table != Table::kEvents) UPNEXT_RETURN_IF_ERROR(CheckLoaded(select.table));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t unread, TakeReaderRejects(select.table));
  counts.bad += unread;
  if (select.given) {
    db_.progress().Note(fmt::format("{} {} read, {} rows rejected", counts.good, name, counts.bad));
  }
  return Ok();
}

// Rejects and counts what is in in_items or in_users. The second row for the same item or user is a
// bad one: which of them is right nobody can tell.
Status ImportReader::CheckLoaded(Table table) {
  const std::string_view id = table == Table::kItems ? "item" : "\"user\"";
  UPNEXT_RETURN_IF_ERROR(db_.Run(
      fmt::format("check {}", TableName(table)),
      fmt::format("UPDATE in_{0} SET upnext_reason = 'repeats ' || in_{0}.{1} || ', which an "
                  "earlier row describes', upnext_text = in_{0}.{1}\n"
                  "FROM (SELECT {1}, min(rowid) AS first FROM in_{0} WHERE upnext_reason "
                  "IS NULL GROUP BY {1} HAVING count(*) > 1) again\n"
                  "WHERE in_{0}.{1} = again.{1} AND in_{0}.rowid > again.first AND "
                  "in_{0}.upnext_reason IS NULL",
                  TableName(table), id)));
  UPNEXT_RETURN_IF_ERROR(TakeRejects(
      table, fmt::format("SELECT file, line, rowid + 1, upnext_reason, upnext_text FROM "
                         "in_{} WHERE upnext_reason IS NOT NULL ORDER BY rowid",
                         TableName(table))));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint64_t> counted,
                          db_.Counts(fmt::format("SELECT count(*), count(upnext_reason) FROM in_{}",
                                                 TableName(table))));
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
