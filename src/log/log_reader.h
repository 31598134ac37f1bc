// The files of a log, each opened and verified by itself: what they hand out cannot be out of
// bounds. EventLog joins them. Only this room includes it. Immutable: safe for any number of
// threads.
#ifndef UPNEXT_LOG_LOG_READER_H_
#define UPNEXT_LOG_LOG_READER_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::log {

using FilePtr = std::shared_ptr<const base::SectionFile>;
using IdCounts = std::array<uint64_t, schema::kIdSpaces>;

struct LogMeta {
  uint32_t users = 0, items = 0, shards = 1, segments = 1;
  LogStats stats;                   // without bytes
  std::vector<uint64_t> rows;       // [segments, shards]: of each event file
  std::vector<uint64_t> digests;    // dictionaries, items, users, event files, order
  std::vector<uint64_t> ancestors;  // digests of the dictionaries that these go on from
  uint64_t digest = 0;              // of the meta file
  bool has_order() const { return segments > 1; }
};
Result<LogMeta> ReadMeta(const std::filesystem::path& path);

// Ids of one, two or four bytes, as wide as they were written; a column that is not in the file
// reads as kNone.
class IdView {
 public:
  static Result<IdView> Get(const base::SectionFile& file, std::string_view name, uint64_t ids,
                            uint64_t rows);
  uint32_t operator[](uint64_t row) const {
    if (wide_ != nullptr) return wide_[row];
    if (narrow_ != nullptr) return narrow_[row] == 0xff ? schema::kNone : narrow_[row];
    if (middle_ != nullptr) return middle_[row] == 0xffff ? schema::kNone : middle_[row];
    return schema::kNone;
  }

 private:
  const uint8_t* narrow_ = nullptr;
  const uint16_t* middle_ = nullptr;
  const uint32_t* wide_ = nullptr;
};

class ItemReader {
 public:
  static Result<ItemReader> Open(FilePtr file, const IdCounts& ids);
  uint32_t size() const { return size_; }
  schema::Item item(uint32_t item) const;

 private:
  FilePtr file_;
  uint32_t size_ = 0;
  // Empty when the column is not in the file.
  std::span<const int64_t> created_ms_;
  std::span<const float> duration_s_;
  std::span<const uint32_t> channel_, language_, topics_;
  std::span<const uint8_t> removed_;
  std::span<const uint64_t> topic_offsets_;
  base::StringTable titles_;
};

class UserReader {
 public:
  static Result<UserReader> Open(FilePtr file, const IdCounts& ids);
  uint32_t size() const { return size_; }
  uint64_t begin(uint32_t user) const { return row_begin_[user]; }
  uint64_t end(uint32_t user) const { return row_begin_[user] + row_count_[user]; }
  schema::User user(uint32_t user) const;
  std::string path() const { return file_->path().string(); }

 private:
  FilePtr file_;
  uint32_t size_ = 0;
  std::span<const uint32_t> region_, language_, row_count_;
  std::span<const float> age_, gender_, logged_in_;
  std::span<const uint64_t> row_begin_;
};

class ShardReader {
 public:
  // Verifies every row and adds what it saw to `stats`.
  static Result<ShardReader> Open(FilePtr file, const IdCounts& ids, uint64_t rows,
                                  LogStats& stats);
  schema::Event event(uint64_t row) const;
  const int64_t* times() const { return time_ms_.data(); }
  schema::EventType type(uint64_t row) const { return static_cast<schema::EventType>(type_[row]); }
  uint32_t item(uint64_t row) const { return item_[row]; }
  std::string path() const { return file_->path().string(); }

 private:
  FilePtr file_;
  std::span<const int64_t> time_ms_;
  std::span<const uint8_t> type_, off_site_;
  IdView item_, query_, source_, device_, region_, current_item_;
  std::span<const float> value_, propensity_;
  std::span<const uint64_t> request_;
  std::span<const uint16_t> position_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_LOG_READER_H_
