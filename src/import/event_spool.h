// The events of an import between reading and writing: rows of fixed size in files without a name,
// kept in order of arrival, then handed out by (user, time, arrival). A distribution sort in two
// passes: rows go to buckets of neighbouring users, then each bucket is sorted in memory.
//
//   UPNEXT_ASSIGN_OR_RETURN(EventSpool spool, EventSpool::Create(scratch, words));
//   UPNEXT_RETURN_IF_ERROR(spool.Add(events, words));     as they come, any number of times
//   UPNEXT_RETURN_IF_ERROR(spool.Sort(order, progress, [](user, rows) { return Ok(); }));
//
// Memory: a few bytes a user and four times the larger of one bucket (67 MB) and the rows of the
// most active user, whatever the number of rows; disk: 144 bytes a row. Every declared attribute of
// requests adds 8 and 16 bytes a row to both. One thread. Only the import includes it.
#ifndef UPNEXT_IMPORT_EVENT_SPOOL_H_
#define UPNEXT_IMPORT_EVENT_SPOOL_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <vector>

#include "base/progress.h"
#include "base/scratch_file.h"
#include "base/status.h"
#include "import/event_times.h"
#include "schema/attribute.h"

namespace upnext::import {

// An event whose ids are the numbers of NameTables, kNone where absent.
struct SpooledEvent {
  int64_t time_ms = 0;
  uint64_t request = 0, id = 0;
  uint32_t user = 0, item = schema::kNone, query = schema::kNone, source = schema::kNone,
           device = schema::kNone, region = schema::kNone, current_item = schema::kNone;
  float value = schema::kAbsent, source_score = schema::kAbsent, propensity = schema::kAbsent;
  uint16_t position = 0;
  schema::EventType type = schema::EventType::kImpression;
  bool off_site : 1 = false;
  bool posted : 1 = false;
};

// The value of a declared attribute of a request in one word: a number, a time, or for a category
// the number of a NameTable.
uint64_t ToWord(const schema::AttributeValue& value, schema::Kind kind);
schema::AttributeValue FromWord(uint64_t word, schema::Kind kind);

// Events and their words, [rows, words a row].
struct EventRows {
  std::span<const SpooledEvent> events;
  std::span<const uint64_t> words;
};
struct EventBlock {
  std::vector<SpooledEvent> events;
  std::vector<uint64_t> words;
  EventRows rows() const { return {events, words}; }
};

class EventSpool {
 public:
  // A bucket has at most this many rows, unless one user alone has more.
  static constexpr uint64_t kBucketRows = uint64_t{1} << 20;

  // Each event comes with `words` words.
  static Result<EventSpool> Create(const std::filesystem::path& folder, size_t words,
                                   uint64_t bucket_rows = kBucketRows);
  Status Add(std::span<const SpooledEvent> events, std::span<const uint64_t> words);
  uint64_t rows() const { return rows_; }
  const EventTimes& times() const { return times_; }  // of all rows that were added
  // Takes out the rows that `keeps` denies and gives each to `on_row`.
  Status Keep(const std::function<bool(const SpooledEvent&)>& keeps,
              const std::function<Status(const SpooledEvent&)>& on_row);

  // A user's events in their final order, valid during the call.
  using OnUser = std::function<Status(uint32_t user, const EventRows& rows)>;
  // Calls `on_user` for every user of `order`, which names each user number once, that has events.
  // Shows two stages. Empties the spool.
  Status Sort(std::span<const uint32_t> order, base::Progress& progress, const OnUser& on_user);

 private:
  // Rows in two files.
  class Files {
   public:
    Files() = default;
    static Result<Files> Create(const std::filesystem::path& folder, size_t words);
    Status Write(uint64_t row, const EventRows& rows);
    Status Read(uint64_t row, uint64_t count, EventBlock& block) const;

   private:
    size_t words_ = 0;
    base::ScratchFile events_, of_words_;
  };
  struct Bucket {
    size_t first = 0, last = 0;    // its users are order[first, last)
    uint64_t begin = 0, rows = 0;  // its rows in the file
  };
  Status Flush();
  std::vector<Bucket> Cut(std::span<const uint32_t> order) const;
  Status Distribute(std::span<const uint32_t> order, std::span<const Bucket> buckets,
                    base::Progress& progress);

  std::filesystem::path folder_;
  size_t words_ = 0;
  uint64_t bucket_rows_ = kBucketRows;
  Files files_;
  uint64_t rows_ = 0;
  EventTimes times_;
  EventBlock buffer_;                // the last rows, not yet in the files
  std::vector<uint32_t> row_count_;  // [user number]
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_EVENT_SPOOL_H_
