#include "import/event_spool.h"

#include <algorithm>
#include <bit>
#include <future>
#include <numeric>
#include <type_traits>
#include <utility>

namespace upnext::import {
namespace {

namespace fs = std::filesystem;

static_assert(sizeof(SpooledEvent) == 72 && std::is_trivially_copyable_v<SpooledEvent>);

constexpr size_t kBlockRows = 16384;                 // read and written at once
constexpr size_t kBucketBuffers = size_t{64} << 20;  // bytes, of all buckets together

// A bucket in memory: its rows as they came, and as they are handed out.
struct SortedBucket {
  EventBlock arrived, sorted;
};

// The rows [begin, begin + n) of the block in order of time.
void SortByTime(EventBlock& block, size_t begin, size_t n, size_t words) {
  const auto first = block.events.begin() + static_cast<std::ptrdiff_t>(begin);
  const auto last = first + static_cast<std::ptrdiff_t>(n);
  // Most logs are written in order of time.
  if (std::ranges::is_sorted(first, last, {}, &SpooledEvent::time_ms)) return;
  if (words == 0) {
    std::ranges::stable_sort(first, last, {}, &SpooledEvent::time_ms);
    return;
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), begin);
  std::ranges::stable_sort(order, {}, [&](size_t row) { return block.events[row].time_ms; });
  EventBlock sorted;
  for (const size_t row : order) {
    const auto of_row = block.words.begin() + static_cast<std::ptrdiff_t>(row * words);
    sorted.events.push_back(block.events[row]);
    sorted.words.insert(sorted.words.end(), of_row, of_row + static_cast<std::ptrdiff_t>(words));
  }
  std::ranges::copy(sorted.events, first);
  std::ranges::copy(sorted.words, block.words.begin() + static_cast<std::ptrdiff_t>(begin * words));
}

// Sorts by the order of `users`, who are all that the bucket holds, then time, then arrival.
// `cursor` is room for a number a user.
void SortRows(std::span<const uint32_t> users, std::span<const uint32_t> row_count, size_t words,
              std::vector<uint64_t>& cursor, SortedBucket& bucket) {
  uint64_t begin = 0;
  for (const uint32_t user : users) {
    cursor[user] = begin;
    begin += row_count[user];
  }
  const EventBlock& arrived = bucket.arrived;
  bucket.sorted.events.resize(arrived.events.size());
  bucket.sorted.words.resize(arrived.words.size());
  for (size_t row = 0; row < arrived.events.size(); ++row) {
    const uint64_t at = cursor[arrived.events[row].user]++;
    bucket.sorted.events[at] = arrived.events[row];
    if (words > 0)
      std::copy_n(&arrived.words[row * words], words, &bucket.sorted.words[at * words]);
  }
  size_t at = 0;
  for (const uint32_t user : users) {
    SortByTime(bucket.sorted, at, row_count[user], words);
    at += row_count[user];
  }
}

}  // namespace

uint64_t ToWord(const schema::AttributeValue& value, schema::Kind kind) {
  if (kind == schema::Kind::kTime) return static_cast<uint64_t>(value.time_ms);
  if (kind == schema::Kind::kCategory) return value.category;
  return std::bit_cast<uint32_t>(value.number);
}

schema::AttributeValue FromWord(uint64_t word, schema::Kind kind) {
  if (kind == schema::Kind::kTime) return {.time_ms = static_cast<int64_t>(word)};
  const auto low = static_cast<uint32_t>(word);
  if (kind == schema::Kind::kCategory) return {.category = low};
  return {.number = std::bit_cast<float>(low)};
}

Result<EventSpool::Files> EventSpool::Files::Create(const fs::path& folder, size_t words) {
  Files files;
  files.words_ = words;
  UPNEXT_ASSIGN_OR_RETURN(files.events_, base::ScratchFile::Create(folder));
  if (words > 0) {
    UPNEXT_ASSIGN_OR_RETURN(files.of_words_, base::ScratchFile::Create(folder));
  }
  return files;
}

Status EventSpool::Files::Write(uint64_t row, const EventRows& rows) {
  UPNEXT_RETURN_IF_ERROR(events_.Write(row * sizeof(SpooledEvent), std::as_bytes(rows.events)));
  if (words_ == 0) return Ok();
  return of_words_.Write(row * words_ * sizeof(uint64_t), std::as_bytes(rows.words));
}

Status EventSpool::Files::Read(uint64_t row, uint64_t count, EventBlock& block) const {
  block.events.resize(count);
  block.words.resize(count * words_);
  UPNEXT_RETURN_IF_ERROR(
      events_.Read(row * sizeof(SpooledEvent), std::as_writable_bytes(std::span(block.events))));
  if (words_ == 0) return Ok();
  return of_words_.Read(row * words_ * sizeof(uint64_t),
                        std::as_writable_bytes(std::span(block.words)));
}

Result<EventSpool> EventSpool::Create(const fs::path& folder, size_t words, uint64_t bucket_rows) {
  EventSpool spool;
  spool.folder_ = folder;
  spool.bucket_rows_ = bucket_rows;
  spool.words_ = words;
  UPNEXT_ASSIGN_OR_RETURN(spool.files_, Files::Create(folder, words));
  spool.buffer_.events.reserve(kBlockRows);
  spool.buffer_.words.reserve(kBlockRows * words);
  return spool;
}

Status EventSpool::Add(std::span<const SpooledEvent> events, std::span<const uint64_t> words) {
  for (size_t i = 0; i < events.size(); ++i) {
    const SpooledEvent& event = events[i];
    if (event.user >= row_count_.size()) {
      row_count_.resize(std::max<size_t>(event.user + size_t{1}, 2 * row_count_.size()));
    }
    if (++row_count_[event.user] == schema::kNone) {
      return InvalidArgument("a user has more than {} events: a log holds fewer",
                             schema::kNone - 1);
    }
    times_.Add(event.time_ms);
    buffer_.events.push_back(event);
    const auto of_row = words.subspan(i * words_, words_);
    buffer_.words.insert(buffer_.words.end(), of_row.begin(), of_row.end());
    ++rows_;
    if (buffer_.events.size() == kBlockRows) UPNEXT_RETURN_IF_ERROR(Flush());
  }
  return Ok();
}

Status EventSpool::Flush() {
  UPNEXT_RETURN_IF_ERROR(files_.Write(rows_ - buffer_.events.size(), buffer_.rows()));
  buffer_.events.clear();
  buffer_.words.clear();
  return Ok();
}

Status EventSpool::Keep(const std::function<bool(const SpooledEvent&)>& keeps,
                        const std::function<Status(const SpooledEvent&)>& on_row) {
  UPNEXT_RETURN_IF_ERROR(Flush());
  EventBlock block;
  uint64_t kept = 0;
  for (uint64_t row = 0; row < rows_;) {
    UPNEXT_RETURN_IF_ERROR(files_.Read(row, std::min<uint64_t>(kBlockRows, rows_ - row), block));
    row += block.events.size();
    size_t to = 0;
    for (size_t i = 0; i < block.events.size(); ++i) {
      const SpooledEvent& event = block.events[i];
      if (!keeps(event)) {
        --row_count_[event.user];
        UPNEXT_RETURN_IF_ERROR(on_row(event));
        continue;
      }
      block.events[to] = event;
      if (words_ > 0) std::copy_n(&block.words[i * words_], words_, &block.words[to * words_]);
      ++to;
    }
    block.events.resize(to);
    block.words.resize(to * words_);
    UPNEXT_RETURN_IF_ERROR(files_.Write(kept, block.rows()));
    kept += to;
  }
  rows_ = kept;
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
  UPNEXT_ASSIGN_OR_RETURN(Files sorted, Files::Create(folder_, words_));
  const size_t row_bytes = sizeof(SpooledEvent) + words_ * sizeof(uint64_t);
  const size_t room =
      std::clamp<size_t>(kBucketBuffers / row_bytes / buckets.size(), 16, kBlockRows);
  std::vector<SpooledEvent> events(room * buckets.size());
  std::vector<uint64_t> words(events.size() * words_);
  std::vector<size_t> filled(buckets.size());
  std::vector<uint64_t> written(buckets.size());
  const auto flush = [&](size_t b) {
    const Status status =
        sorted.Write(buckets[b].begin + written[b],
                     {std::span(events).subspan(b * room, filled[b]),
                      std::span(words).subspan(b * room * words_, filled[b] * words_)});
    written[b] += std::exchange(filled[b], 0);
    return status;
  };
  EventBlock block;
  for (uint64_t row = 0; row < rows_; row += block.events.size()) {
    if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
    UPNEXT_RETURN_IF_ERROR(files_.Read(row, std::min<uint64_t>(kBlockRows, rows_ - row), block));
    for (size_t i = 0; i < block.events.size(); ++i) {
      const size_t b = bucket_of[block.events[i].user];
      const size_t at = b * room + filled[b];
      events[at] = block.events[i];
      if (words_ > 0) std::copy_n(&block.words[i * words_], words_, &words[at * words_]);
      if (++filled[b] == room) UPNEXT_RETURN_IF_ERROR(flush(b));
    }
    stage.Update(row + block.events.size());
  }
  for (size_t b = 0; b < buckets.size(); ++b) UPNEXT_RETURN_IF_ERROR(flush(b));
  files_ = std::move(sorted);
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
    UPNEXT_RETURN_IF_ERROR(files_.Read(bucket.begin, bucket.rows, into.arrived));
    SortRows(order.subspan(bucket.first, bucket.last - bucket.first), row_count_, words_, cursor,
             into);
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
    size_t at = 0;
    uint64_t done = buckets[b].begin;
    for (size_t i = buckets[b].first; i < buckets[b].last; ++i) {
      const uint32_t rows = row_count_[order[i]];
      if (rows == 0) continue;
      UPNEXT_RETURN_IF_ERROR(
          on_user(order[i], {std::span(now.sorted.events).subspan(at, rows),
                             std::span(now.sorted.words).subspan(at * words_, rows * words_)}));
      at += rows;
      done += rows;
      stage.Update(done);
      if (progress.stop_requested()) return Cancelled("stopped on request; nothing was published");
    }
  }
  return Ok();
}

}  // namespace upnext::import
