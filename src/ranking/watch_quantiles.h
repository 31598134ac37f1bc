// Watch time as a quantile among the watches of items of similar duration, and back (duration-
// deconfounded quantiles, Zhan et al., KDD 2022): 40 s of a minute and 20 minutes of half an hour
// may both be longer than 80 % of their kind.
//
//   const WatchQuantiles map = WatchQuantiles::Learn(std::move(watches), 30);
//   float share = map.Quantile(duration_s, watch_s);       0.8
//   float seconds = map.Seconds(duration_s, share);        watch_s again
//
// Immutable after Learn or Load: any number of threads.
#ifndef UPNEXT_RANKING_WATCH_QUANTILES_H_
#define UPNEXT_RANKING_WATCH_QUANTILES_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "nn/graph.h"

namespace upnext::ranking {

class WatchQuantiles {
 public:
  static constexpr size_t kMaxBuckets = 1000;
  static constexpr size_t kMaxKnots = 256;  // of a bucket

  struct Watch {
    float duration_s;  // of the item; unknown unless above 0
    float watch_s;
  };
  // Buckets of equal numbers of watches by duration; fewer where durations are equal. Watches of
  // items without a duration are a bucket of their own.
  static WatchQuantiles Learn(std::vector<Watch> watches, size_t buckets);
  bool empty() const { return buckets_.empty(); }    // nothing was learned
  size_t buckets() const { return starts_.size(); }  // by duration

  // The share of the bucket's watches that were shorter, plus half of those that were as long; by
  // linear interpolation between the watch times of the training part. In (0, 1).
  float Quantile(float duration_s, float watch_s) const;
  // The inverse of Quantile, from the bucket's shortest to its longest watch.
  float Seconds(float duration_s, float quantile) const;

  // Seconds as operations: duration_s, quantile [rows] -> [rows].
  nn::Graph::Value AppendSeconds(nn::Graph& graph, const nn::Graph::Value& duration_s,
                                 const nn::Graph::Value& quantile) const;

  // Sections NAME.*. Load: kDataLoss when they hold anything that Save could not have written.
  Status Save(base::SectionWriter& writer, std::string_view name) const;
  static Result<WatchQuantiles> Load(const base::SectionFile& file, std::string_view name);

 private:
  // Both ascend strictly.
  struct Bucket {
    std::vector<float> seconds, quantiles;
  };
  static Bucket BucketOf(std::vector<float> watch_s);
  const Bucket& Find(float duration_s) const;
  // The row of buckets_ of each duration: [rows].
  nn::Graph::Value AppendFind(nn::Graph& graph, const nn::Graph::Value& duration_s) const;

  std::vector<float> starts_;  // shortest duration of each bucket by duration, ascending strictly
  // As starts_, and one more: of unknown durations, or of all watches if the training part has none
  // of those.
  std::vector<Bucket> buckets_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_WATCH_QUANTILES_H_
