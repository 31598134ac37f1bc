// The first pass of LearnFeatures: what occurs how often among the training rows. Only this room
// includes it.
//
//   TrainingCounts counts(source, plan);
//   counts.AddUsers(begin, end, &builder);          any number of threads, each with its own
//   counts.clicked();                               by item
#ifndef UPNEXT_EXAMPLES_TRAINING_COUNTS_H_
#define UPNEXT_EXAMPLES_TRAINING_COUNTS_H_

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "examples/join.h"
#include "examples/replay.h"
#include "features/event_counts.h"
#include "features/feature_plan.h"
#include "schema/event.h"

namespace upnext::examples {

class TrainingCounts {
 public:
  TrainingCounts(const ReplaySource& source, const features::FeaturePlan& plan);
  // Counts the training rows of users [begin, end); their items' days go to `builder`. Whole
  // numbers only, so the order of threads does not show.
  void AddUsers(uint32_t begin, uint32_t end, features::EventCounts::Builder* builder);

  // Occurrences of the ids of a vocabulary of the plan; of tokens: of queries.
  std::span<const uint64_t> of(size_t vocabulary) const { return counts_[vocabulary]; }
  std::span<const uint64_t> positives() const { return positives_; }  // events, by item
  std::span<const uint64_t> clicked() const { return clicked_; }      // impressions, by item
  uint64_t events() const { return events_; }
  uint64_t impressions() const { return impressions_; }
  uint64_t clicks() const { return clicks_; }  // sum of clicked()
  int64_t first_ms() const { return first_ms_; }
  int64_t last_ms() const { return last_ms_; }

 private:
  void AddEvent(const schema::Event& event, uint32_t user,
                std::span<const schema::AttributeValue> attributes,
                features::EventCounts::Builder* builder);
  void AddClicks(uint32_t user, JoinedImpressions* joined);

  const ReplaySource& source_;
  const features::FeaturePlan plan_;
  std::vector<std::vector<uint64_t>> counts_;  // by vocabulary, of those that paths fill
  std::vector<uint64_t> positives_, clicked_;
  std::atomic<uint64_t> events_ = 0, impressions_ = 0, clicks_ = 0;
  std::atomic<int64_t> first_ms_, last_ms_;
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_TRAINING_COUNTS_H_
