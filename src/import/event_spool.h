// The events of an import between reading and writing: rows of fixed size in files without a name,
// kept in order of arrival, then handed out by (user, time, arrival). A distribution sort in two
// passes: rows go to buckets of neighbouring users, then each bucket is sorted in memory.
//
//   UPNEXT_ASSIGN_OR_RETURN(EventSpool spool, EventSpool::Create(scratch));
//   UPNEXT_RETURN_IF_ERROR(spool.Add(events));            as they come, any number of times
//   UPNEXT_RETURN_IF_ERROR(spool.Sort(order, progress, [](user, events) { return Ok(); }));
//
// Memory: a few bytes a user and four times the larger of one bucket (59 MB) and the rows of the
// most active user, whatever the number of rows; disk: 112 bytes a row. One thread. Only the import
// includes it.
#ifndef UPNEXT_IMPORT_EVENT_SPOOL_H_
#define UPNEXT_IMPORT_EVENT_SPOOL_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "schema/event.h"

namespace upnext::import {

// An event whose ids are the numbers of NameTables, kNone where absent.
struct SpooledEvent {
  int64_t time_ms = 0;
  uint64_t request = 0;
  uint32_t user = 0, item = schema::kNone, query = schema::kNone, source = schema::kNone,
           device = schema::kNone, region = schema::kNone, current_item = schema::kNone;
  float value = schema::kAbsent, propensity = schema::kAbsent;
  uint16_t position = 0;
  schema::EventType type = schema::EventType::kImpression;
  bool off_site = false;
};

// A temporary file that is gone when it is closed, whatever happens.
class ScratchFile {
 public:
  static Result<ScratchFile> Create(const std::filesystem::path& folder);
  ScratchFile() = default;
  ScratchFile(ScratchFile&& other) noexcept;
  ScratchFile& operator=(ScratchFile&& other) noexcept;
  ~ScratchFile();
  Status Write(uint64_t offset, std::span<const std::byte> bytes);
  Status Read(uint64_t offset, std::span<std::byte> bytes) const;

 private:
  int fd_ = -1;
  std::filesystem::path folder_;
};

class EventSpool {
 public:
  // A bucket has at most this many rows, unless one user alone has more.
  static constexpr uint64_t kBucketRows = uint64_t{1} << 20;

  static Result<EventSpool> Create(const std::filesystem::path& folder,
                                   uint64_t bucket_rows = kBucketRows);
  Status Add(std::span<const SpooledEvent> events);
  uint64_t rows() const { return rows_; }
  int64_t first_ms() const { return first_ms_; }  // the earliest time of all rows
  int64_t last_ms() const { return last_ms_; }    // the latest

  // A user's events in their final order, valid during the call.
  using OnUser = std::function<Status(uint32_t user, std::span<const SpooledEvent> events)>;
  // Calls `on_user` for every user of `order`, which names each user number once, that has events.
  // Shows two stages. Empties the spool.
  Status Sort(std::span<const uint32_t> order, base::Progress& progress, const OnUser& on_user);

 private:
  struct Bucket {
    size_t first = 0, last = 0;    // its users are order[first, last)
    uint64_t begin = 0, rows = 0;  // its rows in the file
  };
  Status Flush();
  std::vector<Bucket> Cut(std::span<const uint32_t> order) const;
  Status Distribute(std::span<const uint32_t> order, std::span<const Bucket> buckets,
                    base::Progress& progress);

  std::filesystem::path folder_;
  uint64_t bucket_rows_ = kBucketRows;
  ScratchFile file_;
  uint64_t rows_ = 0;
  int64_t first_ms_ = 0, last_ms_ = 0;
  std::vector<SpooledEvent> buffer_;  // the last rows, not yet in the file
  std::vector<uint32_t> row_count_;   // [user number]
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_EVENT_SPOOL_H_
