#include "retrieval/bag_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace upnext::retrieval {

CandidateLayout LayoutOf(const CandidateModelOptions& options, const features::ModelShape& inputs,
                         std::span<const size_t> skip) {
  CandidateLayout layout;
  const auto add = [&](size_t slot, size_t window) {
    const size_t table = inputs.query.slots[slot].table;
    const size_t dim = TableDim(options, inputs, table);
    layout.inputs.push_back(
        {slot, table, window, layout.width, dim, inputs.query.slots[slot].list});
    layout.width += dim;
  };
  for (size_t i = 0; i < inputs.query.slots.size(); ++i) {
    const features::ModelShape::Slot& slot = inputs.query.slots[i];
    if (std::ranges::find(skip, i) != skip.end()) continue;
    add(i, 0);
    if (!slot.ordered || inputs.tables[slot.table].name != features::kItemVocabulary) continue;
    for (size_t w = 1; w <= options.recent_windows.size(); ++w) add(i, w);
  }
  layout.dense = layout.width;
  layout.width += inputs.query.dense;
  return layout;
}

BagInput::BagInput(const CandidateModelOptions& options, const features::ModelShape& inputs,
                   std::span<const size_t> skip, base::Rng& rng)
    : layout_(LayoutOf(options, inputs, skip)),
      pooling_(options.pooling),
      recent_windows_(options.recent_windows),
      queries_(layout_.inputs.size()) {
  if (pooling_ != Pooling::kAttention) return;
  for (size_t i = 0; i < queries_.size(); ++i) {
    const CandidateLayout::Input& at = layout_.inputs[i];
    if (!at.list) continue;
    queries_[i].name = fmt::format("pooling.{}", inputs.query.slots[at.slot].feature);
    if (at.window > 0) {
      queries_[i].name += fmt::format(".{}", options.recent_windows[at.window - 1]);
    }
    // Small, so that training starts from the mean.
    for (size_t d = 0; d < at.dim; ++d) {
      queries_[i].value.push_back(static_cast<float>(0.1 * rng.Normal()));
    }
    queries_[i].gradient.resize(at.dim);
  }
}

void BagInput::CutWindows(const features::FeatureBlock& batch,
                          std::vector<features::Bags>* windows) const {
  windows->resize(layout_.inputs.size());
  for (size_t i = 0; i < layout_.inputs.size(); ++i) {
    const CandidateLayout::Input& input = layout_.inputs[i];
    if (input.window == 0) continue;
    NewestOfBags(batch.categorical[input.slot], recent_windows_[input.window - 1], &(*windows)[i]);
  }
}

void BagInput::Build(std::span<const nn::EmbeddingTable> tables,
                     const features::FeatureBlock& batch, std::span<const features::Bags> windows,
                     size_t begin, size_t end, float* input) const {
  for (size_t i = 0; i < layout_.inputs.size(); ++i) {
    PoolingOf(tables, i).Gather(View(BagsOf(batch, windows, i), begin, end),
                                input + layout_.inputs[i].offset, layout_.width);
  }
  for (size_t i = 0; i < end - begin; ++i) {
    std::copy_n(batch.dense.data() + (begin + i) * numbers(), numbers(),
                input + i * layout_.width + layout_.dense);
  }
}

nn::Graph::Value BagInput::AppendTo(nn::Graph& graph, std::span<const nn::EmbeddingTable> tables,
                                    const std::vector<nn::BagInput>& bags,
                                    const nn::Graph::Value& numbers) const {
  // The newest are the last.
  const auto newest = [&](const nn::Graph::Value& list, uint32_t window) {
    return graph.Op(
        "Slice", {list, graph.Ints({-int64_t{window}}), graph.Ints({INT64_MAX}), graph.Ints({1})});
  };
  std::vector<nn::Graph::Value> parts;
  for (size_t i = 0; i < layout_.inputs.size(); ++i) {
    const CandidateLayout::Input& input = layout_.inputs[i];
    nn::BagInput bag = bags[input.slot];
    if (input.window > 0) {
      const uint32_t window = recent_windows_[input.window - 1];
      bag = {newest(bag.ids, window), newest(bag.weights, window)};
    }
    parts.push_back(PoolingOf(tables, i).AppendTo(graph, bag));
  }
  if (!numbers.empty()) parts.push_back(numbers);
  return graph.Concat(parts);
}

void BagInput::AppendParameters(std::vector<nn::Parameter>& parameters) {
  for (Query& query : queries_) {
    if (query.value.empty()) continue;
    parameters.push_back({.name = query.name,
                          .shape = {query.value.size()},
                          .value = query.value,
                          .gradient = query.gradient});
  }
}

void NewestOfBags(const features::Bags& bags, uint32_t window, features::Bags* newest) {
  newest->Clear();
  for (size_t i = 0; i < bags.size(); ++i) {
    const uint32_t begin = bags.offsets[i], end = bags.offsets[i + 1];
    const uint32_t from = end - std::min(window, end - begin);
    newest->Append(bags, from, end);
    newest->Close();
  }
}

}  // namespace upnext::retrieval
