// The first pass of LearnFeatures: what occurs how often among the training rows. Only this room
// includes it.
//
//   TrainingCounts counts(source);
//   counts.AddUsers(begin, end, &builder);          any number of threads, each with its own
//   builder counts.clicked();                               by item
#ifndef UPNEXT_EXAMPLES_TRAINING_COUNTS_H_
#define UPNEXT_EXAMPLES_TRAINING_COUNTS_H_

#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "examples/join.h"
#include "examples/replay.h"
#include "features/item_statistics.h"
#include "schema/event.h"

namespace upnext::examples {

class TrainingCounts {
 public:
  explicit TrainingCounts(const ReplaySource& source);
  // Counts the training rows of users [begin, end); their items' days go to `builder`. Whole
  // numbers only, so the order of threads does not show.
  void AddUsers(uint32_t begin, uint32_t end, features::ItemStatistics::Builder* builder);

  // Occurrences by id. kItem: complete watches; kQuery: searches; kUser stays empty.
  std::span<const uint64_t> of(schema::IdSpace space) const {
    return counts_[static_cast<size_t>(space)];
  }
  std::span<const uint64_t> clicked() const { return clicked_; }  // impressions, by item
  uint64_t events() const { return events_; }
  uint64_t impressions() const { return impressions_; }
  uint64_t clicks() const { return clicks_; }  // sum of clicked()
  int64_t first_ms() const { return first_ms_; }
  int64_t last_ms() const { return last_ms_; }

 private:
  void AddEvent(const schema::Event& event, const schema::User& user,
                features::ItemStatistics::Builder* builder);
  void AddClicks(uint32_t user, JoinedImpressions* joined);
  void Count(schema::IdSpace space, uint32_t id);

  const ReplaySource& source_;
  std::vector<uint64_t> counts_[schema::kIdSpaces];
  std::vector<uint64_t> clicked_;
  std::atomic<uint64_t> events_ = 0, impressions_ = 0, clicks_ = 0;
  std::atomic<int64_t> first_ms_, last_ms_;
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_TRAINING_COUNTS_H_
