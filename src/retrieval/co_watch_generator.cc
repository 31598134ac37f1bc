#include "retrieval/co_watch_generator.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/config.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kCoWatchWatches = 10;  // newest ones whose lists are added up

}  // namespace

GeneratorLearner CoWatchGenerator::Learner(const base::ConfigTable& options) {
  CoWatchOptions learn;
  const auto count = [&](std::string_view key, uint32_t fallback) {
    return static_cast<uint32_t>(options.Int(key, fallback, {.min = 1, .max = 100'000}));
  };
  learn.neighbours = count("neighbours", learn.neighbours);
  learn.max_history = count("max_history", learn.max_history);
  return [learn](const LearnInput& input, base::SectionWriter& writer) {
    return CoWatchLearner(input.source, learn, input.pool).Write(writer);
  };
}

Result<std::unique_ptr<const Generator>> CoWatchGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(CoWatch co_watch, CoWatch::Load(*input.part));
  if (co_watch.items() > input.items) {
    return DataLoss("{}: has lists of {} items, where {} items are known; train again",
                    input.part->path().string(), co_watch.items(), input.items);
  }
  return std::unique_ptr<const Generator>(
      new CoWatchGenerator(*std::move(input.part), std::move(co_watch)));
}

void CoWatchGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                               std::vector<Candidate>* out) const {
  struct Sum {
    float score = 0, best = -std::numeric_limits<float>::infinity();
    uint32_t from = schema::kNone;
  };
  std::unordered_map<uint32_t, Sum> sums;
  const auto add = [&](uint32_t watched) {
    for (const ScoredItem& similar : co_watch_.Similar(watched)) {
      Sum& sum = sums[similar.item];
      sum.score += similar.score;
      if (similar.score > sum.best) sum = {sum.score, similar.score, watched};
    }
  };
  ForNewestWatches(request.state, kCoWatchWatches, add);
  if (request.context.current_item != schema::kNone) add(request.context.current_item);
  std::vector<ScoredItem> list;
  list.reserve(sums.size());
  for (const auto& [item, sum] : sums) list.push_back({item, sum.score});
  std::ranges::sort(list, BetterScore);
  const size_t begin = out->size();
  ProposeList(list, n, filter, out);
  for (Candidate& candidate : std::span(*out).subspan(begin)) {
    candidate.from = sums.at(candidate.item).from;
  }
}

std::string CoWatchGenerator::Reason(const ProposeRequest& request,
                                     const Candidate& candidate) const {
  return BecauseOf(request, candidate.from);
}

std::vector<ItemsLike> CoWatchGenerator::Like(const LikeRequest& request) const {
  return {{ItemsLike::By::kPeople, co_watch_.Similar(request.item),
           request.verb.past + " by the same people"}};
}

}  // namespace upnext::retrieval
