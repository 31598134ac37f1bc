// Ranker::AppendTo: what Score computes, as operations.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "features/model_shape.h"
#include "nn/graph.h"
#include "ranking/ranker.h"

namespace upnext::ranking {

Ranker::SideValues Ranker::AppendSide(nn::Graph& graph, const SideLayout& layout,
                                      const features::ModelShape::SideShape& side,
                                      const std::string& name, const std::string& rows) const {
  SideValues values;
  for (const Slot& slot : layout.slots) {
    const features::ModelShape::Slot& feature = side.slots[slot.feature];
    const nn::BagInput bag =
        nn::AppendBagInput(graph, fmt::format("{}.{}", name, feature.feature), rows, feature.list);
    values.ids.push_back(bag.ids);
    values.parts.push_back(nn::AppendMean(graph, bag, *tables_[slot.table]));
  }
  if (layout.numbers > 0) {
    values.parts.push_back(graph.Input(fmt::format("numbers.{}", name), nn::Graph::Type::kFloat,
                                       {rows, fmt::format("{}", layout.numbers)}));
  }
  return values;
}

void Ranker::AppendTo(nn::Graph& graph) const {
  using Value = nn::Graph::Value;
  using Type = nn::Graph::Type;
  const nn::Graph::Shape rows = {"impressions"};
  NetValues input;
  const SideValues query = AppendSide(graph, query_, shape_.query, "query", "queries");
  SideValues impression =
      AppendSide(graph, impression_, shape_.impression, "impression", "impressions");
  input.query_of = graph.Input("query_of", Type::kInt64, rows);
  for (size_t a = 0; a < attentions_.size(); ++a) {
    const auto [history, candidate] = histories_[a];
    impression.parts.push_back(
        attentions_[a].AppendTo(graph, AttendedTable(a),
                                {query.ids[history], input.query_of, impression.parts[candidate]}));
  }
  if (const Value bias = bias_->AppendInput(graph, query.ids, input.query_of); !bias.empty()) {
    impression.parts.push_back(bias);
  }
  if (!query.parts.empty()) input.queries = graph.Concat(query.parts);
  if (!impression.parts.empty()) input.impressions = graph.Concat(impression.parts);
  Value duration_s;
  if (std::ranges::any_of(objectives_, ReadsDuration)) {
    duration_s = graph.Input("duration_s", Type::kFloat, rows);
  }
  const Value logits = architecture_->AppendTo(graph, input);
  const Value axis = graph.Ints({1});
  std::vector<Value> predictions;
  for (size_t k = 0; k < objectives_.size(); ++k) {
    const auto first = static_cast<int64_t>(columns_.heads[k].first);
    const auto end = first + static_cast<int64_t>(columns_.heads[k].outputs);
    Value head = graph.Op("Slice", {logits, graph.Ints({first}), graph.Ints({end}), axis});
    if (const Value bias = bias_->AppendLogit(graph, k, query.ids, input.query_of); !bias.empty()) {
      head = graph.Op("Add", {head, bias});
    }
    predictions.push_back(AppendPrediction(graph, objectives_[k], head, duration_s));
    graph.Output(fmt::format("prediction.{}", objectives_[k].name), predictions.back(), rows);
  }
  const Value score = AppendScore(graph, ExponentsOf(objectives_), predictions);
  if (!score.empty()) graph.Output("score", score, rows);
}

}  // namespace upnext::ranking
