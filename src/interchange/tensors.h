// Features as the tensors that an exported network reads (nn::AppendBagInput), and tensors as JSON.
//
//   std::vector<Tensor> inputs = SideTensors("query", shape.query, batch.queries);
//   nlohmann::ordered_json json = ToJson(inputs);      {"query.age": [...], ...}
//
// Plain functions and values.
#ifndef UPNEXT_INTERCHANGE_TENSORS_H_
#define UPNEXT_INTERCHANGE_TENSORS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "features/feature_block.h"
#include "features/model_shape.h"

namespace upnext::interchange {

struct Tensor {
  std::string name;
  std::vector<size_t> shape;  // one size or two
  std::variant<std::vector<float>, std::vector<int64_t>> values;
};

// The inputs "SIDE.NAME", and "numbers.SIDE" if the block has numbers.
std::vector<Tensor> SideTensors(std::string_view side, const features::ModelShape::SideShape& shape,
                                const features::FeatureBlock& block);
// By name: lists of numbers, nested by shape. NaN is null.
nlohmann::ordered_json ToJson(const std::vector<Tensor>& tensors);

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_TENSORS_H_
