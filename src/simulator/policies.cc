#include "simulator/policies.h"

#include <algorithm>

#include "simulator/policy.h"

namespace upnext::simulator {
namespace {

constexpr size_t kListed = 1000;  // length of a language's popularity list

}  // namespace

Status RandomPolicy::Recommend(const SlateRequest& request, base::Rng& rng,
                               std::vector<ShownItem>& slate) {
  const Popularity& popularity = world_.popularity();
  const uint32_t existing = popularity.CountAt(popularity.SliceAt(request.time_ms));
  DrawRandomSlate(existing, request.current_item, std::min<size_t>(request.size, existing / 5), rng,
                  slate);
  return Ok();
}

PopularityPolicy::PopularityPolicy(const World& world, double random_share)
    : world_(world),
      random_share_(random_share),
      slices_(std::make_unique<Slice[]>(world.popularity().slices())) {}

const PopularityPolicy::Slice& PopularityPolicy::SliceAt(size_t index) {
  Slice& slice = slices_[index];
  std::call_once(slice.made, [&] {
    const Popularity& popularity = world_.popularity();
    slice.by_language.resize(kLanguages);
    for (uint32_t id = 0; id < popularity.CountAt(index); ++id) {
      const auto weight = static_cast<float>(popularity.WeightAt(id, index));
      slice.by_language[world_.catalogue().item(id).language].push_back({weight, id});
    }
    for (std::vector<Entry>& list : slice.by_language) {
      const size_t listed = std::min(kListed, list.size());
      std::ranges::partial_sort(
          list, list.begin() + static_cast<ptrdiff_t>(listed), [](const Entry& a, const Entry& b) {
            return a.weight != b.weight ? a.weight > b.weight : a.item < b.item;
          });
      list.resize(listed);
      list.shrink_to_fit();
    }
  });
  return slice;
}

Status PopularityPolicy::Recommend(const SlateRequest& request, base::Rng& rng,
                                   std::vector<ShownItem>& slate) {
  slate.clear();
  const size_t index = world_.popularity().SliceAt(request.time_ms);
  if (rng.Uniform() < random_share_) {
    const uint32_t existing = world_.popularity().CountAt(index);
    DrawRandomSlate(existing, request.current_item, std::min<size_t>(request.size, existing / 5),
                    rng, slate);
    return Ok();
  }
  const Slice& slice = SliceAt(index);
  static const std::vector<Entry> kNothing;
  const User& user = request.user;
  const std::vector<Entry>& first = slice.by_language[user.language];
  const std::vector<Entry>& second =
      user.second_language == kNoLanguage ? kNothing : slice.by_language[user.second_language];
  for (const bool again : {false, true}) {
    for (size_t a = 0, b = 0;
         slate.size() < request.size && a + b < first.size() + second.size();) {
      const bool of_first =
          b == second.size() || (a < first.size() && first[a].weight >= second[b].weight);
      const uint32_t item = of_first ? first[a++].item : second[b++].item;
      if (item == request.current_item || request.memory.watched.contains(item) != again) continue;
      slate.push_back({item, Source::kPopular, 1.0});
    }
  }
  return Ok();
}

Status OraclePolicy::Recommend(const SlateRequest& request, base::Rng&,
                               std::vector<ShownItem>& slate) {
  struct Entry {
    double value;
    uint32_t item;
    bool operator>(const Entry& other) const { return value > other.value; }
  };
  std::vector<Entry> best;  // a heap of the best so far, the worst of them on top
  const auto worse_on_top = std::greater<Entry>();
  const uint32_t existing = world_.catalogue().CountAt(request.time_ms);
  const World::Visitor visitor = world_.VisitorAt(request.user, request.time_ms);
  for (uint32_t item = 0; item < existing; ++item) {
    if (item == request.current_item) continue;
    const Context context = request.ContextOf(item);
    const double click = world_.ClickProbability(visitor, item, context);
    const bool full = best.size() == request.size;
    // No watch is longer than the item, so this is an upper bound; most items need no more work.
    const double most = click * static_cast<double>(world_.catalogue().item(item).duration_s);
    if (full && most <= best.front().value) continue;
    const double value = click * world_.ExpectedWatchSeconds(visitor, item, context);
    if (full && value <= best.front().value) continue;
    if (full) {
      std::ranges::pop_heap(best, worse_on_top);
      best.pop_back();
    }
    best.push_back({value, item});
    std::ranges::push_heap(best, worse_on_top);
  }
  std::ranges::sort_heap(best, worse_on_top);
  slate.clear();
  for (const Entry& entry : best) slate.push_back({entry.item, Source::kOracle, 1.0});
  return Ok();
}

std::unique_ptr<Recommender> MakeLoggingPolicy(const World& world) {
  const PolicyOptions& policy = world.options().policy;
  switch (policy.kind) {
    case PolicyKind::kRandom:
      return std::make_unique<RandomPolicy>(world);
    case PolicyKind::kPopularity:
      return std::make_unique<PopularityPolicy>(world, policy.random_share);
    case PolicyKind::kMixture:
      break;
  }
  return std::make_unique<LoggingPolicy>(world);
}

}  // namespace upnext::simulator
