#include "log/duplicates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/checksum.h"

namespace upnext::log {
namespace {

constexpr size_t kFew = 16;
// In the word of a key that has the type and the position.
constexpr size_t kFlags = 11;
constexpr uint32_t kWithId = 1 << 17, kPosted = 1 << 18;

// All ways to say "not known" are one.
uint32_t Bits(float value) {
  return std::bit_cast<uint32_t>(std::isnan(value) ? schema::kAbsent : value);
}

// Of declared attributes; 0 without any.
uint64_t FingerprintOf(std::span<const schema::AttributeValue> attributes) {
  uint64_t fingerprint = 0;
  for (const schema::AttributeValue& value : attributes) {
    const std::array<uint64_t, 3> words = {static_cast<uint64_t>(value.time_ms), value.category,
                                           Bits(value.number)};
    fingerprint = base::Fingerprint({reinterpret_cast<const char*>(words.data()), sizeof(words)},
                                    fingerprint);
  }
  return fingerprint;
}

// The first row of [row, end) at or after the time; their times do not descend.
uint64_t FirstRow(const EventLog& log, uint64_t row, uint64_t end, int64_t time_ms) {
  while (row < end) {
    const uint64_t middle = row + (end - row) / 2;
    if (log.time_ms(middle) < time_ms) {
      row = middle + 1;
    } else {
      end = middle;
    }
  }
  return row;
}

}  // namespace

size_t DuplicateFilter::Hash::operator()(const Key& key) const {
  return base::Fingerprint({reinterpret_cast<const char*>(key.data()), sizeof(key)});
}

DuplicateFilter::DuplicateFilter(const EventLog* log, int64_t window_ms, bool posted)
    : log_(log),
      window_ms_(window_ms),
      both_(window_ms > 0 && (posted || (log != nullptr && log->stats().posted > 0))) {}

DuplicateFilter::Key DuplicateFilter::KeyOf(const schema::Event& event,
                                            std::span<const schema::AttributeValue> attributes) {
  const uint64_t declared = FingerprintOf(attributes);
  return {event.item,
          Bits(event.value),
          event.query,
          static_cast<uint32_t>(event.request),
          static_cast<uint32_t>(event.request >> 32),
          event.source,
          Bits(event.source_score),
          Bits(event.propensity),
          event.device,
          event.region,
          event.current_item,
          static_cast<uint32_t>(event.type) << 24 | (event.posted ? kPosted : 0) |
              (event.id != 0 ? kWithId : 0) | static_cast<uint32_t>(event.off_site) << 16 |
              event.position,
          static_cast<uint32_t>(declared),
          static_cast<uint32_t>(declared >> 32)};
}

DuplicateFilter::Key DuplicateFilter::KeyOf(uint64_t row) {
  log_->RequestAttributes(row, &attributes_);
  return KeyOf(log_->event(row), attributes_);
}

bool DuplicateFilter::HasNow(const Key& key) const {
  return many_.empty() ? std::ranges::find(few_, key) != few_.end() : many_.contains(key);
}

void DuplicateFilter::AddNow(const Key& key) {
  if (!many_.empty()) {
    many_.insert(key);
    return;
  }
  few_.push_back(key);
  if (few_.size() > kFew) many_.insert(few_.begin(), few_.end());
}

void DuplicateFilter::Forget(const Key& key) {
  const auto at = window_.find(key);
  if (--at->second == 0) window_.erase(at);
}

void DuplicateFilter::NextTime() {
  few_.clear();
  many_.clear();
  // Most events come after everything that the user has.
  late_ = row_ < end_ && time_ms_ < log_->time_ms(end_ - 1);
  if (row_ == end_ || time_ms_ > log_->time_ms(end_ - 1)) {
    row_ = end_;
    return;
  }
  row_ = FirstRow(*log_, row_, end_, time_ms_);
  for (uint64_t row = row_; row < end_ && log_->time_ms(row) == time_ms_; ++row) {
    Key key = KeyOf(row);
    key[kFlags] &= ~kPosted;
    AddNow(key);
  }
}

// Takes what is too early out of the window, and rows of the log into it.
void DuplicateFilter::MoveWindow() {
  while (!before_.empty() && before_.front().first < time_ms_ - window_ms_) {
    Forget(before_.front().second);
    before_.pop_front();
  }
  if (window_begin_ == end_) return;
  const uint64_t first = FirstRow(*log_, window_begin_, end_, time_ms_ - window_ms_);
  for (; window_begin_ < std::min(first, window_end_); ++window_begin_) {
    Forget(KeyOf(window_begin_));
  }
  window_begin_ = first;
  window_end_ = std::max(window_end_, first);
  for (; window_end_ < end_ && log_->time_ms(window_end_) <= time_ms_ + window_ms_; ++window_end_) {
    ++window_[KeyOf(window_end_)];
  }
}

void DuplicateFilter::MoveTo(uint32_t user, int64_t time_ms) {
  if (user != user_) {
    user_ = user;
    const bool known = log_ != nullptr && user < log_->users();
    begin_ = known ? log_->begin(user) : 0;
    end_ = known ? log_->end(user) : 0;
    ids_.clear();
    has_ids_ = false;
    time_ms_ = std::numeric_limits<int64_t>::max();
  }
  if (time_ms < time_ms_) {
    time_ms_ = schema::kNoTime;
    row_ = window_begin_ = window_end_ = begin_;
    window_.clear();
    before_.clear();
  }
  if (time_ms == time_ms_) return;
  time_ms_ = time_ms;
  NextTime();
  if (both_) MoveWindow();
}

std::unordered_set<uint64_t>& DuplicateFilter::Ids() {
  const bool in_log = !has_ids_ && log_ != nullptr && log_->stats().with_id > 0;
  for (uint64_t row = begin_; in_log && row < end_; ++row) {
    if (const uint64_t id = log_->event_id(row); id != 0) ids_.insert(id);
  }
  has_ids_ = true;
  return ids_;
}

bool DuplicateFilter::Known(const schema::Event& event, const Key& key) {
  if (event.id != 0 && Ids().contains(event.id)) return true;
  // Of two that have ids, these alone count.
  const auto has = [&](Key other, const auto& find) {
    other[kFlags] &= ~kWithId;
    if (find(other)) return true;
    other[kFlags] |= kWithId;
    return event.id == 0 && find(other);
  };
  Key other = key;
  other[kFlags] &= ~kPosted;
  if (has(other, [&](const Key& k) { return HasNow(k); })) return true;
  if (!both_) return false;
  other[kFlags] = key[kFlags] ^ kPosted;
  return has(other, [&](const Key& k) { return window_.contains(k); });
}

bool DuplicateFilter::Has(uint32_t user, const schema::Event& event,
                          std::span<const schema::AttributeValue> attributes) {
  MoveTo(user, event.time_ms);
  return Known(event, KeyOf(event, attributes));
}

bool DuplicateFilter::Seen(uint32_t user, const schema::Event& event,
                           std::span<const schema::AttributeValue> attributes) {
  MoveTo(user, event.time_ms);
  Key key = KeyOf(event, attributes);
  if (Known(event, key)) return true;
  if (event.id != 0) Ids().insert(event.id);
  if (both_) {
    ++window_[key];
    before_.emplace_back(time_ms_, key);
  }
  key[kFlags] &= ~kPosted;
  AddNow(key);
  return false;
}

}  // namespace upnext::log
