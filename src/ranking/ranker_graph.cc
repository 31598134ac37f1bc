// Ranker::AppendTo: what Score computes, as operations.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "features/model_shape.h"
#include "nn/graph.h"
#include "ranking/ranker.h"

namespace upnext::ranking {

nn::Graph::Value Ranker::AppendSide(nn::Graph& graph, const SideLayout& layout,
                                    const features::ModelShape::SideShape& side,
                                    const std::string& name, const std::string& rows,
                                    std::vector<nn::Graph::Value>* ids) const {
  std::vector<nn::Graph::Value> parts;
  for (const Slot& slot : layout.slots) {
    const features::ModelShape::Slot& feature = side.slots[slot.feature];
    const nn::BagInput bag =
        nn::AppendBagInput(graph, fmt::format("{}.{}", name, feature.feature), rows, feature.list);
    ids->push_back(bag.ids);
    parts.push_back(nn::AppendMean(graph, bag, *tables_[slot.table]));
  }
  if (layout.numbers > 0) {
    parts.push_back(graph.Input(fmt::format("numbers.{}", name), nn::Graph::Type::kFloat,
                                {rows, fmt::format("{}", layout.numbers)}));
  }
  return parts.empty() ? nn::Graph::Value() : graph.Concat(parts);
}

void Ranker::AppendTo(nn::Graph& graph) const {
  using Value = nn::Graph::Value;
  using Type = nn::Graph::Type;
  const nn::Graph::Shape rows = {"impressions"};
  NetValues input;
  std::vector<Value> ids, of_impressions;
  input.queries = AppendSide(graph, query_, shape_.query, "query", "queries", &ids);
  input.impressions = AppendSide(graph, impression_, shape_.impression, "impression", "impressions",
                                 &of_impressions);
  input.query_of = graph.Input("query_of", Type::kInt64, rows);
  if (const Value bias = bias_->AppendInput(graph, ids, input.query_of); !bias.empty()) {
    input.impressions = input.impressions.empty() ? bias : graph.Concat({input.impressions, bias});
  }
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
    if (const Value bias = bias_->AppendLogit(graph, k, ids, input.query_of); !bias.empty()) {
      head = graph.Op("Add", {head, bias});
    }
    predictions.push_back(AppendPrediction(graph, objectives_[k], head, duration_s));
    graph.Output(fmt::format("prediction.{}", objectives_[k].name), predictions.back(), rows);
  }
  const Value score = AppendScore(graph, ExponentsOf(objectives_), predictions);
  if (!score.empty()) graph.Output("score", score, rows);
}

}  // namespace upnext::ranking
