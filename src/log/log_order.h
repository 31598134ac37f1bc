// The order in which the rows of several segments are read: rows are numbered by (shard, user,
// time, segment), while they lie in event files of which every import added some. Stored as runs of
// rows that lie together; a log of one segment needs none (docs/formats/event_log.md).
//
//   UPNEXT_ASSIGN_OR_RETURN(RowOrder order, RowOrder::Open(file, meta));
//   uint64_t place = order.Place(row);      counted through all event files, segment by segment
//
// Only this room includes it. RowOrder is immutable: any number of threads. It keeps the file
// mapped.
#ifndef UPNEXT_LOG_LOG_ORDER_H_
#define UPNEXT_LOG_LOG_ORDER_H_

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/status.h"
#include "log/log_reader.h"

namespace upnext::log {

// Rows that a merge writes between two reports of progress.
inline constexpr uint64_t kProgressRows = 1 << 16;

class RowOrder {
 public:
  RowOrder() = default;  // of one segment: every row lies at its own number
  // Verified: every place is some row's, and rows of a shard lie in files of that shard.
  static Result<RowOrder> Open(FilePtr file, const LogMeta& meta);

  bool empty() const { return rows_.empty(); }
  uint64_t Place(uint64_t row) const {
    const size_t run = RunOf(row);
    return places_[run] + (row - rows_[run]);
  }
  // Calls take(place, rows) for the pieces that rows [begin, end) lie in, in the order of rows.
  template <typename Take>
  Status ForEachPiece(uint64_t begin, uint64_t end, const Take& take) const {
    if (begin < end && empty()) return take(begin, end - begin);
    for (size_t run = begin < end ? RunOf(begin) : 0; begin < end; ++run) {
      const uint64_t stop = run + 1 < rows_.size() ? std::min(end, rows_[run + 1]) : end;
      UPNEXT_RETURN_IF_ERROR(take(places_[run] + (begin - rows_[run]), stop - begin));
      begin = stop;
    }
    return Ok();
  }

 private:
  static constexpr int kBlockBits = 6;
  // Runs are not empty, so a block of rows has at most that many to look through.
  size_t RunOf(uint64_t row) const {
    size_t run = first_run_[row >> kBlockBits];
    while (run + 1 < rows_.size() && rows_[run + 1] <= row) ++run;
    return run;
  }

  FilePtr file_;
  std::span<const uint64_t> rows_, places_;  // where each run begins
  std::vector<uint64_t> first_run_;          // by block of rows
};

// Where each event file's rows begin, and one past the last.
std::vector<uint64_t> FileBases(const LogMeta& meta);

// All users, in the order in which a log holds their rows: by shard, then by number.
std::vector<uint32_t> UsersByRow(size_t users, uint32_t shards);

// Writes the order of `base` with one segment more, whose files lie in `folder`. `meta` describes
// the new log already, `added` how many rows each user got. For users of `base` and later ones.
Status WriteOrder(const std::filesystem::path& folder, const EventLog& base, const LogMeta& meta,
                  std::span<const uint32_t> added);

}  // namespace upnext::log

#endif  // UPNEXT_LOG_LOG_ORDER_H_
