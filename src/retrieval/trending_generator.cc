#include "retrieval/trending_generator.h"

#include <algorithm>
#include <span>

#include "features/trend_counts.h"
#include "retrieval/choices.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// An item whose age is not known is new enough.
bool IsTooOld(const ProposeRequest& request, uint32_t item) {
  const int64_t created_ms = request.catalogue.item(item).created_ms;
  return request.live->max_age_ms > 0 && created_ms != schema::kNoTime &&
         request.context.time_ms - created_ms > request.live->max_age_ms;
}

}  // namespace

GeneratorLearner TrendingGenerator::Learner(const base::ConfigTable& options) {
  const int64_t days = options.Int("days", 7, {.min = 1, .max = 36'500});
  return [days](const LearnInput& input, base::SectionWriter& writer) {
    return SaveScoredItems(writer, "trending", RankByCount(CountNewestWatches(input.source, days)));
  };
}

Result<std::unique_ptr<const Generator>> TrendingGenerator::Load(LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(std::vector<ScoredItem> items,
                          LoadScoredItems(*input.part, "trending", input.items));
  return std::unique_ptr<const Generator>(new TrendingGenerator(std::move(items)));
}

Status TrendingGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                                  std::vector<Candidate>* out) const {
  if (request.live == nullptr || request.live->overall.empty()) {
    ProposeList(items_, n, filter, out);
  } else {
    ProposeLive(request, n, filter, out);
  }
  return Ok();
}

void TrendingGenerator::ProposeLive(const ProposeRequest& request, size_t n,
                                    const ItemFilter& filter, std::vector<Candidate>* out) {
  const features::LiveLists& live = *request.live;
  const size_t begin = out->size();
  const auto propose = [&](const std::vector<features::LiveLists::Entry>& list) {
    for (size_t i = 0; i < list.size() && out->size() - begin < n; ++i) {
      const uint32_t item = list[i].item;
      const auto proposed = std::span(*out).subspan(begin);
      if (std::ranges::find(proposed, item, &Candidate::item) != proposed.end()) continue;
      if (IsTooOld(request, item) || !filter.Admits(item)) continue;
      out->push_back({.item = item, .score = list[i].score});
    }
  };
  const uint32_t region = RegionOf(request.catalogue, request.context.region, request.user);
  if (const auto own = live.by_region.find(region); own != live.by_region.end()) {
    propose(own->second);
  }
  propose(live.overall);
}

std::string TrendingGenerator::Reason(const ProposeRequest&, const Candidate&) const {
  return "popular these days";
}

}  // namespace upnext::retrieval
