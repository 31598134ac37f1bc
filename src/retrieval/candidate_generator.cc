#include "retrieval/candidate_generator.h"

#include <fmt/format.h>

#include "ann/filter.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kHabitWatches = 3;  // of a channel or topic, from which on it is a habit

}  // namespace

Result<std::unique_ptr<const Generator>> CandidateGenerator::Load(LoadInput input) {
  if (input.candidate == nullptr || input.index == nullptr) return nullptr;
  return std::unique_ptr<const Generator>(
      new CandidateGenerator(input.tables, *input.candidate, *input.index));
}

void CandidateGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                 std::vector<Candidate>* out) const {
  const auto scratch = scratch_.Borrow();
  scratch->batch.Clear();
  // Example age 0: now, however long ago training ended (CG-09).
  features::CandidateExtractor(tables_, request.catalogue)
      .Append(request.state, request.user, request.context, 0, &scratch->batch);
  scratch->vector.resize(model_.dim());
  model_.UserVectors(scratch->batch, scratch->vector.data(), scratch->model, {});
  const auto admits = [&](uint32_t item) { return filter.Admits(item); };
  index_.Search(scratch->vector, n, ann::Filter::Of(admits), &scratch->hits);
  for (const ann::Hit& hit : scratch->hits) out->push_back({hit.id, hit.score});
}

std::string CandidateGenerator::Reason(const ProposeRequest& request,
                                       const Candidate& candidate) const {
  const features::UserState& state = request.state;
  const schema::Item item = request.catalogue.item(candidate.item);
  const auto is_habit = [](const features::AffinityHistory* history) {
    return history != nullptr && history->watches >= kHabitWatches;
  };
  if (item.channel != schema::kNone && is_habit(state.channel(item.channel))) {
    return fmt::format("you watched {} {} times",
                       request.catalogue.Name(schema::IdSpace::kChannel, item.channel),
                       state.channel(item.channel)->watches);
  }
  for (const uint32_t topic : item.topics) {
    if (!is_habit(state.topic(topic))) continue;
    return fmt::format("you often watch {}",
                       request.catalogue.Name(schema::IdSpace::kTopic, topic));
  }
  return state.watches().empty() ? "often watched by people in your situation"
                                 : "people with a history like yours watched it next";
}

}  // namespace upnext::retrieval
