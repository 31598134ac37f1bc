#include "log/log_order.h"

#include <numeric>

#include "log/column.h"
#include "log/log_format.h"

namespace upnext::log {
namespace {

namespace fs = std::filesystem;

// Rows of each shard, over all segments: where they begin, and one past the last.
std::vector<uint64_t> ShardBases(const LogMeta& meta) {
  std::vector<uint64_t> bases(meta.shards + 1, 0);
  for (size_t file = 0; file < meta.rows.size(); ++file) {
    bases[file % meta.shards + 1] += meta.rows[file];
  }
  for (size_t shard = 1; shard < bases.size(); ++shard) bases[shard] += bases[shard - 1];
  return bases;
}

// The file (or shard) that a place (or row) lies in; empty ones hold none.
size_t Holder(const std::vector<uint64_t>& bases, uint64_t place) {
  return static_cast<size_t>(std::ranges::upper_bound(bases, place) - bases.begin()) - 1;
}

// The first of the log's rows [begin, end), which are in time order, that is later than `time_ms`.
uint64_t FirstAfter(const EventLog& log, uint64_t begin, uint64_t end, int64_t time_ms) {
  if (begin == end || log.time_ms(end - 1) <= time_ms) return end;  // all, unless events are late
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    if (log.time_ms(middle) <= time_ms) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

// The order of a log that was opened, and so verified, already.
Result<RowOrder> OrderOf(const EventLog& log) {
  UPNEXT_ASSIGN_OR_RETURN(const LogMeta meta, ReadMeta(log.directory() / format::kMetaFile));
  if (!meta.has_order()) return RowOrder();
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                          base::SectionFile::Open(log.directory() / format::kOrderFile,
                                                  format::kOrderKind, format::kVersion));
  return RowOrder::Open(std::make_shared<const base::SectionFile>(std::move(file)), meta);
}

// Places in the order of rows, put together to runs.
class RunWriter {
 public:
  RunWriter(const fs::path& folder, std::vector<uint64_t> bases)
      : bases_(std::move(bases)),
        spill_(folder),
        rows_(spill_, format::kRunRows, 0, true),
        places_(spill_, format::kRunPlaces, 0, true) {}

  Status Add(uint64_t place, uint64_t count) {
    if (count == 0) return Ok();
    if (place != next_place_ || place >= run_end_) {
      UPNEXT_RETURN_IF_ERROR(rows_.Add(row_));
      UPNEXT_RETURN_IF_ERROR(places_.Add(place));
      run_end_ = bases_[Holder(bases_, place) + 1];  // a run does not lead into another file
    }
    next_place_ = place + count;
    row_ += count;
    return Ok();
  }
  Status Write(const fs::path& path) {
    UPNEXT_ASSIGN_OR_RETURN(
        base::SectionWriter file,
        base::SectionWriter::Create(path, format::kOrderKind, format::kVersion));
    UPNEXT_RETURN_IF_ERROR(rows_.WriteTo(file));
    UPNEXT_RETURN_IF_ERROR(places_.WriteTo(file));
    return file.Commit();
  }

 private:
  std::vector<uint64_t> bases_;
  SpoolFile spill_;
  Column<uint64_t> rows_, places_;
  uint64_t row_ = 0, next_place_ = 0, run_end_ = 0;
};

}  // namespace

std::vector<uint64_t> FileBases(const LogMeta& meta) {
  std::vector<uint64_t> bases = {0};
  for (const uint64_t rows : meta.rows) bases.push_back(bases.back() + rows);
  return bases;
}

std::vector<uint32_t> UsersByRow(size_t users, uint32_t shards) {
  std::vector<uint32_t> order(users);
  std::iota(order.begin(), order.end(), 0u);
  if (shards == 1) return order;
  std::ranges::stable_sort(order, {}, [&](uint32_t u) { return format::ShardOf(u, shards); });
  return order;
}

Result<RowOrder> RowOrder::Open(FilePtr file, const LogMeta& meta) {
  RowOrder order;
  const std::string path = file->path().string();
  UPNEXT_ASSIGN_OR_RETURN(order.rows_, file->Get<uint64_t>(format::kRunRows));
  UPNEXT_ASSIGN_OR_RETURN(order.places_,
                          file->Get<uint64_t>(format::kRunPlaces, order.rows_.size()));
  const std::vector<uint64_t> files = FileBases(meta), shards = ShardBases(meta);
  const uint64_t events = files.back();
  if (events == 0 || order.rows_.empty() || order.rows_[0] != 0) {
    return DataLoss("{}: the first run should begin with row 0 of some", path);
  }
  order.first_run_.resize((events >> kBlockBits) + 1);
  // Rows of a file keep their order, so each run goes on where the last one of its file ended; all
  // runs together are as long as all files, so every place is met once.
  std::vector<uint64_t> cursor(files.begin(), files.end() - 1);
  uint64_t block = 0;
  for (size_t run = 0; run < order.rows_.size(); ++run) {
    const uint64_t row = order.rows_[run], place = order.places_[run];
    const uint64_t end = run + 1 < order.rows_.size() ? order.rows_[run + 1] : events;
    if (row >= end || end > events || place >= events) {
      return DataLoss("{}: run {} of rows [{}, {}) at {} is out of bounds", path, run, row, end,
                      place);
    }
    const size_t in = Holder(files, place), shard = Holder(shards, row);
    if (place != cursor[in] || end - row > files[in + 1] - place || in % meta.shards != shard ||
        end > shards[shard + 1]) {
      return DataLoss("{}: run {} of rows [{}, {}) at {} is out of place", path, run, row, end,
                      place);
    }
    cursor[in] += end - row;
    // Blocks that begin within this run.
    for (; block < order.first_run_.size() && block << kBlockBits < end; ++block) {
      order.first_run_[block] = run;
    }
  }
  order.file_ = std::move(file);
  return order;
}

Status WriteOrder(const fs::path& folder, const EventLog& base, const LogMeta& meta,
                  std::span<const uint32_t> added) {
  UPNEXT_ASSIGN_OR_RETURN(const RowOrder old, OrderOf(base));
  const uint32_t shards = meta.shards, segment = meta.segments - 1;
  std::vector<uint64_t> bases = FileBases(meta);
  RunWriter runs(folder, bases);
  const auto add = [&](uint64_t place, uint64_t count) { return runs.Add(place, count); };
  base::SectionFile file;
  std::span<const int64_t> times;  // of the new file of `shard`
  uint64_t next = 0;               // row in there
  uint32_t shard = shards;
  for (const uint32_t user : UsersByRow(added.size(), shards)) {
    if (format::ShardOf(user, shards) != shard) {
      shard = format::ShardOf(user, shards);
      UPNEXT_ASSIGN_OR_RETURN(file,
                              base::SectionFile::Open(folder / format::ShardFile(shard, segment),
                                                      format::kShardKind, format::kVersion));
      UPNEXT_ASSIGN_OR_RETURN(times, file.Get<int64_t>("time_ms"));
      next = 0;
    }
    const uint64_t first_place = bases[size_t{segment} * shards + shard];
    uint64_t row = user < base.users() ? base.begin(user) : 0;
    const uint64_t end = user < base.users() ? base.end(user) : 0;
    for (const uint64_t stop = next + added[user]; next < stop; ++next) {
      // Old rows up to this one's time go first, equal times included: they came earlier.
      const uint64_t later = FirstAfter(base, row, end, times[next]);
      UPNEXT_RETURN_IF_ERROR(old.ForEachPiece(row, later, add));
      UPNEXT_RETURN_IF_ERROR(add(first_place + next, 1));
      row = later;
    }
    UPNEXT_RETURN_IF_ERROR(old.ForEachPiece(row, end, add));
  }
  return runs.Write(folder / format::kOrderFile);
}

}  // namespace upnext::log
