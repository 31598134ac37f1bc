#include "ranking/ranking_model.h"

#include <algorithm>

namespace upnext::ranking {

std::vector<std::string> RankingModel::SetScoreWeights(const ScoreWeights& weights) {
  ScoreWeights known;
  std::vector<std::string> unknown;
  for (const auto& [name, exponent] : weights) {
    const bool has = std::ranges::find(objectives_, name, &Objective::name) != objectives_.end();
    if (has) known.emplace(name, exponent);
    if (!has && exponent != 0) unknown.push_back(name);
  }
  if (const auto exponents = ExponentsOf(known, objectives_)) {
    for (size_t k = 0; k < objectives_.size(); ++k) objectives_[k].score_weight = (*exponents)[k];
  }
  return unknown;
}

}  // namespace upnext::ranking
