// Proposes items that share a topic with the user's newest watches or the item being watched, by
// popularity in which a watch counts half as much every `half_life_days` before the newest one.
// [generators.topic] half_life_days = 7. One of the generators of generator_registry.cc. Immutable:
// any number of threads.
#ifndef UPNEXT_RETRIEVAL_TOPIC_GENERATOR_H_
#define UPNEXT_RETRIEVAL_TOPIC_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "retrieval/generator_registry.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

inline constexpr double kHalfLifeDays = 7;      // default
inline constexpr size_t kTopicWatches = 10;     // newest ones whose topics count
inline constexpr size_t kItemsPerTopic = 1000;  // the best are kept, by channel too

class TopicGenerator : public Generator {
 public:
  static GeneratorLearner Learner(const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input);

  // Scores are decayed numbers of watches; `from` is the item being watched, else the newest watch
  // that shares a topic.
  void Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
               std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  // Those of its topics, then those of its channel.
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;

 private:
  TopicGenerator(base::SectionFile file, ScoredLists topics, ScoredLists channels)
      : file_(std::move(file)), topics_(topics), channels_(channels) {}
  const base::SectionFile file_;  // what the lists view
  const ScoredLists topics_, channels_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TOPIC_GENERATOR_H_
