#include "serving/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ranking/position_bias.h"
#include "ranking/ranker.h"
#include "schema/event.h"

namespace upnext::serving {
namespace {

void AddDropped(const EngineParts& parts, const ExplainFacts& facts, Slate* slate) {
  const auto name = [&](uint32_t item) {
    return parts.catalogue.Name(schema::IdSpace::kItem, item);
  };
  const size_t others = facts.unplaced.size() + facts.not_ranked.size();
  const size_t room = kMostDropped - std::min(others, kMostDropped / 2);
  for (const LeftOut& one : facts.left_out.first(std::min(room, facts.left_out.size()))) {
    slate->dropped.push_back(
        {.id = name(one.item), .reason = fmt::format("filter {}", parts.filter_names[one.filter])});
  }
  for (const Unplaced& one : facts.unplaced) {
    if (slate->dropped.size() == kMostDropped) return;
    slate->dropped.push_back({name(one.item), one.reason, one.score});
  }
  for (const PooledCandidate& one : facts.not_ranked) {
    if (slate->dropped.size() == kMostDropped) return;
    slate->dropped.push_back({.id = name(one.item), .reason = "no time was left to rank it"});
  }
}

void AddBias(const EngineParts& parts, const ExplainFacts& facts, Slate* slate) {
  const ranking::Ranker* const trained = parts.bundle.ranker()->trained();
  if (trained == nullptr) return;
  const ranking::PositionBias& bias = trained->bias();
  const size_t objectives = facts.exponents.size();
  for (size_t k = 0; k < objectives; ++k) {
    if (!bias.HasBias(k)) continue;
    const std::vector<float> logits = bias.LogitsByPosition(k, facts.query, slate->items.size());
    for (size_t i = 0; i < logits.size(); ++i) {
      slate->items[i].bias_removed.resize(objectives, 0);
      slate->items[i].bias_removed[k] = logits[i];
    }
  }
}

}  // namespace

void Explain(const EngineParts& parts, const ExplainFacts& facts, Slate* slate) {
  slate->exponents.assign(facts.exponents.begin(), facts.exponents.end());
  if (!facts.exponents.empty()) AddBias(parts, facts, slate);
  AddDropped(parts, facts, slate);
}

}  // namespace upnext::serving
