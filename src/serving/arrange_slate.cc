#include "serving/arrange_slate.h"

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

}  // namespace

void ArrangeSlate(const RequestContext& request, const bundle::Bundle& bundle, uint64_t seed,
                  std::vector<PooledCandidate>* candidates) {
  const Scenario& scenario = request.scenario;
  const Vectors vectors(bundle, scenario.diversity > 0
                                    ? std::span<const PooledCandidate>(*candidates)
                                    : std::span<const PooledCandidate>());
  std::vector<Arrangeable> all;
  for (size_t i = 0; i < candidates->size(); ++i) {
    const PooledCandidate& from = (*candidates)[i];
    Arrangeable& one = all.emplace_back();
    one.score = from.score;
    if (scenario.diversity > 0) one.vector = vectors.Of(i);
    for (const Cap& cap : scenario.caps) {
      one.categories.push_back(CategoriesOf(request, cap.attribute, from.item));
    }
    one.is_fresh = scenario.fresh_share > 0 && IsFresh(request, from.item);
    one.pin = PinOf(request, from.item);
  }
  base::Rng rng(seed);
  std::vector<PooledCandidate> placed;
  const ArrangeOptions options = OptionsOf(request);
  for (const Placed& one : Arrange(all, options, rng)) {
    placed.push_back(std::move((*candidates)[one.candidate]));
    if (options.explore > 0) placed.back().propensity = one.propensity;
  }
  *candidates = std::move(placed);
}

}  // namespace upnext::serving
