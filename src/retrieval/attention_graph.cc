// AttentionEncoder as operations.
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "nn/graph.h"
#include "retrieval/attention_encoder.h"

namespace upnext::retrieval {

// Histories are filled up in front, where no place is: those places have no number and are not seen.
nn::Graph::Value AttentionEncoder::AppendTo(nn::Graph& graph, const std::vector<nn::BagInput>& bags,
                                            const nn::Graph::Value& numbers) const {
  using Value = nn::Graph::Value;
  const auto op = [&](const char* name, std::vector<Value> inputs) {
    return graph.Op(name, std::move(inputs));
  };
  const Value one = graph.Int(1), zero = graph.Int(0), axis = graph.Ints({1});
  const auto newest = [&](const Value& list) {
    return op("Slice",
              {list, graph.Ints({-static_cast<int64_t>(longest_)}), graph.Ints({INT64_MAX}), axis});
  };
  const Value items = newest(bags[lists_[0].slot].ids);
  const Value beginning = op("Mul", {op("Slice", {items, graph.Ints({0}), axis, axis}), zero});
  const Value ids = graph.Concat({beginning, items});
  const Value exists =
      graph.Op("Cast", {op("Greater", {newest(bags[lists_[0].slot].weights), graph.Float(0)})},
               {{"to", nn::Graph::kInt64Code}});
  const Value real = graph.Concat({op("Add", {beginning, one}), exists});
  const Value places = op("Sub", {op("CumSum", {real, one}), one});
  const auto dim = static_cast<int64_t>(dim_);
  const Value positions = graph.Weights(positions_, {static_cast<int64_t>(longest_ + 1), dim});
  Value said = nn::AppendRows(graph, ids, tables()[lists_[0].table]);
  for (const PlaceList& list : std::span(lists_).subspan(1)) {
    const Value of_events = graph.Concat({beginning, newest(bags[list.slot].ids)});
    said = op("Add", {said, nn::AppendRows(graph, of_events, tables()[list.table])});
  }
  const Value x =
      op("Add", {op("Mul", {said, graph.Float(scale_)}), op("Gather", {positions, places})});

  const Value none = graph.Float(-1e30f), seen = graph.Float(0);
  const Value keys =
      op("Unsqueeze", {op("Where", {op("Greater", {real, zero}), seen, none}), graph.Ints({1, 2})});
  const Value shape = op("Shape", {ids});
  const Value order = op("Range", {zero, op("Gather", {shape, one}), one});
  const Value later =
      op("Greater", {op("Unsqueeze", {order, graph.Ints({0})}), op("Unsqueeze", {order, axis})});
  const Value mask = op("Add", {keys, op("Where", {later, none, seen})});
  const Value all =
      transformer_.AppendTo(graph, op("Reshape", {x, graph.Ints({-1, dim})}), shape, mask);
  const Value by_row = graph.Op("Concat", {shape, graph.Ints({dim})}, {{"axis", int64_t{0}}});
  const Value user =
      graph.Op("Gather", {op("Reshape", {all, by_row}), graph.Int(-1)}, {{"axis", int64_t{1}}});
  if (!side_) return user;
  return op("Add", {user, side_->tower.AppendTo(
                              graph, side_->input.AppendTo(graph, tables(), bags, numbers))});
}

}  // namespace upnext::retrieval
