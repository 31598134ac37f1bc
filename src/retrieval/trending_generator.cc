#include "retrieval/trending_generator.h"

#include <algorithm>

#include "base/clock.h"
#include "examples/replay.h"
#include "retrieval/training_watches.h"

namespace upnext::retrieval {

GeneratorLearner TrendingGenerator::Learner(const base::ConfigTable& options) {
  const int64_t days = options.Int("days", 7, {.min = 1, .max = 36'500});
  return [days](const LearnInput& input, base::SectionWriter& writer) {
    int64_t last_ms = 0;
    ForTrainingWatches(input.source, [&](uint32_t, const examples::WatchExample& watch) {
      last_ms = std::max(last_ms, watch.time_ms);
    });
    return SaveScoredItems(writer, "trending",
                           RankByCount(CountWatches(input.source, last_ms - days * base::kDayMs)));
  };
}

Result<std::unique_ptr<const Generator>> TrendingGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(std::vector<ScoredItem> items,
                          LoadScoredItems(*input.part, "trending", input.items));
  return std::unique_ptr<const Generator>(new TrendingGenerator(std::move(items)));
}

void TrendingGenerator::Propose(const ProposeRequest&, size_t n, const ItemFilter& filter,
                                std::vector<Candidate>* out) const {
  ProposeList(items_, n, filter, out);
}

std::string TrendingGenerator::Reason(const ProposeRequest&, const Candidate&) const {
  return "popular these days";
}

}  // namespace upnext::retrieval
