#include "ranking/score.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace upnext::ranking {
namespace {

const double kLeastPrediction = std::exp(-static_cast<double>(kMaxLogit));

Result<float> ParseExponent(std::string_view name, std::string_view text) {
  float exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc() || end != text.data() + text.size() ||
      !(std::abs(exponent) <= static_cast<float>(kMaxScoreWeight))) {
    return InvalidArgument("score: expected an exponent of '{}' from {} to {}, found '{}'", name,
                           -kMaxScoreWeight, kMaxScoreWeight, text);
  }
  return exponent;
}

}  // namespace

ScoreWeights ScoreWeightsFromConfig(const base::ConfigTable& ranking) {
  ScoreWeights weights;
  for (const base::ConfigTable& table : ranking.Tables("objective")) {
    weights.emplace(NameOfObjective(table), ScoreWeightOf(table));
  }
  return weights;
}

Result<ScoreWeights> ParseScoreWeights(std::string_view text) {
  ScoreWeights weights;
  while (true) {
    const std::string_view one = text.substr(0, text.find(','));
    const size_t colon = one.rfind(':');
    if (colon == std::string_view::npos || colon == 0) {
      return InvalidArgument("score: expected NAME:EXPONENT, separated by commas, found '{}'", one);
    }
    const std::string_view name = one.substr(0, colon);
    UPNEXT_ASSIGN_OR_RETURN(const float exponent, ParseExponent(name, one.substr(colon + 1)));
    if (!weights.emplace(name, exponent).second) {
      return InvalidArgument("score: expected each objective once, found '{}' twice", name);
    }
    if (one.size() == text.size()) return weights;
    text.remove_prefix(one.size() + 1);
  }
}

Result<std::vector<float>> ExponentsOf(const ScoreWeights& weights,
                                       std::span<const Objective> objectives) {
  std::vector<float> exponents;
  std::vector<std::string_view> names;
  size_t found = 0;
  for (const Objective& objective : objectives) {
    names.emplace_back(objective.name);
    const auto weight = weights.find(objective.name);
    exponents.push_back(weight == weights.end() ? 0.0f : weight->second);
    found += weight == weights.end() ? 0 : 1;
  }
  if (found < weights.size()) {
    const auto unknown = std::ranges::find_if(weights, [&](const auto& weight) {
      return std::ranges::find(names, weight.first) == names.end();
    });
    return InvalidArgument("score: expected objectives of the ranker ({}), found '{}'",
                           fmt::join(names, ", "), unknown->first);
  }
  if (std::ranges::all_of(exponents, [](float exponent) { return exponent == 0; })) {
    return InvalidArgument("score: expected an exponent other than 0 for one of {}, found none",
                           fmt::join(names, ", "));
  }
  return exponents;
}

std::vector<float> ExponentsOf(std::span<const Objective> objectives) {
  std::vector<float> exponents;
  for (const Objective& objective : objectives) exponents.push_back(objective.score_weight);
  return exponents;
}

double CombinedScore(std::span<const float> exponents, std::span<const float> predictions) {
  double log_score = 0;
  for (size_t k = 0; k < exponents.size(); ++k) {
    if (exponents[k] == 0) continue;
    log_score += static_cast<double>(exponents[k]) *
                 std::log(std::max(static_cast<double>(predictions[k]), kLeastPrediction));
  }
  return std::exp(log_score);
}

nn::Graph::Value AppendScore(nn::Graph& graph, std::span<const float> exponents,
                             std::span<const nn::Graph::Value> predictions) {
  nn::Graph::Value log_score;
  for (size_t k = 0; k < exponents.size(); ++k) {
    if (exponents[k] == 0) continue;
    const nn::Graph::Value least = graph.Float(static_cast<float>(kLeastPrediction));
    const nn::Graph::Value log = graph.Op("Log", {graph.Op("Max", {predictions[k], least})});
    const nn::Graph::Value term = graph.Op("Mul", {log, graph.Float(exponents[k])});
    log_score = log_score.empty() ? term : graph.Op("Add", {log_score, term});
  }
  return log_score.empty() ? log_score : graph.Op("Exp", {log_score});
}

}  // namespace upnext::ranking
