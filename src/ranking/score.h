// How the predictions for an item become the score that orders a feed: the product over objectives of
// prediction ^ exponent (Zhao 2019, 4.2). Exponents may be negative, as for dismissals. Changing them
// needs no training: they are read from the project file when a bundle is opened, and a request may
// bring its own.
//
//   UPNEXT_ASSIGN_OR_RETURN(const ScoreWeights weights, ParseScoreWeights("watch:1,dismiss:-0.5"));
//   UPNEXT_ASSIGN_OR_RETURN(const auto exponents, ExponentsOf(weights, ranker.objectives()));
//   const double score = CombinedScore(exponents, predictions);
//
// Plain functions: any number of threads.
#ifndef UPNEXT_RANKING_SCORE_H_
#define UPNEXT_RANKING_SCORE_H_

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "nn/graph.h"
#include "ranking/objectives.h"

namespace upnext::ranking {

// Exponents by name of objective; the others have 0.
using ScoreWeights = std::map<std::string, float, std::less<>>;

// The score_weight of each [[ranking.objective]]; empty when there is none.
ScoreWeights ScoreWeightsFromConfig(const base::ConfigTable& ranking);
// NAME:EXPONENT, separated by commas. kInvalidArgument for other text, for a name that comes twice
// and for exponents beyond kMaxScoreWeight.
Result<ScoreWeights> ParseScoreWeights(std::string_view text);

// [objectives] exponents. kInvalidArgument, with the names that there are, for an objective that is
// not among them, and when no exponent differs from 0.
Result<std::vector<float>> ExponentsOf(const ScoreWeights& weights,
                                       std::span<const Objective> objectives);
// Those that the objectives have themselves.
std::vector<float> ExponentsOf(std::span<const Objective> objectives);

// exponents, predictions [objectives]. A prediction below e^-15 counts as that, which is also what
// probabilities and expected seconds cannot go below (Predict clips logits to [-15, 15]); a regression
// may predict less, even below 0, where no power is defined.
double CombinedScore(std::span<const float> exponents, std::span<const float> predictions);

// The same as operations, for [rows] of each objective. Empty if no exponent differs from 0.
nn::Graph::Value AppendScore(nn::Graph& graph, std::span<const float> exponents,
                             std::span<const nn::Graph::Value> predictions);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_SCORE_H_
