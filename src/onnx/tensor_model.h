// A network of somebody else: named tensors in, named tensors out. runtime.h opens one; tests
// have their own.
//
//   for (const TensorPort& port : model.inputs()) ...          what it asks for
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<Tensor> outputs, model.Run(inputs, {0}));
//
// Immutable: any number of threads run one model.
#ifndef UPNEXT_ONNX_TENSOR_MODEL_H_
#define UPNEXT_ONNX_TENSOR_MODEL_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"

namespace upnext::onnx {

enum class TensorType : uint8_t { kFloat, kDouble, kInt64, kInt32, kOther };
// As in error messages: "float32".
std::string_view TensorTypeName(TensorType type);

struct TensorPort {
  std::string name;
  TensorType type = TensorType::kFloat;
  std::string other = {};           // of kOther: what it is instead, "a sequence"
  std::vector<int64_t> shape = {};  // -1: known when it runs
};
// "float32 [?, 12]"
std::string Describe(const TensorPort& port);

struct Tensor {
  std::vector<int64_t> shape;
  // By TensorType.
  std::variant<std::vector<float>, std::vector<double>, std::vector<int64_t>, std::vector<int32_t>>
      values;
  TensorType type() const { return static_cast<TensorType>(values.index()); }
};

class TensorModel {
 public:
  virtual ~TensorModel() = default;
  virtual const std::vector<TensorPort>& inputs() const = 0;
  virtual const std::vector<TensorPort>& outputs() const = 0;
  // `inputs` as inputs(). Returns the outputs of these numbers, in their order. kInternal with what
  // the runtime says.
  virtual Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs,
                                          std::span<const size_t> wanted) const = 0;
};

}  // namespace upnext::onnx

#endif  // UPNEXT_ONNX_TENSOR_MODEL_H_
