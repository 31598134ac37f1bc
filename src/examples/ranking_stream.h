// Batches of impressions with their labels, for training the ranker and for evaluating it, made by
// replaying users in parallel, epoch after epoch.
//
//   RankingStream stream(source, tables, options, pool);
//   stream.StartEpoch(0);
//   while (stream.Next(512, &batch)) { ... }
//
// By days (TR-01), an epoch passes through the UTC days in sequence, and no batch has impressions of
// two days. A user is replayed from the start for each day with impressions, since the states of all
// users would not fit into memory: that costs about days / 2 times as much.
//
// The content and the order of an epoch depend on (seed, epoch) alone, not on the number of
// threads. One thread at a time per stream; source, tables and pool outlive it.
#ifndef UPNEXT_EXAMPLES_RANKING_STREAM_H_
#define UPNEXT_EXAMPLES_RANKING_STREAM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"

namespace upnext::examples {

// Impressions with features and labels, in the order of their requests. Rows of `queries` are
// requests; query_of[i] is the row of impression i.
struct RankingBatch {
  features::FeatureBlock queries, impressions;
  std::vector<uint32_t> query_of;
  std::vector<Labels> labels;
  std::vector<uint16_t> position;  // from 1; 0: unknown
  std::vector<uint32_t> user;      // log ids, for per-user metrics
  std::vector<uint64_t> request;   // pages, for the weighted per-user loss (0: none)
  size_t size() const { return query_of.size(); }
  void Clear();
};

struct RankingStreamOptions {
  SplitPart part = SplitPart::kTrain;
  uint64_t seed = 1;
  bool shuffle = true;              // false: users in order, impressions in time order (evaluation)
  size_t shuffle_buffer = 1 << 15;  // impressions mixed before they are handed out
  bool by_days = false;             // mixed within a day alone; requests past midnight are split
  int64_t after_ms = INT64_MIN;     // only impressions later than that
};

class RankingStream {
 public:
  RankingStream(const ReplaySource& source, const features::FeatureStatistics& tables,
                const RankingStreamOptions& options, base::ThreadPool& pool);
  ~RankingStream();
  void StartEpoch(uint32_t epoch);
  // Fills `batch` (cleared first) with whole requests until it has `size` impressions or more;
  // false at the end of the epoch.
  bool Next(size_t size, RankingBatch* batch);
  uint64_t examples_per_epoch() const;  // exact

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_RANKING_STREAM_H_
