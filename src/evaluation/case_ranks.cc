#include "evaluation/case_ranks.h"

#include <algorithm>
#include <numeric>

#include "kernels/top_scored.h"
#include "schema/event.h"

namespace upnext::evaluation {

ItemOrder ItemOrder::ByCount(std::span<const uint64_t> counts) {
  ItemOrder order;
  order.items.resize(counts.size());
  std::iota(order.items.begin(), order.items.end(), 0u);
  std::sort(order.items.begin(), order.items.end(), [&](uint32_t a, uint32_t b) {
    return counts[a] > counts[b] || (counts[a] == counts[b] && a < b);
  });
  order.position.resize(counts.size());
  for (uint32_t p = 0; p < order.items.size(); ++p) order.position[order.items[p]] = p;
  return order;
}

ItemOrder ItemOrder::OfVocabulary(const features::Vocabulary& vocabulary, uint32_t items) {
  ItemOrder order;
  order.items.assign(vocabulary.rows(), schema::kNone);
  order.position.assign(items, schema::kNone);
  for (uint32_t row = 1; row < vocabulary.rows(); ++row) {
    const uint32_t item = vocabulary.Id(row);
    if (item >= items) continue;
    order.items[row] = item;
    order.position[item] = row;
  }
  return order;
}

CaseRanks RankCase(const ItemOrder& order, std::span<float> scores,
                   std::span<const uint32_t> hidden, std::span<const uint32_t> targets) {
  for (const uint32_t item : hidden) {
    const uint32_t p = order.position[item];
    if (p != schema::kNone) scores[p] = kUnranked;
  }
  std::vector<kernels::Scored> wanted;  // best first
  for (const uint32_t item : targets) {
    const uint32_t p = order.position[item];
    if (p != schema::kNone && scores[p] > kUnranked) wanted.push_back({p, scores[p]});
  }
  std::sort(wanted.begin(), wanted.end(), kernels::Better);

  CaseRanks result;
  kernels::TopScored top(kTop);
  // better[t]: items that are better than wanted[t] and all after it, but than none before it.
  std::vector<uint32_t> better(wanted.size(), 0);
  for (uint32_t p = 0; p < scores.size(); ++p) {
    const kernels::Scored hit{p, scores[p]};
    if (!(hit.score > kUnranked)) continue;
    if (top.Wants(p, hit.score)) top.Add(p, hit.score);
    if (wanted.empty() || !kernels::Better(hit, wanted.back())) continue;
    const auto first = std::partition_point(
        wanted.begin(), wanted.end(),
        [&](const kernels::Scored& target) { return !kernels::Better(hit, target); });
    ++better[static_cast<size_t>(first - wanted.begin())];
  }
  std::partial_sum(better.begin(), better.end(), better.begin());
  for (const uint32_t count : better) result.ranks.push_back(count + 1);
  for (const kernels::Scored& one : wanted) result.found.push_back(order.items[one.index]);
  for (const kernels::Scored& best : top.Take()) result.top.push_back(order.items[best.index]);
  return result;
}

CaseRanks RanksInList(std::span<const uint32_t> list, std::span<const uint32_t> targets) {
  CaseRanks result;
  for (uint32_t place = 0; place < list.size(); ++place) {
    if (std::ranges::find(targets, list[place]) == targets.end()) continue;
    result.ranks.push_back(place + 1);
    result.found.push_back(list[place]);
  }
  const auto top = list.first(std::min(list.size(), kTop));
  result.top.assign(top.begin(), top.end());
  return result;
}

}  // namespace upnext::evaluation
