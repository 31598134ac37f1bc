#include "evaluation/served_lists.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <ranges>
#include <unordered_map>
#include <utility>

#include "evaluation/retrieval_baselines.h"
#include "features/user_state.h"
#include "kernels/top_scored.h"
#include "retrieval/choices.h"
#include "retrieval/generator_registry.h"
#include "retrieval/live_slots.h"
#include "retrieval/lowered.h"
#include "retrieval/trending_generator.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

enum : size_t { kModelLists, kKnnLists, kRecentLists, kTrendLists };

std::vector<uint32_t> TopItems(const ItemOrder& order, std::span<const float> scores,
                               std::span<const uint32_t> hidden, size_t n) {
  kernels::TopScored top(n);
  for (uint32_t p = 0; p < scores.size(); ++p) {
    if (!(scores[p] > kUnranked) || !top.Wants(p, scores[p])) continue;
    if (!std::ranges::binary_search(hidden, order.items[p])) top.Add(p, scores[p]);
  }
  std::vector<uint32_t> items;
  for (const kernels::Scored& one : top.Take()) items.push_back(order.items[one.index]);
  return items;
}

// As serving/engine.cc asks them.
uint32_t BudgetOf(std::string_view generator, const retrieval::GeneratorBudgets& budgets) {
  const auto set = budgets.find(generator);
  if (set != budgets.end()) return set->second;
  const auto registry = retrieval::BuiltInGenerators();
  const auto entry = std::ranges::find(registry, generator, &retrieval::GeneratorEntry::name);
  return std::max(entry->candidates, retrieval::kOrderCandidates);
}

class ServedRow : public RetrievalModel {
 public:
  ServedRow(ListMaker& maker, const retrieval::FeedOrder& order,
            std::shared_ptr<const ItemOrder> items)
      : RetrievalModel("served order", std::move(items)), maker_(maker), feed_order_(order) {}

  void MoveTo(int64_t time_ms) override { maker_.MoveTo(time_ms); }
  Status Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    scores->assign(inputs.size() * order().size(), kUnranked);
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<Proposals> proposals, maker_.Propose(inputs));
    for (size_t i = 0; i < inputs.size(); ++i) {
      float score = 0;
      for (const uint32_t item : maker_.InOrder(proposals[i], feed_order_, inputs[i])) {
        (*scores)[i * order().size() + order().position[item]] = --score;
      }
    }
    return Ok();
  }

 private:
  ListMaker& maker_;
  const retrieval::FeedOrder feed_order_;
};

}  // namespace

ListMaker::ListMaker(const Subject& subject, const EvaluateOptions& options,
                     std::span<const retrieval::FeedOrder> orders,
                     std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool)
    : catalogue_(subject.source.catalogue),
      known_(subject.tables.vocabulary(features::kItemVocabulary)),
      candidate_(*subject.candidate),
      live_(options.served.live),
      model_(CandidateModelScores(subject)),
      low_rating_(options.feed.LowRating(subject.source.log)),
      co_watch_(retrieval::CoWatchLearner(subject.source, options.served.co_watch, pool)
                    .Learn(HistoriesOf(subject, cases, pool).items)) {
  for (size_t g = 0; g < budgets_.size(); ++g) {
    budgets_[g] = BudgetOf(kOrderGenerators[g], options.served.budgets);
  }
  const auto [first, last] =
      std::ranges::minmax_element(cases, {}, &examples::HoldoutCase::time_ms);
  for (const retrieval::FeedOrder& order : orders) {
    const double hours = HalfLifeOf(order);
    const bool is_needed = order.WeightOf(kOrderGenerators[kTrendLists]) > 0 || HasLiveSlots(order);
    if (!is_needed || cases.empty() ||
        std::ranges::count(trends_, hours, &Trend::half_life_hours) > 0) {
      continue;
    }
    trends_.push_back(
        {hours, trends_.empty()
                    ? retrieval::TrendReplay(catalogue_, subject.source.rule,
                                             live_.OrHalfLife(hours), first->time_ms, last->time_ms)
                    : trends_.front().replay.WithHalfLife(hours)});
  }
}

// As serving/generation.cc chooses it.
double ListMaker::HalfLifeOf(const retrieval::FeedOrder& order) const {
  return live_.OrHalfLife(order.HalfLifeHours())
      .OrHalfLife(features::LiveOptions::kHalfLifeHours)
      .half_life_hours;
}

bool ListMaker::HasLiveSlots(const retrieval::FeedOrder& order) const {
  return live_.every > 0 && budgets_[kTrendLists] > 0 &&
         order.WeightOf(kOrderGenerators[kTrendLists]) == 0;
}

void ListMaker::MoveTo(int64_t time_ms) {
  for (Trend& trend : trends_) trend.replay.MoveTo(time_ms);
}

std::vector<uint32_t> ListMaker::TrendOf(const retrieval::TrendReplay& replay,
                                         const CaseInput& input) const {
  const features::LiveLists live =
      replay.ListsOf(retrieval::RegionOf(catalogue_, input.context.region, input.user));
  auto shown = [&](uint32_t item) { return !std::ranges::binary_search(input.hidden, item); };
  std::vector<retrieval::Candidate> proposed;
  retrieval::TrendingGenerator::ProposeLive({.catalogue = catalogue_,
                                             .state = input.state,
                                             .user = input.user,
                                             .context = input.context,
                                             .live = &live},
                                            budgets_[kTrendLists], retrieval::ItemFilter(shown),
                                            &proposed);
  std::vector<uint32_t> items;
  for (const retrieval::Candidate& one : proposed) items.push_back(one.item);
  return items;
}

bool ListMaker::CanServe(const retrieval::FeedOrder& order) const {
  return std::ranges::all_of(order.parts, [&](const retrieval::FeedOrder::Part& part) {
    const auto* name = std::ranges::find(kOrderGenerators, part.generator);
    return name != std::end(kOrderGenerators) &&
           budgets_[static_cast<size_t>(name - std::begin(kOrderGenerators))] > 0;
  });
}

Result<std::vector<Proposals>> ListMaker::Propose(std::span<const CaseInput> inputs) const {
  std::vector<Proposals> all(inputs.size(), Proposals(kTrendLists + trends_.size()));
  std::vector<Trend> trends = trends_;
  std::vector<float> scores;
  UPNEXT_RETURN_IF_ERROR(model_->Score(inputs, &scores));
  const ItemOrder& order = model_->order();
  for (size_t i = 0; i < inputs.size(); ++i) {
    const CaseInput& input = inputs[i];
    all[i][kModelLists] = TopItems(order, std::span(scores).subspan(i * order.size(), order.size()),
                                   input.hidden, budgets_[kModelLists]);
    const auto add = [&](size_t generator, uint32_t item) {
      std::vector<uint32_t>& list = all[i][generator];
      if (list.size() == budgets_[generator]) return false;
      if (!std::ranges::binary_search(input.hidden, item)) list.push_back(item);
      return true;
    };
    for (const auto& one : co_watch_.For(input.state, input.context.current_item)) {
      if (!add(kKnnLists, one.item)) break;
    }
    for (const features::TimedId& one : input.state.viewed() | std::views::reverse) {
      if (!add(kRecentLists, one.id)) break;
    }
    for (size_t t = 0; t < trends.size(); ++t) {
      trends[t].replay.MoveTo(input.context.time_ms);
      all[i][kTrendLists + t] = TrendOf(trends[t].replay, input);
    }
  }
  return all;
}

std::vector<ListMaker::Entry> ListMaker::Combine(const Proposals& proposals,
                                                 const retrieval::FeedOrder& order) const {
  std::vector<Entry> list;
  std::unordered_map<uint32_t, size_t> places;
  const auto entry_of = [&](uint32_t item) -> Entry& {
    const auto [at, is_new] = places.try_emplace(item, list.size());
    if (is_new) list.push_back({.item = item});
    return list[at->second];
  };
  for (size_t g = 0; g < proposals.size(); ++g) {
    const bool is_trend = g >= kTrendLists;
    if (is_trend && trends_[g - kTrendLists].half_life_hours != HalfLifeOf(order)) continue;
    const double weight = order.WeightOf(kOrderGenerators[std::min<size_t>(g, kTrendLists)]);
    const bool fills_slots = is_trend && HasLiveSlots(order);
    if (weight == 0 && g != kModelLists && !fills_slots) continue;
    for (size_t place = 0; place < proposals[g].size(); ++place) {
      const uint32_t item = proposals[g][place];
      if (fills_slots) {
        if (candidate_.Knows(known_.Row(item)) || places.contains(item)) continue;
        entry_of(item).live_place = place;
      } else {
        entry_of(item).worth += weight * retrieval::WorthOfPlace(place);
      }
    }
  }
  std::ranges::stable_sort(list, std::ranges::greater(), &Entry::worth);
  return list;
}

std::vector<uint32_t> ListMaker::InOrder(const Proposals& proposals,
                                         const retrieval::FeedOrder& order,
                                         const CaseInput& input) const {
  std::vector<Entry> list = Combine(proposals, order);
  const retrieval::Lowered lowered(catalogue_, input.state, low_rating_);
  if (!lowered.empty()) {
    for (size_t place = 0; place < list.size(); ++place) {
      const double factor = lowered.Factor(list[place].item);
      list[place].worth = retrieval::WorthOfPlace(place) * factor;
      if (factor < 1) list[place].live_place = retrieval::kNoLivePlace;
    }
    std::ranges::stable_sort(list, std::ranges::greater(), &Entry::worth);
  }
  std::vector<size_t> live_places;
  for (const Entry& entry : list) live_places.push_back(entry.live_place);
  std::vector<uint32_t> items;
  for (const size_t i : retrieval::WithLiveSlots(live_places, std::max(1u, live_.every))) {
    items.push_back(list[i].item);
  }
  return items;
}

std::unique_ptr<RetrievalModel> ServedScores(ListMaker& maker, const retrieval::FeedOrder& order,
                                             std::shared_ptr<const ItemOrder> items) {
  return std::make_unique<ServedRow>(maker, order, std::move(items));
}

}  // namespace upnext::evaluation
