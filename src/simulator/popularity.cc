#include "simulator/popularity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "simulator/words.h"

namespace upnext::simulator {
namespace {

// exp() of a smaller exponent underflows. WorldOptions::Validate() limits the window on both sides
// of its middle; the burst of older items has ended long before it starts.
constexpr double kLeastExponent = -700;

}  // namespace

Popularity Popularity::Create(const Catalogue& catalogue, const WorldOptions& options) {
  Popularity p;
  p.catalogue_ = &catalogue;
  p.topics_ = options.catalogue.topics;
  p.burst_ = options.catalogue.burst;
  p.burst_ms_ = options.catalogue.burst_days * 86'400'000;
  p.slice_ms_ = options.catalogue.refresh_hours * 3'600'000;
  p.start_ms_ = options.start_ms();
  const int64_t middle_ms = (options.start_ms() + options.end_ms()) / 2;
  p.MakeCells(catalogue);
  p.MakeSums(catalogue, middle_ms);
  p.MakeSlices(options, middle_ms);
  return p;
}

// Counting sort of the entries by (language, topic); within a cell the order of items is kept.
void Popularity::MakeCells(const Catalogue& catalogue) {
  cell_begin_.assign(size_t{kLanguages} * topics_ + 1, 0);
  const auto cell = [this](const Item& item, uint8_t topic) {
    return size_t{item.language} * topics_ + topic;
  };
  for (const Item& item : catalogue.items()) {
    ++cell_begin_[cell(item, item.topic) + 1];
    if (item.second_topic != kNoTopic) ++cell_begin_[cell(item, item.second_topic) + 1];
  }
  std::partial_sum(cell_begin_.begin(), cell_begin_.end(), cell_begin_.begin());
  entries_.resize(cell_begin_.back());
  std::vector<uint32_t> at(cell_begin_.begin(), cell_begin_.end() - 1);
  for (uint32_t id = 0; id < catalogue.size(); ++id) {
    const Item& item = catalogue.item(id);
    entries_[at[cell(item, item.topic)]++] = id;
    if (item.second_topic != kNoTopic) entries_[at[cell(item, item.second_topic)]++] = id;
  }
}

void Popularity::MakeSums(const Catalogue& catalogue, int64_t middle_ms) {
  base_sum_.resize(entries_.size());
  burst_sum_.resize(entries_.size());
  guide_.resize(entries_.size());
  for (uint32_t c = 0; c < cells(); ++c) {
    const uint32_t begin = cell_begin_[c], end = cell_begin_[c + 1];
    double base = 0, burst = 0;
    for (uint32_t e = begin; e < end; ++e) {
      const Item& item = catalogue.item(entries_[e]);
      const double weight =
          Catalogue::TopicShare(item, c % topics_) * static_cast<double>(item.base_popularity);
      const double age = static_cast<double>(item.created_ms - middle_ms) / burst_ms_;
      base_sum_[e] = base += weight;
      // Later items have larger weights here, so that small ones are not lost in the running sum.
      if (burst_ > 0 && age > kLeastExponent) burst += weight * std::exp(age);
      burst_sum_[e] = burst;
    }
    const double buckets = static_cast<double>(end - begin);
    for (uint32_t b = 0, e = begin; b < end - begin; ++b) {
      while (e + 1 < end && base_sum_[e] <= base * b / buckets) ++e;
      guide_[begin + b] = e;
    }
  }
}

void Popularity::MakeSlices(const WorldOptions& options, int64_t middle_ms) {
  const double window_ms = static_cast<double>(options.end_ms() - options.start_ms());
  slices_.resize(static_cast<size_t>(std::max(1.0, std::ceil(window_ms / slice_ms_))));
  existing_.resize(slices_.size() * cells());
  cumulated_.resize(slices_.size() * (size_t{cells()} + 1));
  std::vector<uint32_t> existing(cells(), 0);
  for (size_t s = 0; s < slices_.size(); ++s) {
    Slice& slice = slices_[s];
    slice.start_ms = start_ms_ + static_cast<int64_t>(static_cast<double>(s) * slice_ms_);
    slice.items = catalogue_->CountAt(slice.start_ms);
    if (burst_ > 0) {
      slice.burst = burst_ * std::exp(-static_cast<double>(slice.start_ms - middle_ms) / burst_ms_);
    }
    double total = 0;
    for (uint32_t c = 0; c < cells(); ++c) {
      const uint32_t begin = cell_begin_[c], size = cell_begin_[c + 1] - begin;
      uint32_t& count = existing[c];
      while (count < size && entries_[begin + count] < slice.items) ++count;
      existing_[s * cells() + c] = count;
      if (count > 0) {
        const uint32_t last = begin + count - 1;
        total += base_sum_[last] + slice.burst * burst_sum_[last];
      }
      cumulated_[s * (size_t{cells()} + 1) + c + 1] = total;
    }
  }
}

size_t Popularity::SliceAt(int64_t time_ms) const {
  const double slice = std::floor(static_cast<double>(time_ms - start_ms_) / slice_ms_);
  return static_cast<size_t>(std::clamp(slice, 0.0, static_cast<double>(slices_.size() - 1)));
}

double Popularity::WeightAt(uint32_t item, size_t slice) const {
  if (item >= slices_[slice].items) return 0;
  const Item& i = catalogue_->item(item);
  const double age_ms = static_cast<double>(slices_[slice].start_ms - i.created_ms);
  return static_cast<double>(i.base_popularity) * (1 + burst_ * std::exp(-age_ms / burst_ms_));
}

uint32_t Popularity::DrawBase(uint32_t cell, uint32_t existing, double x) const {
  const uint32_t begin = cell_begin_[cell], size = cell_begin_[cell + 1] - begin;
  const double bucket = x / base_sum_[begin + size - 1] * static_cast<double>(size);
  const auto b = static_cast<uint32_t>(std::min(bucket, static_cast<double>(size - 1)));
  const uint32_t last = begin + existing - 1;
  uint32_t e = std::min(guide_[begin + b], last);
  // Rounding can make the guide one entry too large.
  while (e > begin && base_sum_[e - 1] > x) --e;
  while (e < last && base_sum_[e] <= x) ++e;
  return entries_[e];
}

uint32_t Popularity::DrawBurst(uint32_t cell, uint32_t existing, double x) const {
  const auto begin = burst_sum_.begin() + cell_begin_[cell];
  const auto at = std::upper_bound(begin, begin + existing - 1, x);
  return entries_[static_cast<size_t>(at - burst_sum_.begin())];
}

uint32_t Popularity::Draw(Range range, size_t slice, base::Rng& rng) const {
  const std::span<const double> cumulated = Cumulated(slice);
  const double low = cumulated[range.begin], high = cumulated[range.end];
  if (!(high > low)) return kNoItem;
  const double x = low + rng.Uniform() * (high - low);
  // The first cell that ends beyond x. If rounding put x on the upper edge, the last cell with
  // items.
  const auto ends = cumulated.subspan(range.begin + 1, range.end - range.begin);
  auto cell = range.begin + static_cast<uint32_t>(std::ranges::upper_bound(ends, x) - ends.begin());
  if (cell == range.end) --cell;
  while (cell > range.begin && !(cumulated[cell + 1] > cumulated[cell])) --cell;
  const uint32_t existing = existing_[slice * cells() + cell];
  if (existing == 0) return kNoItem;
  const double rest = x - cumulated[cell];
  const double base = base_sum_[cell_begin_[cell] + existing - 1];
  if (rest < base || !(slices_[slice].burst > 0)) return DrawBase(cell, existing, rest);
  return DrawBurst(cell, existing, (rest - base) / slices_[slice].burst);
}

}  // namespace upnext::simulator
