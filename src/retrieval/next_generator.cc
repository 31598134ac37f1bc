#include "retrieval/next_generator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "examples/replay.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr char kNextLists[] = "next";
constexpr int64_t kBasketGapMs = 30 * 60 * 1000;
constexpr size_t kBasketItems =
    50;  // of a larger one, which is a reseller's or a robot's, the first

// Sequences of items, one after the other: a user's watches, or what was bought at once.
struct Sequences {
  std::vector<uint32_t> items;
  std::vector<uint64_t> ends;
};

Sequences WatchesByUser(const examples::ReplaySource& source) {
  Sequences all;
  uint32_t last_user = UINT32_MAX;
  ForTrainingWatches(source, [&](uint32_t user, const examples::WatchExample& watch) {
    if (user != last_user && !all.items.empty()) all.ends.push_back(all.items.size());
    last_user = user;
    all.items.push_back(watch.item);
  });
  all.ends.push_back(all.items.size());
  return all;
}

// Different items each, ascending.
Sequences Baskets(const examples::ReplaySource& source) {
  Sequences all;
  std::vector<uint32_t> basket;
  const auto finish = [&] {
    std::ranges::sort(basket);
    basket.erase(std::ranges::unique(basket).begin(), basket.end());
    basket.resize(std::min(basket.size(), kBasketItems));
    all.items.insert(all.items.end(), basket.begin(), basket.end());
    all.ends.push_back(all.items.size());
    basket.clear();
  };
  if (source.log.stats().by_type[static_cast<size_t>(schema::EventType::kPurchase)] == 0) {
    return all;
  }
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    int64_t last_ms = 0;
    for (uint64_t row = source.log.begin(user); row < source.split.train_end(user); ++row) {
      if (source.log.type(row) != schema::EventType::kPurchase) continue;
      const int64_t time_ms = source.log.time_ms(row);
      if (!basket.empty() && time_ms - last_ms > kBasketGapMs) finish();
      last_ms = time_ms;
      basket.push_back(source.log.item_of(row));
    }
    if (!basket.empty()) finish();
  }
  return all;
}

// Calls visit(item, other) for every pair that counts.
template <typename Visit>
void ForEachPair(const Sequences& all, bool in_order, const Visit& visit) {
  uint64_t begin = 0;
  for (const uint64_t end : all.ends) {
    for (uint64_t i = begin; i < end; ++i) {
      if (in_order) {
        if (i + 1 < end && all.items[i] != all.items[i + 1]) visit(all.items[i], all.items[i + 1]);
        continue;
      }
      for (uint64_t j = begin; j < end; ++j) {
        if (i != j) visit(all.items[i], all.items[j]);
      }
    }
    begin = end;
  }
}

LearnedLists CountedPairs(const Sequences& all, bool in_order, uint32_t items, size_t neighbours) {
  std::vector<uint64_t> offsets(size_t{items} + 1, 0);
  ForEachPair(all, in_order, [&](uint32_t item, uint32_t) { ++offsets[item + 1]; });
  std::partial_sum(offsets.begin(), offsets.end(), offsets.begin());
  std::vector<uint32_t> others(offsets.back());
  std::vector<uint64_t> place(offsets.begin(), offsets.end() - 1);
  ForEachPair(all, in_order, [&](uint32_t item, uint32_t other) { others[place[item]++] = other; });
  std::vector<uint32_t> times(in_order ? 0 : items);
  if (!in_order) {
    for (const uint32_t item : all.items) ++times[item];
  }
  LearnedLists lists;
  std::vector<ScoredItem> list;
  for (uint32_t item = 0; item < items; ++item) {
    const auto row = std::span(others).subspan(offsets[item], offsets[item + 1] - offsets[item]);
    std::ranges::sort(row);
    list.clear();
    for (size_t i = 0; i < row.size();) {
      size_t end = i;
      while (end < row.size() && row[end] == row[i]) ++end;
      const double of = in_order ? static_cast<double>(row.size())
                                 : std::sqrt(static_cast<double>(times[item]) * times[row[i]]);
      list.push_back({row[i], static_cast<float>(static_cast<double>(end - i) / of)});
      i = end;
    }
    std::ranges::sort(list, BetterScore);
    lists.Append(std::span(list).first(std::min(list.size(), neighbours)));
  }
  return lists;
}

}  // namespace

GeneratorLearner NextGenerator::MakeLearner(Of of, const base::ConfigTable& options) {
  const auto neighbours =
      static_cast<size_t>(options.Int("neighbours", 50, {.min = 1, .max = 100'000}));
  return [of, neighbours](const LearnInput& input, base::SectionWriter& writer) {
    const bool in_order = of == Of::kWatches;
    return SaveScoredLists(
        writer, kNextLists,
        CountedPairs(in_order ? WatchesByUser(input.source) : Baskets(input.source), in_order,
                     input.source.log.items(), neighbours));
  };
}

Result<std::unique_ptr<const Generator>> NextGenerator::LoadLists(Of of, LoadInput input) {
  UPNEXT_ASSIGN_OR_RETURN(const ScoredLists lists,
                          ScoredLists::Load(*input.part, kNextLists, input.items));
  return std::unique_ptr<const Generator>(new NextGenerator(of, *std::move(input.part), lists));
}

Status NextGenerator::Propose(const ProposeRequest& request, size_t n, const ItemFilter& filter,
                              std::vector<Candidate>* out) const {
  const uint32_t current = request.context.current_item;
  if (current == schema::kNone) return Ok();
  const size_t begin = out->size();
  ProposeList(lists_.Of(current), n, filter, out);
  for (Candidate& candidate : std::span(*out).subspan(begin)) candidate.from = current;
  return Ok();
}

std::string NextGenerator::Reason(const ProposeRequest& request, const Candidate& candidate) const {
  const std::string title = TitleOf(request.catalogue, candidate.from);
  return of_ == Of::kPurchases ? fmt::format("bought together with {}", title)
                               : fmt::format("often {} after {}", request.verb.positives, title);
}

std::vector<ItemsLike> NextGenerator::Like(const LikeRequest& request) const {
  return {{.by = ItemsLike::By::kPeople,
           .items = lists_.Of(request.item),
           .reason = of_ == Of::kPurchases ? "bought together"
                                           : fmt::format("{} next", request.verb.positives)}};
}

}  // namespace upnext::retrieval
