#include "features/item_statistics.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"

namespace upnext::features {

namespace {

constexpr int64_t kDayOffset = int64_t{1} << 31;
constexpr size_t kNumbers = 7;  // of ItemCounts
static_assert(sizeof(ItemCounts) == kNumbers * sizeof(float));

int64_t DayOf(int64_t time_ms) {
  const int64_t day = time_ms / base::kDayMs - (time_ms % base::kDayMs < 0 ? 1 : 0);
  return std::clamp<int64_t>(day, INT32_MIN, INT32_MAX);
}

}  // namespace

void ItemStatistics::Builder::DayCounts::Add(const DayCounts& other) {
  impressions += other.impressions;
  clicks += other.clicks;
  watches += other.watches;
  complete += other.complete;
  likes += other.likes;
  dislikes += other.dislikes;
  watch_ms += other.watch_ms;
}

ItemCounts ItemStatistics::Builder::DayCounts::ToFloat() const {
  return {.impressions = static_cast<float>(impressions),
          .clicks = static_cast<float>(clicks),
          .watches = static_cast<float>(watches),
          .complete = static_cast<float>(complete),
          .likes = static_cast<float>(likes),
          .dislikes = static_cast<float>(dislikes),
          .watch_s = static_cast<float>(static_cast<double>(watch_ms) * 1e-3)};
}

void ItemStatistics::Builder::Add(const schema::Event& event, bool complete) {
  if (event.item >= items_) return;
  DayCounts one;
  switch (event.type) {
    case schema::EventType::kImpression:
      one.impressions = 1;
      break;
    case schema::EventType::kClick:
      one.clicks = 1;
      break;
    case schema::EventType::kWatch:
      one.watches = 1;
      one.complete = complete ? 1 : 0;
      if (event.value > 0 && std::isfinite(event.value)) {
        one.watch_ms = static_cast<uint64_t>(std::min<double>(event.value, 1e7) * 1e3);
      }
      break;
    case schema::EventType::kComplete:
      if (!complete) return;
      one.complete = 1;
      break;
    case schema::EventType::kLike:
      one.likes = 1;
      break;
    case schema::EventType::kDislike:
    case schema::EventType::kDismiss:
      one.dislikes = 1;
      break;
    default:
      return;
  }
  const uint64_t day = static_cast<uint64_t>(DayOf(event.time_ms) + kDayOffset);
  days_[(uint64_t{event.item} << 32) | day].Add(one);
}

void ItemStatistics::Builder::Merge(const Builder& other) {
  items_ = std::max(items_, other.items_);
  for (const auto& [key, counts] : other.days_) days_[key].Add(counts);
}

ItemStatistics ItemStatistics::Builder::Build() const {
  std::vector<uint64_t> keys;
  keys.reserve(days_.size());
  for (const auto& entry : days_) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());

  ItemStatistics statistics;
  statistics.offsets_.reserve(items_ + size_t{1});
  DayCounts all;
  size_t with_events = 0, next = 0;
  for (uint32_t item = 0; item < items_; ++item) {
    DayCounts total;
    const size_t begin = next;
    for (; next < keys.size() && keys[next] >> 32 == item; ++next) {
      total.Add(days_.at(keys[next]));
      statistics.days_.push_back(
          static_cast<int32_t>(static_cast<int64_t>(keys[next] & 0xffffffffu) - kDayOffset));
      statistics.totals_.push_back(total.ToFloat());
    }
    with_events += next > begin ? 1 : 0;
    all.Add(total);
    statistics.offsets_.push_back(next);
  }
  if (with_events > 0) {
    const ItemCounts sum = all.ToFloat();
    const float scale = 1.0f / static_cast<float>(with_events);
    statistics.prior_ = {sum.impressions * scale, sum.clicks * scale, sum.watches * scale,
                         sum.complete * scale,    sum.likes * scale,  sum.dislikes * scale,
                         sum.watch_s * scale};
  }
  return statistics;
}

ItemCounts ItemStatistics::At(uint32_t item, int64_t time_ms) const {
  if (item + size_t{1} >= offsets_.size()) return {};
  const int32_t* begin = days_.data() + offsets_[item];
  const int32_t* end = days_.data() + offsets_[item + 1];
  const int32_t* today = std::lower_bound(begin, end, static_cast<int32_t>(DayOf(time_ms)));
  if (today == begin) return {};
  return totals_[static_cast<size_t>(today - days_.data()) - 1];
}

Status ItemStatistics::Save(base::SectionWriter& writer) const {
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("item_statistics.offsets", offsets_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<int32_t>("item_statistics.days", days_));
  const auto floats = [](const ItemCounts* counts, size_t n) {
    return std::span<const float>(reinterpret_cast<const float*>(counts), n * kNumbers);
  };
  UPNEXT_RETURN_IF_ERROR(
      writer.Add<float>("item_statistics.totals", floats(totals_.data(), totals_.size())));
  return writer.Add<float>("item_statistics.prior", floats(&prior_, 1));
}

Result<ItemStatistics> ItemStatistics::Load(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> offsets,
                          file.Get<uint64_t>("item_statistics.offsets"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const int32_t> days, file.Get<int32_t>("item_statistics.days"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> totals,
                          file.Get<float>("item_statistics.totals", days.size() * kNumbers));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> prior,
                          file.Get<float>("item_statistics.prior", kNumbers));
  const std::string path = file.path().string();
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != days.size() ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return DataLoss("{}: item_statistics.offsets should rise from 0 to {}; train again", path,
                    days.size());
  }
  for (size_t item = 0; item + 1 < offsets.size(); ++item) {
    for (size_t i = offsets[item] + 1; i < offsets[item + 1]; ++i) {
      if (days[i - 1] >= days[i]) {
        return DataLoss("{}: item_statistics.days of item {} do not rise; train again", path, item);
      }
    }
  }
  const auto count = [](float x) { return std::isfinite(x) && x >= 0; };
  if (!std::all_of(totals.begin(), totals.end(), count) ||
      !std::all_of(prior.begin(), prior.end(), count)) {
    return DataLoss("{}: item_statistics holds a negative or infinite count; train again", path);
  }
  ItemStatistics statistics;
  statistics.offsets_.assign(offsets.begin(), offsets.end());
  statistics.days_.assign(days.begin(), days.end());
  const auto counts = [](const float* x) {
    return ItemCounts{x[0], x[1], x[2], x[3], x[4], x[5], x[6]};
  };
  statistics.totals_.reserve(days.size());
  for (size_t i = 0; i < days.size(); ++i) {
    statistics.totals_.push_back(counts(totals.data() + i * kNumbers));
  }
  statistics.prior_ = counts(prior.data());
  return statistics;
}

}  // namespace upnext::features
