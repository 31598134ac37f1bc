#include "simulator/popularity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "simulator/words.h"

namespace upnext::simulator {

Popularity Popularity::Create(const Catalogue& catalogue, const WorldOptions& options,
                              base::ThreadPool& pool) {
  Popularity p;
  p.catalogue_ = &catalogue;
  p.topics_ = options.catalogue.topics;
  p.burst_ = options.catalogue.burst;
  p.burst_ms_ = options.catalogue.burst_days * 86'400'000;
  p.slice_ms_ = options.catalogue.refresh_hours * 3'600'000;
  p.start_ms_ = options.start_ms();

  // Counting sort of the entries by (language, topic); items stay in order within one.
  p.topic_begin_.assign(size_t{kLanguages} * p.topics_ + 1, 0);
  const auto cell = [&p](const Item& item, uint8_t topic) {
    return size_t{item.language} * p.topics_ + topic;
  };
  for (const Item& item : catalogue.items()) {
    ++p.topic_begin_[cell(item, item.topic) + 1];
    if (item.second_topic != kNoTopic) ++p.topic_begin_[cell(item, item.second_topic) + 1];
  }
  std::partial_sum(p.topic_begin_.begin(), p.topic_begin_.end(), p.topic_begin_.begin());
  p.entries_.resize(p.topic_begin_.back());
  std::vector<uint32_t> at(p.topic_begin_.begin(), p.topic_begin_.end() - 1);
  for (uint32_t id = 0; id < catalogue.size(); ++id) {
    const Item& item = catalogue.item(id);
    p.entries_[at[cell(item, item.topic)]++] = id;
    if (item.second_topic != kNoTopic) p.entries_[at[cell(item, item.second_topic)]++] = id;
  }

  const double window_ms = static_cast<double>(options.end_ms() - options.start_ms());
  p.slices_.resize(static_cast<size_t>(std::max(1.0, std::ceil(window_ms / p.slice_ms_))));
  for (size_t s = 0; s < p.slices_.size(); ++s) {
    p.slices_[s].start_ms =
        p.start_ms_ + static_cast<int64_t>(static_cast<double>(s) * p.slice_ms_);
    p.slices_[s].items = catalogue.CountAt(p.slices_[s].start_ms);
  }
  pool.ParallelFor(p.slices_.size(), 1, [&p](size_t begin, size_t end) {
    for (size_t s = begin; s < end; ++s) p.Fill(p.slices_[s]);
  });
  return p;
}

void Popularity::Fill(Slice& slice) const {
  const auto index = static_cast<size_t>(&slice - slices_.data());
  slice.cumulated.resize(entries_.size() + 1);
  slice.cumulated[0] = 0;
  double total = 0;
  size_t e = 0;
  for (size_t c = 0; c + 1 < topic_begin_.size(); ++c) {
    const auto topic = static_cast<uint32_t>(c % topics_);
    for (; e < topic_begin_[c + 1]; ++e) {
      const double share = Catalogue::TopicShare(catalogue_->item(entries_[e]), topic);
      slice.cumulated[e + 1] = total += share * WeightAt(entries_[e], index);
    }
  }
  const size_t buckets = std::max<size_t>(1, entries_.size());
  slice.guide.resize(buckets);
  e = 0;
  for (size_t b = 0; b < buckets; ++b) {
    const double from = total * static_cast<double>(b) / static_cast<double>(buckets);
    while (e + 1 < entries_.size() && slice.cumulated[e + 1] <= from) ++e;
    slice.guide[b] = static_cast<uint32_t>(e);
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

Popularity::Range Popularity::LanguageRange(uint32_t language) const {
  return {topic_begin_[size_t{language} * topics_], topic_begin_[size_t{language + 1} * topics_]};
}

Popularity::Range Popularity::TopicRange(uint32_t language, uint32_t topic) const {
  const size_t cell = size_t{language} * topics_ + topic;
  return {topic_begin_[cell], topic_begin_[cell + 1]};
}

uint32_t Popularity::Draw(Range range, size_t slice, base::Rng& rng) const {
  const Slice& s = slices_[slice];
  const double low = s.cumulated[range.begin], high = s.cumulated[range.end];
  if (!(high > low)) return kNoItem;
  const double x = low + rng.Uniform() * (high - low);
  const double buckets = static_cast<double>(s.guide.size());
  const auto bucket = static_cast<size_t>(std::min(x / s.cumulated.back() * buckets, buckets - 1));
  uint32_t e = std::clamp(s.guide[bucket], range.begin, range.end - 1);
  // Rounding can put the guide one entry too far or x on the upper edge: settle on the entry that
  // holds x.
  while (e > range.begin && s.cumulated[e] > x) --e;
  while (e + 1 < range.end && s.cumulated[e + 1] <= x) ++e;
  while (e > range.begin && s.cumulated[e + 1] <= s.cumulated[e]) --e;
  return s.cumulated[e + 1] > s.cumulated[e] ? entries_[e] : kNoItem;
}

}  // namespace upnext::simulator
