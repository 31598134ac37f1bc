// Shuffled batches for training the candidate model, made by replaying users in parallel, epoch
// after epoch.
//
//   CandidateStream stream(source, tables, options, pool);
//   stream.StartEpoch(0);
//   while (stream.Next(1024, &batch)) { ... }
//
// The content and the order of an epoch depend on (seed, epoch) alone, not on the number of
// threads. One thread at a time per stream; source, tables and pool outlive it.
#ifndef UPNEXT_EXAMPLES_CANDIDATE_STREAM_H_
#define UPNEXT_EXAMPLES_CANDIDATE_STREAM_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"

namespace upnext::examples {

struct CandidateStreamOptions {
  // Examples of a user per epoch, 1 or more: users weigh equally (CG-18). The choice is redrawn
  // each epoch.
  uint32_t max_per_user = 50;
  // next-watch: a random complete watch is the label, the input is only what lies before it (CG-19,
  // paper 3.4 figure 5b). held-out: the input is everything but the label (figure 5a), for
  // comparison.
  enum class Labels : uint8_t { kNextWatch, kHeldOut } labels = Labels::kNextWatch;
  SplitPart part = SplitPart::kTrain;
  // Complete watches that a label needs in its input; 0 teaches the priors of new users too.
  uint32_t min_history = 1;
  // Of kNextWatch: the examples of a user follow each other, in the order of time, and are neighbours
  // among the user's labels, so that an encoder of sequences computes what they share once.
  bool sequences = false;
  int64_t after_ms =
      INT64_MIN;  // only later labels, to continue from a model that has seen the others
  // Share of the users, the same ones in every epoch; 1: all.
  double user_share = 1;
  uint64_t seed = 1;
  size_t shuffle_buffer = 1 << 16;  // examples mixed before they are handed out
};

// Labels are the complete watches of the part whose item is in the vocabulary (CG-16, CG-17). The
// example age is what the label's time lacks to the end of training, and 0 outside the training
// part, as at serving (paper 3.3).
class CandidateStream {
 public:
  CandidateStream(const ReplaySource& source, const features::FeatureStatistics& tables,
                  const CandidateStreamOptions& options, base::ThreadPool& pool);
  ~CandidateStream();
  void StartEpoch(uint32_t epoch);
  // Fills `batch` (cleared first) with at most `size` examples, with labels; false at the end of
  // the epoch.
  bool Next(size_t size, features::CandidateBatch* batch);
  uint64_t examples_per_epoch() const;  // exact

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_CANDIDATE_STREAM_H_
