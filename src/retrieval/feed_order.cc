#include "retrieval/feed_order.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::retrieval {
namespace {

constexpr char kModelLists[] = "candidate-model", kKnnLists[] = "co-watch", kRecent[] = "recent",
               kTrending[] = "trending";

}  // namespace

double FeedOrder::WeightOf(std::string_view generator) const {
  const auto part = std::ranges::find(parts, generator, &Part::generator);
  return part == parts.end() ? 0 : part->weight;
}

double FeedOrder::HalfLifeHours() const {
  const auto part = std::ranges::find(parts, kTrending, &Part::generator);
  return part == parts.end() ? 0 : part->half_life_hours;
}

std::string FeedOrder::ToText() const {
  std::string text;
  for (const Part& part : parts) {
    if (!text.empty()) text += " + ";
    if (part.weight != 1) text += fmt::format("{:g} ", part.weight);
    text += part.generator;
    if (part.half_life_hours > 0) text += fmt::format(" ({:g} h)", part.half_life_hours);
  }
  return text;
}

OrderRule OrderRuleFromConfig(const base::ConfigTable& retrieval) {
  return static_cast<OrderRule>(
      retrieval.Choice("order", {"model", "item-knn", "blend", "trending", "auto"}, 4));
}

std::vector<FeedOrder> OrdersOf(OrderRule rule, std::span<const double> half_lives) {
  const FeedOrder model{{{kModelLists, 1}}}, knn{{{kKnnLists, 1}}}, recent{{{kRecent, 1}}};
  const auto two = [](const char* a, const char* b, double weight) {
    return FeedOrder{{{a, weight}, {b, 1 - weight}}};
  };
  std::vector<FeedOrder> blends = {two(kModelLists, kKnnLists, 0.5),
                                   two(kModelLists, kKnnLists, 0.7),
                                   two(kModelLists, kKnnLists, 0.3)};
  std::vector<FeedOrder> trends, with_trends;
  for (const double hours : half_lives) {
    trends.push_back({{{kTrending, 1, hours}}});
    with_trends.push_back({{{kModelLists, 0.5}, {kTrending, 0.5, hours}}});
    with_trends.push_back({{{kModelLists, 0.3}, {kTrending, 0.7, hours}}});
    with_trends.push_back({{{kKnnLists, 0.5}, {kTrending, 0.5, hours}}});
  }
  switch (rule) {
    case OrderRule::kModel:
      return {model};
    case OrderRule::kItemKnn:
      return {knn};
    case OrderRule::kBlend:
      return blends;
    case OrderRule::kTrending:
      return trends;
    case OrderRule::kAuto:
      break;
  }
  std::vector<FeedOrder> all = {model, knn, recent, two(kModelLists, kRecent, 0.5),
                                two(kKnnLists, kRecent, 0.5)};
  for (const auto& more : {blends, trends, with_trends}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace upnext::retrieval
