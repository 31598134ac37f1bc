#include "import/event_spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <string>
#include <type_traits>

#include "base/file.h"

namespace upnext::import {
namespace {

namespace fs = std::filesystem;

static_assert(sizeof(SpooledEvent) == 56 && std::is_trivially_copyable_v<SpooledEvent>);

constexpr size_t kBlockRows = 16384;                 // read and written at once
constexpr size_t kBucketBuffers = size_t{64} << 20;  // bytes, of all buckets together

std::span<const std::byte> Bytes(std::span<const SpooledEvent> events) {
  return std::as_bytes(events);
}

// A bucket in memory: its rows as they came, and as they are handed out.
struct SortedBucket {
  std::vector<SpooledEvent> arrived, sorted;
};

// Sorts by the order of `users`, who are all that the bucket holds, then time, then arrival.
// `cursor` is room for a number a user.
void SortRows(std::span<const uint32_t> users, std::span<const uint32_t> row_count,
              std::vector<uint64_t>& cursor, SortedBucket& bucket) {
  uint64_t begin = 0;
  for (const uint32_t user : users) {
    cursor[user] = begin;
    begin += row_count[user];
  }
  bucket.sorted.resize(bucket.arrived.size());
  for (const SpooledEvent& row : bucket.arrived) bucket.sorted[cursor[row.user]++] = row;
  auto at = bucket.sorted.begin();
  for (const uint32_t user : users) {
    const auto end = at + row_count[user];
    // Most logs are written in order of time.
    if (!std::ranges::is_sorted(at, end, {}, &SpooledEvent::time_ms)) {
      std::ranges::stable_sort(at, end, {}, &SpooledEvent::time_ms);
    }
    at = end;
  }
}

}  // namespace

Result<ScratchFile> ScratchFile::Create(const fs::path& folder) {
  std::string name = (folder / ".scratch-XXXXXX").string();
  ScratchFile file;
  file.folder_ = folder;
  file.fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (file.fd_ < 0) return base::OsError(errno, folder, "make a temporary file there");
  ::unlink(name.c_str());
  return file;
}

ScratchFile::ScratchFile(ScratchFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), folder_(std::move(other.folder_)) {}

ScratchFile& ScratchFile::operator=(ScratchFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(folder_, other.folder_);
  return *this;
}

ScratchFile::~ScratchFile() {
  if (fd_ >= 0) ::close(fd_);
}

Status ScratchFile::Write(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::OsError(errno, folder_, "write a temporary file there");
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return Ok();
}

Status ScratchFile::Read(uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::pread(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::OsError(errno, folder_, "read back a temporary file there");
    if (n == 0) return Internal("{}: a temporary file is shorter than written", folder_.string());
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return Ok();
}

Result<EventSpool> EventSpool::Create(const fs::path& folder, uint64_t bucket_rows) {
  EventSpool spool;
  spool.folder_ = folder;
  spool.bucket_rows_ = bucket_rows;
  UPNEXT_ASSIGN_OR_RETURN(spool.file_, ScratchFile::Create(folder));
  spool.buffer_.reserve(kBlockRows);
  return spool;
}

Status EventSpool::Add(std::span<const SpooledEvent> events) {
  for (const SpooledEvent& event : events) {
    if (event.user >= row_count_.size()) {
      row_count_.resize(std::max<size_t>(event.user + size_t{1}, 2 * row_count_.size()));
    }
    if (++row_count_[event.user] == schema::kNone) {
      return InvalidArgument("a user has more than {} events: a log holds fewer",
                             schema::kNone - 1);
    }
    first_ms_ = rows_ == 0 ? event.time_ms : std::min(first_ms_, event.time_ms);
    last_ms_ = rows_ == 0 ? event.time_ms : std::max(last_ms_, event.time_ms);
    buffer_.push_back(event);
    ++rows_;
    if (buffer_.size() == kBlockRows) UPNEXT_RETURN_IF_ERROR(Flush());
  }
  return Ok();
}

Status EventSpool::Flush() {
  UPNEXT_RETURN_IF_ERROR(
      file_.Write((rows_ - buffer_.size()) * sizeof(SpooledEvent), Bytes(buffer_)));
  buffer_.clear();
  return Ok();
}

// Neighbours of `order` in buckets of at most bucket_rows_ rows, or of one user.
std::vector<EventSpool::Bucket> EventSpool::Cut(std::span<const uint32_t> order) const {
  std::vector<Bucket> buckets;
  uint64_t begin = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    const uint64_t rows = order[i] < row_count_.size() ? row_count_[order[i]] : 0;
    if (buckets.empty() || (buckets.back().rows > 0 && buckets.back().rows + rows > bucket_rows_)) {
      buckets.push_back({.first = i, .last = i, .begin = begin, .rows = 0});
    }
    buckets.back().last = i + 1;
    buckets.back().rows += rows;
    begin += rows;
  }
  return buckets;
}

// Copies the rows to a new file, in which each bucket has a place of its own. Within a bucket they
// stay in order of arrival.
Status EventSpool::Distribute(std::span<const uint32_t> order, std::span<const Bucket> buckets,
                              base::Progress& progress) {
  base::ProgressStage stage(progress, "sort events", "rows", rows_);
  std::vector<uint32_t> bucket_of(order.size());
  for (uint32_t b = 0; b < buckets.size(); ++b) {
    for (size_t i = buckets[b].first; i < buckets[b].last; ++i) bucket_of[order[i]] = b;
  }
  UPNEXT_ASSIGN_OR_RETURN(ScratchFile sorted, ScratchFile::Create(folder_));
  const size_t room =
      std::clamp<size_t>(kBucketBuffers / sizeof(SpooledEvent) / buckets.size(), 16, kBlockRows);
  std::vector<SpooledEvent> buffers(room * buckets.size());
  std::vector<size_t> filled(buckets.size());
  std::vector<uint64_t> written(buckets.size());
  const auto flush = [&](size_t b) {
    const Status status = sorted.Write((buckets[b].begin + written[b]) * sizeof(SpooledEvent),
                                       Bytes(std::span(buffers).subspan(b * room, filled[b])));
    written[b] += std::exchange(filled[b], 0);
    return status;
  };
  std::vector<SpooledEvent> block;
  for (uint64_t row = 0; row < rows_; row += block.size()) {
    if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
    block.resize(std::min<uint64_t>(kBlockRows, rows_ - row));
    UPNEXT_RETURN_IF_ERROR(
        file_.Read(row * sizeof(SpooledEvent), std::as_writable_bytes(std::span(block))));
    for (const SpooledEvent& event : block) {
      const size_t b = bucket_of[event.user];
      buffers[b * room + filled[b]] = event;
      if (++filled[b] == room) UPNEXT_RETURN_IF_ERROR(flush(b));
    }
    stage.Update(row + block.size());
  }
  for (size_t b = 0; b < buckets.size(); ++b) UPNEXT_RETURN_IF_ERROR(flush(b));
  file_ = std::move(sorted);
  return Ok();
}

Status EventSpool::Sort(std::span<const uint32_t> order, base::Progress& progress,
                        const OnUser& on_user) {
  UPNEXT_RETURN_IF_ERROR(Flush());
  row_count_.resize(order.size());
  const std::vector<Bucket> buckets = Cut(order);
  if (buckets.size() > 1) UPNEXT_RETURN_IF_ERROR(Distribute(order, buckets, progress));

  base::ProgressStage stage(progress, "write events", "rows", rows_);
  std::vector<uint64_t> cursor(order.size());
  const auto load = [&](const Bucket& bucket, SortedBucket& into) -> Status {
    into.arrived.resize(bucket.rows);
    UPNEXT_RETURN_IF_ERROR(file_.Read(bucket.begin * sizeof(SpooledEvent),
                                      std::as_writable_bytes(std::span(into.arrived))));
    SortRows(order.subspan(bucket.first, bucket.last - bucket.first), row_count_, cursor, into);
    return Ok();
  };
  // One bucket is sorted while the one before it is handed out.
  SortedBucket now, next;
  std::future<Status> loading;
  for (size_t b = 0; b < buckets.size(); ++b) {
    UPNEXT_RETURN_IF_ERROR(b == 0 ? load(buckets[0], now) : loading.get());
    if (b > 0) std::swap(now, next);
    if (b + 1 < buckets.size()) {
      loading = std::async(std::launch::async, [&, b] { return load(buckets[b + 1], next); });
    }
    auto at = now.sorted.cbegin();
    uint64_t done = buckets[b].begin;
    for (size_t i = buckets[b].first; i < buckets[b].last; ++i) {
      const uint32_t rows = row_count_[order[i]];
      if (rows == 0) continue;
      UPNEXT_RETURN_IF_ERROR(on_user(order[i], std::span(at, at + rows)));
      at += rows;
      done += rows;
      stage.Update(done);
      if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
    }
  }
  return Ok();
}

}  // namespace upnext::import
