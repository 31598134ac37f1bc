#include "log/duplicates.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string_view>

#include "base/checksum.h"

namespace upnext::log {
namespace {

constexpr size_t kFew = 16;

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

}  // namespace

size_t DuplicateFilter::Hash::operator()(const Key& key) const {
  return base::Fingerprint({reinterpret_cast<const char*>(key.data()), sizeof(key)});
}

DuplicateFilter::Key DuplicateFilter::KeyOf(const schema::Event& event,
                                            std::span<const schema::AttributeValue> attributes) {
  const uint64_t declared = FingerprintOf(attributes);
  return {event.item,
          Bits(event.value),
          event.query,
          static_cast<uint32_t>(event.request),
          static_cast<uint32_t>(event.request >> 32),
          event.source,
          Bits(event.propensity),
          event.device,
          event.region,
          event.current_item,
          static_cast<uint32_t>(event.type) << 24 | static_cast<uint32_t>(event.off_site) << 16 |
              event.position,
          static_cast<uint32_t>(declared),
          static_cast<uint32_t>(declared >> 32)};
}

bool DuplicateFilter::Insert(const Key& key) {
  if (!many_.empty()) return many_.insert(key).second;
  if (std::ranges::find(few_, key) != few_.end()) return false;
  few_.push_back(key);
  if (few_.size() > kFew) many_.insert(few_.begin(), few_.end());
  return true;
}

void DuplicateFilter::NextTime(int64_t time_ms) {
  time_ms_ = time_ms;
  few_.clear();
  many_.clear();
  // Most events come after everything that the user has.
  late_ = row_ < end_ && time_ms < log_->time_ms(end_ - 1);
  if (row_ == end_ || time_ms > log_->time_ms(end_ - 1)) {
    row_ = end_;
    return;
  }
  uint64_t stop = end_;
  while (row_ < stop) {
    const uint64_t middle = row_ + (stop - row_) / 2;
    if (log_->time_ms(middle) < time_ms) {
      row_ = middle + 1;
    } else {
      stop = middle;
    }
  }
  for (uint64_t row = row_; row < end_ && log_->time_ms(row) == time_ms; ++row) {
    log_->RequestAttributes(row, &attributes_);
    Insert(KeyOf(log_->event(row), attributes_));
  }
}

bool DuplicateFilter::Seen(uint32_t user, const schema::Event& event,
                           std::span<const schema::AttributeValue> attributes) {
  if (user != user_) {
    user_ = user;
    time_ms_ = schema::kNoTime;
    const bool known = log_ != nullptr && user < log_->users();
    row_ = known ? log_->begin(user) : 0;
    end_ = known ? log_->end(user) : 0;
  }
  if (event.time_ms != time_ms_) NextTime(event.time_ms);
  return !Insert(KeyOf(event, attributes));
}

}  // namespace upnext::log
