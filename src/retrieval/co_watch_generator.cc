#include "retrieval/co_watch_generator.h"

#include "base/config.h"

namespace upnext::retrieval {
GeneratorLearner CoWatchGenerator::Learner(const base::ConfigTable& options) {
  return [learn = CoWatchOptions::FromConfig(options)](const LearnInput& input,
                                                       base::SectionWriter& writer) {
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

Status CoWatchGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                 std::vector<Candidate>* out) const {
  const size_t end = out->size() + n;
  for (const CoWatched& one : co_watch_.For(request.state, request.context.current_item)) {
    if (out->size() == end) return Ok();
    if (filter.Admits(one.item)) out->push_back({one.item, one.score, one.from});
  }
  return Ok();
}

std::string CoWatchGenerator::Reason(const ProposeRequest& request,
                                     const Candidate& candidate) const {
  return BecauseOf(request, candidate.from);
}

std::vector<ItemsLike> CoWatchGenerator::Like(const LikeRequest& request) const {
  return {{ItemsLike::By::kPeople, co_watch_.Similar(request.item),
           request.verb.history + " by the same people"}};
}

}  // namespace upnext::retrieval
