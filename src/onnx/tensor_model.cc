#include "onnx/tensor_model.h"

#include <fmt/format.h>

namespace upnext::onnx {

std::string_view TensorTypeName(TensorType type) {
  constexpr std::string_view kNames[] = {"float32", "float64", "int64", "int32", "another type"};
  return kNames[static_cast<size_t>(type)];
}

std::string Describe(const TensorPort& port) {
  if (port.type == TensorType::kOther) return port.other;
  std::string shape;
  for (const int64_t size : port.shape) {
    shape += fmt::format("{}{}", shape.empty() ? "" : ", ", size < 0 ? "?" : fmt::to_string(size));
  }
  return fmt::format("{} [{}]", TensorTypeName(port.type), shape);
}

}  // namespace upnext::onnx
