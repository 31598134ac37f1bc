#include "interchange/tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace upnext::interchange {
namespace {

Tensor Single(std::string name, const features::Bags& bags) {
  std::vector<int64_t> ids;
  for (size_t row = 0; row < bags.size(); ++row)
    ids.push_back(bags[row].empty() ? 0 : bags[row][0]);
  return {std::move(name), {bags.size()}, std::move(ids)};
}

// Ids and weights, the newest last.
void AppendList(const std::string& name, const features::Bags& bags, std::vector<Tensor>* tensors) {
  size_t length = 1;
  for (size_t row = 0; row < bags.size(); ++row) length = std::max(length, bags[row].size());
  std::vector<int64_t> ids(bags.size() * length);
  std::vector<float> weights(ids.size());
  for (size_t row = 0; row < bags.size(); ++row) {
    const size_t size = bags[row].size(), begin = (row + 1) * length - size;
    for (size_t i = 0; i < size; ++i) {
      ids[begin + i] = bags[row][i];
      weights[begin + i] = bags.weights.empty() ? 1.0f : bags.weights[bags.offsets[row] + i];
    }
  }
  tensors->push_back({name, {bags.size(), length}, std::move(ids)});
  tensors->push_back({name + ".weights", {bags.size(), length}, std::move(weights)});
}

}  // namespace

std::vector<Tensor> SideTensors(std::string_view side, const features::ModelShape::SideShape& shape,
                                const features::FeatureBlock& block) {
  std::vector<Tensor> tensors;
  for (size_t slot = 0; slot < shape.slots.size(); ++slot) {
    const std::string name = fmt::format("{}.{}", side, shape.slots[slot].feature);
    if (shape.slots[slot].list) {
      AppendList(name, block.categorical[slot], &tensors);
    } else {
      tensors.push_back(Single(name, block.categorical[slot]));
    }
  }
  if (shape.dense > 0) {
    tensors.push_back({fmt::format("numbers.{}", side), {block.rows, shape.dense}, block.dense});
  }
  return tensors;
}

nlohmann::ordered_json ToJson(const std::vector<Tensor>& tensors) {
  nlohmann::ordered_json json;
  for (const Tensor& tensor : tensors) {
    const auto nested = [&](const auto& values) -> nlohmann::ordered_json {
      if (tensor.shape.size() == 1) return values;
      nlohmann::ordered_json rows = nlohmann::ordered_json::array();
      for (size_t row = 0; row < tensor.shape[0]; ++row) {
        const auto begin = values.begin() + static_cast<ptrdiff_t>(row * tensor.shape[1]);
        rows.push_back(std::vector(begin, begin + static_cast<ptrdiff_t>(tensor.shape[1])));
      }
      return rows;
    };
    json[tensor.name] = std::visit(nested, tensor.values);
  }
  return json;
}

}  // namespace upnext::interchange
