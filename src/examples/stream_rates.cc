#include "examples/stream_rates.h"

#include <atomic>
#include <chrono>

#include "examples/candidate_stream.h"
#include "examples/ranking_stream.h"

namespace upnext::examples {
namespace {

constexpr size_t kBatch = 1024;
constexpr size_t kUsers = 64;  // a chunk

template <typename Work>
double Seconds(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count();
}

// Replays every user, on all threads; `replay(user)` returns how much it met, so that nothing can
// be left out.
template <typename Replay>
double FoldSeconds(const ReplaySource& source, base::ThreadPool& pool, Replay replay) {
  std::atomic<uint64_t> met = 0;
  return Seconds([&] {
    pool.ParallelFor(source.log.users(), kUsers, [&](size_t begin, size_t end) {
      uint64_t here = 0;
      for (size_t user = begin; user < end; ++user) here += replay(static_cast<uint32_t>(user));
      met += here;
    });
  });
}

template <typename Stream, typename Batch>
Status ReadAll(Stream& stream, Batch& batch, base::ProgressStage& stage, base::Progress& progress,
               StreamRate* rate) {
  bool stopped = false;
  rate->stream_s = Seconds([&] {
    stream.StartEpoch(0);
    while (!stopped && stream.Next(kBatch, &batch)) {
      rate->examples += batch.size();
      stage.Update(rate->examples);
      stopped = progress.stop_requested();
    }
  });
  if (stopped) return Cancelled("the benchmark was stopped");
  return Ok();
}

}  // namespace

Result<StreamRates> MeasureStreams(const ReplaySource& source,
                                   const features::FeatureStatistics& tables, uint32_t max_per_user,
                                   base::ThreadPool& pool, base::Progress& progress) {
  StreamRates rates;
  {
    CandidateStream stream(source, tables, {.max_per_user = max_per_user}, pool);
    if (stream.examples_per_epoch() == 0) {
      return FailedPrecondition(
          "the training part has no complete watch that follows another one of its user, so there "
          "is no candidate example to make; check [labels] and [split] of the project file");
    }
    base::ProgressStage stage(progress, "make candidate examples", "examples",
                              stream.examples_per_epoch());
    features::CandidateBatch batch;
    UPNEXT_RETURN_IF_ERROR(ReadAll(stream, batch, stage, progress, &rates.candidates));
    rates.candidates.fold_s = FoldSeconds(source, pool, [&](uint32_t user) {
      uint64_t watches = 0;
      ReplayWatches(source, user, tables.plan.retrieval_state(),
                    [&](const features::UserState& before, const WatchExample&) {
                      watches += before.watches().size();
                    });
      return watches;
    });
  }
  RankingStream stream(source, tables, {}, pool);
  if (stream.examples_per_epoch() == 0) return rates;
  base::ProgressStage stage(progress, "make impression examples", "examples",
                            stream.examples_per_epoch());
  RankingBatch batch;
  UPNEXT_RETURN_IF_ERROR(ReadAll(stream, batch, stage, progress, &rates.impressions));
  rates.impressions.fold_s = FoldSeconds(source, pool, [&](uint32_t user) {
    uint64_t impressions = 0;
    ReplayImpressions(source, user, tables.plan.state(),
                      [&](const features::UserState&, const ImpressionGroup& group) {
                        impressions += group.impressions.size();
                      });
    return impressions;
  });
  return rates;
}

}  // namespace upnext::examples
