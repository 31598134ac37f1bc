// The files of a log, each opened and verified by itself: what they hand out cannot be out of
// bounds. EventLog joins them. Only this room includes it. Immutable: safe for any number of
// threads.
#ifndef UPNEXT_LOG_LOG_READER_H_
#define UPNEXT_LOG_LOG_READER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "log/attribute_reader.h"
#include "log/event_log.h"
#include "schema/schema.h"

namespace upnext::log {

using FilePtr = std::shared_ptr<const base::SectionFile>;

struct LogMeta {
  uint32_t users = 0, items = 0, shards = 1, segments = 1;
  LogStats stats;                   // without bytes
  std::vector<uint64_t> rows;       // [segments, shards]: of each event file
  std::vector<uint64_t> digests;    // dictionaries, items, users, event files, order
  std::vector<uint64_t> ancestors;  // digests of the dictionaries that these go on from
  PostedMark posted;
  int64_t same_event_ms = kSameEventMs;
  uint64_t digest = 0;  // of the meta file
  bool has_order() const { return segments > 1; }
};
Result<LogMeta> ReadMeta(const std::filesystem::path& path);
// The number of items or users of the log in that folder that are gone, of which `before` are not
// counted (ascending).
Result<uint32_t> CountGone(const std::filesystem::path& directory, schema::Entity entity,
                           std::span<const uint32_t> before = {});
// The schema in a dictionaries file.
Result<schema::Schema> ReadSchema(const base::SectionFile& dictionaries);

class ItemReader {
 public:
  static Result<ItemReader> Open(FilePtr file, const schema::Schema& schema, const IdCounts& ids);
  uint32_t size() const { return size_; }
  schema::Item item(uint32_t item) const;
  std::span<const uint32_t> gone() const { return gone_; }
  std::span<const AttributeView> attributes() const { return attributes_; }

 private:
  FilePtr file_;
  uint32_t size_ = 0;
  std::vector<AttributeView> attributes_;
  // The built-in ones again, next to each other; null when the column is not in the file.
  const int64_t* created_ms_ = nullptr;
  const float* duration_s_ = nullptr;
  const uint32_t *channel_ = nullptr, *language_ = nullptr;
  const uint8_t* removed_ = nullptr;
  AttributeView topics_, titles_;
  std::span<const uint32_t> gone_;
};

class UserReader {
 public:
  static Result<UserReader> Open(FilePtr file, const schema::Schema& schema, const IdCounts& ids);
  uint32_t size() const { return size_; }
  uint64_t begin(uint32_t user) const { return row_begin_[user]; }
  uint64_t end(uint32_t user) const { return row_begin_[user] + row_count_[user]; }
  schema::User user(uint32_t user) const;
  std::span<const uint32_t> gone() const { return gone_; }
  std::span<const AttributeView> attributes() const { return attributes_; }
  std::string path() const { return file_->path().string(); }

 private:
  FilePtr file_;
  uint32_t size_ = 0;
  std::vector<AttributeView> attributes_;
  const uint32_t *region_ = nullptr, *language_ = nullptr;
  const float *age_ = nullptr, *gender_ = nullptr, *logged_in_ = nullptr;
  std::span<const uint32_t> row_count_, gone_;
  std::span<const uint64_t> row_begin_;
};

class ShardReader {
 public:
  // Verifies every row and adds what it saw to `stats`.
  static Result<ShardReader> Open(FilePtr file, const schema::Schema& schema, const IdCounts& ids,
                                  uint64_t rows, LogStats& stats);
  schema::Event event(uint64_t row) const;
  // The declared attributes of requests, in their order.
  std::span<const AttributeView> attributes() const { return attributes_; }
  const int64_t* times() const { return time_ms_.data(); }
  schema::EventType type(uint64_t row) const { return static_cast<schema::EventType>(type_[row]); }
  uint32_t item(uint64_t row) const { return item_[row]; }
  uint64_t id(uint64_t row) const { return id_.empty() ? 0 : id_[row]; }
  std::string path() const { return file_->path().string(); }

 private:
  FilePtr file_;
  std::span<const int64_t> time_ms_;
  std::span<const uint8_t> type_, off_site_, posted_;
  IdView item_, query_, source_, device_, region_, current_item_;
  std::span<const float> value_, source_score_, propensity_;
  std::span<const uint64_t> request_, id_;
  std::span<const uint16_t> position_;
  std::vector<AttributeView> attributes_;
};

}  // namespace upnext::log

#endif  // UPNEXT_LOG_LOG_READER_H_
