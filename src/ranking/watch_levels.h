// Watch time by ordinal classifiers (as CREAD, Sun et al., AAAI 2024): P(watch > t) for a list of
// thresholds, and from these the expected watch time.
//
//   const WatchLevels levels = WatchLevels::Learn(std::move(watch_s), 32);
//   float seconds = levels.Expectation(logits);            logits [outputs()]
//
// The thresholds lie between those of equal width and those of equal numbers of watches: steps of
// equal area under density^(1/3), which make the squared error of a watch to the mean of its bucket
// least (Panter and Dite 1951). The first is the shortest watch, which most impressions have: 0.
//
// Immutable after Learn or Load: any number of threads.
#ifndef UPNEXT_RANKING_WATCH_LEVELS_H_
#define UPNEXT_RANKING_WATCH_LEVELS_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "nn/graph.h"

namespace upnext::ranking {

class WatchLevels {
 public:
  static constexpr size_t kMaxBuckets = 256;

  // `buckets` >= 2, fewer where watch times are equal. Of equal watch times alone: empty().
  static WatchLevels Learn(std::vector<float> watch_s, size_t buckets);
  bool empty() const { return thresholds_.empty(); }
  size_t outputs() const { return thresholds_.size(); }
  std::span<const float> thresholds() const { return thresholds_; }
  // The mean watch time of each bucket, one more than thresholds.
  std::span<const float> levels() const { return levels_; }

  // levels[0] + sum over k of (levels[k + 1] - levels[k]) P(watch > thresholds[k]). With bounds in
  // place of means it would be too small by half the width of a bucket.
  float Expectation(std::span<const float> logits) const;

  // Expectation as operations: logits [rows, outputs()] -> [rows].
  nn::Graph::Value AppendExpectation(nn::Graph& graph, const nn::Graph::Value& logits) const;

  // Sections NAME.*. Load: kDataLoss when they hold anything that Save could not have written.
  Status Save(base::SectionWriter& writer, std::string_view name) const;
  static Result<WatchLevels> Load(const base::SectionFile& file, std::string_view name);

 private:
  std::vector<float> thresholds_, levels_;  // both ascend strictly
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_WATCH_LEVELS_H_
