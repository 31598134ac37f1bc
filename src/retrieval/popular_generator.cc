#include "retrieval/popular_generator.h"

#include "base/config.h"
#include "retrieval/training_watches.h"

namespace upnext::retrieval {

GeneratorLearner PopularGenerator::Learner(const base::ConfigTable& options) {
  const int64_t days = options.Int("days", 0, {.min = 0, .max = 36'500});
  return [days](const LearnInput& input, base::SectionWriter& writer) {
    return SaveScoredItems(writer, "popular",
                           RankByCount(days > 0 ? CountNewestWatches(input.source, days)
                                                : CountWatches(input.source)));
  };
}

Result<std::unique_ptr<const Generator>> PopularGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(std::vector<ScoredItem> items,
                          LoadScoredItems(*input.part, "popular", input.items));
  return std::unique_ptr<const Generator>(new PopularGenerator(std::move(items)));
}

Status PopularGenerator::Propose(const ProposeRequest&, size_t n, const ItemFilter& filter,
                                 std::vector<Candidate>* out) const {
  ProposeList(items_, n, filter, out);
  return Ok();
}

std::string PopularGenerator::Reason(const ProposeRequest&, const Candidate&) const {
  return "popular";
}

std::vector<ItemsLike> PopularGenerator::Like(const LikeRequest&) const {
  return {{ItemsLike::By::kEverything, items_, "popular"}};
}

}  // namespace upnext::retrieval
