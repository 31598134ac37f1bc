#include "retrieval/feed_order.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::retrieval {
namespace {

constexpr char kModelLists[] = "candidate-model", kKnnLists[] = "co-watch", kRecent[] = "recent";

}  // namespace

double FeedOrder::WeightOf(std::string_view generator) const {
  const auto part = std::ranges::find(parts, generator, &Part::generator);
  return part == parts.end() ? 0 : part->weight;
}

std::string FeedOrder::ToText() const {
  std::string text;
  for (const Part& part : parts) {
    if (!text.empty()) text += " + ";
    if (part.weight != 1) text += fmt::format("{:g} ", part.weight);
    text += part.generator;
  }
  return text;
}

OrderRule OrderRuleFromConfig(const base::ConfigTable& retrieval) {
  return static_cast<OrderRule>(
      retrieval.Choice("order", {"model", "item-knn", "blend", "auto"}, 3));
}

std::vector<FeedOrder> OrdersOf(OrderRule rule) {
  const FeedOrder model{{{kModelLists, 1}}}, knn{{{kKnnLists, 1}}}, recent{{{kRecent, 1}}};
  const auto two = [](const char* a, const char* b, double weight) {
    return FeedOrder{{{a, weight}, {b, 1 - weight}}};
  };
  const std::vector<FeedOrder> blends = {two(kModelLists, kKnnLists, 0.5),
                                         two(kModelLists, kKnnLists, 0.7),
                                         two(kModelLists, kKnnLists, 0.3)};
  switch (rule) {
    case OrderRule::kModel:
      return {model};
    case OrderRule::kItemKnn:
      return {knn};
    case OrderRule::kBlend:
      return blends;
    case OrderRule::kAuto:
      break;
  }
  std::vector<FeedOrder> all = {model, knn, recent, two(kModelLists, kRecent, 0.5),
                                two(kKnnLists, kRecent, 0.5)};
  all.insert(all.end(), blends.begin(), blends.end());
  return all;
}

}  // namespace upnext::retrieval
