#include "interchange/example_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <utility>

#include "base/numbers.h"
#include "base/rng.h"
#include "features/block_columns.h"
#include "import/duckdb.h"
#include "import/duckdb_table.h"
#include "interchange/feature_columns.h"
#include "interchange/manifest.h"
#include "schema/event.h"

namespace upnext::interchange {
namespace {

using features::BlockColumn;
using features::Side;
using schema::IdSpace;

constexpr size_t kTableChunkUsers = 16;
constexpr uint64_t kBlockEvents = 1 << 16;  // of the users of a block, about
constexpr const char* kPartNames[] = {"train", "validation", "test"};  // by SplitPart

// All users, or in an order that depends on the seed alone.
std::vector<uint32_t> UserOrder(uint32_t users, const ExampleOptions& options) {
  std::vector<uint32_t> order(users);
  std::iota(order.begin(), order.end(), 0u);
  if (options.limit == 0) return order;
  base::Rng rng(options.seed);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  return order;
}

// The columns before the features.
std::vector<import::Column> OriginColumns(const std::vector<ranking::Objective>& objectives,
                                          Stage stage) {
  std::vector<import::Column> columns = {
      {"part", "VARCHAR"}, {"user", "VARCHAR"}, {"item", "VARCHAR"}, {"time", "TIMESTAMP"}};
  if (stage == Stage::kRetrieval) {
    columns.insert(columns.end(), {{"label", "INTEGER"}, {"weight", "FLOAT"}});
    return columns;
  }
  columns.insert(columns.end(), {{"request", "BIGINT"},
                                 {"position", "INTEGER"},
                                 {"duration_s", "FLOAT"},
                                 {"watch_s", "FLOAT"},
                                 {"rating", "FLOAT"}});
  for (const ranking::Objective& objective : objectives) {
    columns.push_back({fmt::format("label.{}", objective.name), "FLOAT"});
    columns.push_back({fmt::format("weight.{}", objective.name), "FLOAT"});
  }
  return columns;
}

class ExampleTable {
 public:
  ExampleTable(const examples::ReplaySource& source, const features::FeatureStatistics& tables,
               const std::vector<ranking::Objective>& objectives, const ExampleOptions& options,
               base::ThreadPool& pool, base::Progress& progress)
      : source_(source),
        items_(tables.vocabulary(features::kItemVocabulary)),
        objectives_(objectives),
        options_(options),
        maker_(source, tables, options),
        users_(UserOrder(source.log.users(), options)),
        pool_(pool),
        progress_(progress),
        stage_(progress, "write examples", "users", users_.size()) {
    columns_ = OriginColumns(objectives, options.stage);
    const auto add = [&](features::Model model, Side side) {
      const char* const name = features::kSideNames[static_cast<size_t>(side)];
      const features::SidePlan& plan = tables.plan.side(model, side);
      const FeatureColumns& columns = sides_.emplace_back(plan, name, columns_.size());
      columns_.insert(columns_.end(), columns.columns().begin(), columns.columns().end());
      for (const BlockColumn& column : features::ColumnsOf(plan, name)) {
        if (column.kind != BlockColumn::Kind::kId && column.kind != BlockColumn::Kind::kIds)
          continue;
        vocabulary_rows_[column.name] = tables.rows(column.vocabulary);
      }
    };
    const bool ranking = options.stage == Stage::kRanking;
    add(ranking ? features::Model::kRanking : features::Model::kRetrieval, Side::kQuery);
    if (ranking) add(features::Model::kRanking, Side::kImpression);
    if (!ranking) vocabulary_rows_["label"] = std::max(1u, items_.rows());
  }

  const std::vector<import::Column>& columns() const { return columns_; }
  // Of the vocabulary of each column of ids, by its name.
  const nlohmann::json& vocabulary_rows() const { return vocabulary_rows_; }
  uint64_t rows() const { return written_; }
  bool stopped() const { return stopped_; }

  size_t Fill(import::ChunkWriter& chunk) {
    size_t row = 0;
    for (; row < chunk.capacity() && !AtLimit() && Advance(); ++row, ++next_, ++written_) {
      WriteRow(row, &chunk);
    }
    stage_.Update(done_users_, fmt::format("{} examples", base::WithThousands(written_)));
    return row;
  }

 private:
  bool AtLimit() const { return options_.limit > 0 && written_ >= options_.limit; }

  // Whether there is a next row, of arenas_[arena_].
  bool Advance() {
    while (arena_ == filled_ || next_ == arenas_[arena_].size()) {
      if (arena_ < filled_) ++arena_;
      next_ = 0;
      if (arena_ == filled_ && !Refill()) return false;
      MakeLabels();
    }
    return true;
  }

  bool Refill() {
    stopped_ |= progress_.stop_requested();
    done_users_ = begun_users_;
    if (stopped_ || begun_users_ == users_.size()) return false;
    const size_t begin = begun_users_;
    for (uint64_t events = 0; begun_users_ < users_.size() && events < kBlockEvents;) {
      const uint32_t user = users_[begun_users_++];
      events += source_.log.end(user) - source_.log.begin(user);
    }
    const size_t users = begun_users_ - begin;
    filled_ = (users + kTableChunkUsers - 1) / kTableChunkUsers;
    if (arenas_.size() < filled_) arenas_.resize(filled_);
    pool_.ParallelFor(users, kTableChunkUsers, [&](size_t from, size_t to) {
      ExampleRows& rows = arenas_[from / kTableChunkUsers];
      rows.Clear();
      for (size_t i = from; i < to; ++i) maker_.AppendUser(users_[begin + i], &rows);
    });
    arena_ = 0;
    return true;
  }

  void MakeLabels() {
    if (arena_ == filled_) return;
    const ExampleRows& rows = arenas_[arena_];
    targets_.resize(objectives_.size());
    for (size_t k = 0; k < objectives_.size(); ++k) {
      ranking::MakeTargets(objectives_[k], rows.labels, rows.impressions.duration_s, &targets_[k]);
    }
  }

  void WriteRow(size_t row, import::ChunkWriter* chunk) const {
    const ExampleRows& rows = arenas_[arena_];
    const ExampleRows::Origin& origin = rows.origins[next_];
    chunk->SetText(0, row, kPartNames[static_cast<size_t>(origin.part)]);
    chunk->SetText(1, row, source_.catalogue.Name(IdSpace::kUser, origin.user));
    chunk->SetText(2, row, source_.catalogue.Name(IdSpace::kItem, origin.item));
    chunk->Values<int64_t>(3)[row] = origin.time_ms * 1000;
    if (options_.stage == Stage::kRetrieval) {
      chunk->Values<int32_t>(4)[row] = static_cast<int32_t>(items_.Row(origin.item));
      chunk->Values<float>(5)[row] = origin.weight;
    } else {
      WriteLabels(rows, row, chunk);
      sides_[1].Write(rows.impressions, next_, row, chunk);
    }
    sides_[0].Write(rows.queries, rows.query_of[next_], row, chunk);
  }

  void WriteLabels(const ExampleRows& rows, size_t row, import::ChunkWriter* chunk) const {
    const ExampleRows::Origin& origin = rows.origins[next_];
    size_t column = 4;
    const auto put = [&](auto value, bool null) {
      if (null) {
        chunk->SetNull(column++, row);
      } else {
        chunk->Values<decltype(value)>(column++)[row] = value;
      }
    };
    put(static_cast<int64_t>(origin.request), origin.request == 0);
    put(int32_t{origin.position}, origin.position == 0);
    const float duration_s = rows.impressions.duration_s[next_];
    const examples::Labels& labels = rows.labels[next_];
    put(duration_s, std::isnan(duration_s));
    put(labels.watch_s, false);
    put(labels.rating, std::isnan(labels.rating));
    for (size_t k = 0; k < objectives_.size(); ++k) {
      const bool observed = targets_[k].mask[next_] != 0;
      put(targets_[k].value[next_], !observed);
      put(observed ? objectives_[k].loss_weight : 0.0f, false);
    }
  }

  const examples::ReplaySource& source_;
  const features::Vocabulary& items_;
  const std::vector<ranking::Objective>& objectives_;
  const ExampleOptions options_;
  const RowMaker maker_;
  const std::vector<uint32_t> users_;
  base::ThreadPool& pool_;
  base::Progress& progress_;
  base::ProgressStage stage_;
  std::vector<import::Column> columns_;
  std::vector<FeatureColumns> sides_;
  nlohmann::json vocabulary_rows_ = nlohmann::json::object();

  size_t begun_users_ = 0, done_users_ = 0;
  std::vector<ExampleRows> arenas_;  // of the users of a block, of which `filled_` are in use
  size_t filled_ = 0, arena_ = 0, next_ = 0;
  std::vector<ranking::Targets> targets_;  // by objective, of the arena
  uint64_t written_ = 0;
  bool stopped_ = false;
};

}  // namespace

Result<uint64_t> WriteExamples(const examples::ReplaySource& source,
                               const features::FeatureStatistics& tables,
                               const std::vector<ranking::Objective>& objectives,
                               const ExampleOptions& options, const std::filesystem::path& file,
                               base::ThreadPool& pool, base::Progress& progress) {
  // A database of one thread asks for rows from the caller's, so that they are written in order.
  UPNEXT_ASSIGN_OR_RETURN(import::Database db, import::Database::Open({.threads = 1}));
  ExampleTable table(source, tables, objectives, options, pool, progress);
  UPNEXT_RETURN_IF_ERROR(
      import::AddTable(db, "examples", table.columns(),
                       [&](import::ChunkWriter& chunk) { return table.Fill(chunk); }));
  const std::filesystem::path unfinished = file.string() + ".unfinished";
  Status written = db.Run(fmt::format(
      "COPY (SELECT * FROM examples()) TO {} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {}, "
      "KV_METADATA {{{}: {}}})",
      import::QuoteSql(unfinished.string()), 32'768, import::QuoteSql(kVocabularyRowsKey),
      import::QuoteSql(table.vocabulary_rows().dump())));
  if (written && table.stopped()) written = Cancelled("the export was stopped on request");
  std::error_code error;
  if (written) std::filesystem::rename(unfinished, file, error);
  if (written && !error) return table.rows();
  std::error_code ignored;
  std::filesystem::remove(unfinished, ignored);
  if (!written) return std::unexpected(written.error());
  return Internal("cannot rename {} to {}: {}", unfinished.string(), file.string(),
                  error.message());
}

}  // namespace upnext::interchange
