// Proposes items that share a topic, or the channel, with the user's newest watches or the item being
// watched, by popularity in which a watch counts half as much every `half_life_days` before the newest
// one. [generators.topic] and [generators.same-channel] half_life_days = 7. Two of the generators of
// generator_registry.cc. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_CATEGORY_GENERATOR_H_
#define UPNEXT_RETRIEVAL_CATEGORY_GENERATOR_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "catalogue/catalogue.h"
#include "retrieval/generator_registry.h"
#include "retrieval/scored_lists.h"

namespace upnext::retrieval {

inline constexpr double kHalfLifeDays = 7;         // default
inline constexpr size_t kCategoryWatches = 10;     // newest ones whose topics or channels count
inline constexpr size_t kItemsPerCategory = 1000;  // the best are kept

class CategoryGenerator : public Generator {
 public:
  enum class Of : uint8_t { kTopic, kChannel };
  template <Of of>
  static GeneratorLearner Learner(const base::ConfigTable& options) {
    return MakeLearner(of, options);
  }
  template <Of of>
  static Result<std::unique_ptr<const Generator>> Load(LoadInput input) {
    return LoadLists(of, std::move(input));
  }

  // Scores are decayed numbers of watches; `from` is the item being watched, else the newest watch
  // that shares a category.
  Status Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                 std::vector<Candidate>* out) const override;
  std::string Reason(const ProposeRequest& request, const Candidate& candidate) const override;
  std::vector<ItemsLike> Like(const LikeRequest& request) const override;

 private:
  CategoryGenerator(Of of, base::SectionFile file, ScoredLists lists)
      : of_(of), file_(std::move(file)), lists_(lists) {}
  static GeneratorLearner MakeLearner(Of of, const base::ConfigTable& options);
  static Result<std::unique_ptr<const Generator>> LoadLists(Of of, LoadInput input);
  // Calls visit(category) for each of the item's.
  template <typename Visit>
  void ForEachCategory(const catalogue::Catalogue& catalogue, uint32_t item,
                       const Visit& visit) const;

  const Of of_;
  const base::SectionFile file_;  // what lists_ views
  const ScoredLists lists_;       // by category
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CATEGORY_GENERATOR_H_
