#include "serving/arrange_slate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/rng.h"
#include "features/vocabulary.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "serving/arrange.h"

namespace upnext::serving {
namespace {

// The item vectors of candidates in one piece, a row of zeros for one that the model does not know.
class Vectors {
 public:
  Vectors(const bundle::Bundle& bundle, std::span<const PooledCandidate> candidates) {
    if (bundle.candidate() == nullptr) return;
    const auto& table = bundle.candidate()->item_vectors();
    const features::Vocabulary& items = bundle.tables().vocabulary(features::kItemVocabulary);
    std::vector<uint32_t> rows;
    for (const PooledCandidate& one : candidates) rows.push_back(items.Row(one.item));
    dim_ = table.dim();
    values_.resize(rows.size() * dim_);
    table.GatherRows(rows, values_.data(), dim_);
  }
  std::span<const float> Of(size_t i) const { return std::span(values_).subspan(i * dim_, dim_); }

 private:
  size_t dim_ = 0;
  std::vector<float> values_;
};

std::span<const uint32_t> CategoriesOf(const RequestContext& request, uint32_t attribute,
                                       uint32_t item) {
  return request.catalogue.Categories(schema::Entity::kItem, attribute, item);
}

bool IsFresh(const RequestContext& request, uint32_t item) {
  const int64_t created_ms = request.catalogue.item(item).created_ms;
  const auto most_ms = static_cast<int64_t>(request.scenario.fresh_days * base::kDayMs);
  return created_ms != schema::kNoTime && created_ms <= request.context.time_ms &&
         request.context.time_ms - created_ms <= most_ms;
}

// The place among those of this request; none for a place of a page before.
std::optional<uint32_t> PinOf(const RequestContext& request, uint32_t item) {
  const auto pin = request.pinned.find(item);
  const uint32_t before = request.request.places_before;
  if (pin == request.pinned.end() || pin->second < before) return std::nullopt;
  return pin->second - before;
}

ArrangeOptions OptionsOf(const RequestContext& request) {
  const Scenario& scenario = request.scenario;
  ArrangeOptions options{.n = request.request.n,
                         .last = request.request.last(),
                         .diversity = scenario.diversity,
                         .novelty = scenario.novelty,
                         .explore = request.request.explores ? scenario.explore : 0};
  for (const Cap& cap : scenario.caps) options.caps.push_back(cap.most);
  options.fresh = static_cast<uint32_t>(std::ceil(scenario.fresh_share * request.request.n));
  return options;
}

// Fewer items rather than worse ones, where there are scores of a ranker.
void DropWorse(const RequestContext& request, std::vector<PooledCandidate>* candidates,
               std::vector<Unplaced>* unplaced) {
  if (!request.scenario.min_score) return;
  std::erase_if(*candidates, [&](const PooledCandidate& one) {
    const bool drop = !one.predictions.empty() && one.score < *request.scenario.min_score;
    if (drop && unplaced != nullptr) {
      unplaced->push_back({one.item, one.score, "its score is below min_score"});
    }
    return drop;
  });
}

std::vector<Placed> PlacesOf(const RequestContext& request, const bundle::Bundle& bundle,
                             uint64_t seed, std::span<const PooledCandidate> candidates,
                             std::vector<HeldBack>* held_back) {
  const Scenario& scenario = request.scenario;
  const bool is_diverse = scenario.diversity > 0;
  const Vectors vectors(bundle, is_diverse ? candidates : std::span<const PooledCandidate>());
  std::vector<Arrangeable> all;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const PooledCandidate& from = candidates[i];
    Arrangeable& one = all.emplace_back();
    one.score = from.score;
    if (is_diverse) one.vector = vectors.Of(i);
    for (const Cap& cap : scenario.caps) {
      one.categories.push_back(CategoriesOf(request, cap.attribute, from.item));
    }
    one.is_fresh = scenario.fresh_share > 0 && IsFresh(request, from.item);
    one.pin = PinOf(request, from.item);
  }
  base::Rng rng(seed);
  return Arrange(all, OptionsOf(request), rng, held_back);
}

// The best by score alone.
std::vector<Placed> BestByScore(const RequestContext& request, size_t candidates) {
  std::vector<Placed> placed(std::min<size_t>(candidates, request.request.last()));
  for (size_t i = 0; i < placed.size(); ++i) placed[i].candidate = i;
  return placed;
}

// Those that are left, in their order.
void ReportUnplaced(const RequestContext& request, std::span<const PooledCandidate> candidates,
                    std::span<const Placed> placed, std::span<const HeldBack> held_back,
                    std::vector<Unplaced>* unplaced) {
  std::vector<std::string> reasons(candidates.size(), "it is below the last place");
  const auto attributes = request.catalogue.schema().attributes(schema::Entity::kItem);
  for (const HeldBack& one : held_back) {
    const Cap& cap = request.scenario.caps[one.rule];
    reasons[one.candidate] =
        fmt::format("at_most: {} of one {}", cap.most, attributes[cap.attribute].name);
  }
  for (const Placed& one : placed) reasons[one.candidate].clear();
  std::vector<Unplaced> below_min = std::move(*unplaced);
  unplaced->clear();
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (reasons[i].empty()) continue;
    unplaced->push_back({candidates[i].item, candidates[i].score, std::move(reasons[i])});
  }
  unplaced->insert(unplaced->end(), below_min.begin(), below_min.end());
}

}  // namespace

void ArrangeSlate(const RequestContext& request, const bundle::Bundle& bundle, uint64_t seed,
                  std::vector<PooledCandidate>* candidates, std::vector<Unplaced>* unplaced) {
  DropWorse(request, candidates, unplaced);
  std::vector<HeldBack> held_back;
  const std::vector<Placed> places = request.Arranges()
                                         ? PlacesOf(request, bundle, seed, *candidates, &held_back)
                                         : BestByScore(request, candidates->size());
  if (unplaced != nullptr) ReportUnplaced(request, *candidates, places, held_back, unplaced);
  const bool explores = request.Arranges() && OptionsOf(request).explore > 0;
  std::vector<PooledCandidate> placed;
  for (const Placed& one : places) {
    PooledCandidate& next = placed.emplace_back(std::move((*candidates)[one.candidate]));
    next.place_by_score = static_cast<uint32_t>(one.candidate);
    next.by = one.by;
    if (explores) next.propensity = one.propensity;
  }
  *candidates = std::move(placed);
}

}  // namespace upnext::serving
