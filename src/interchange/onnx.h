// A graph as the bytes of an ONNX model: protocol buffers with the field numbers of onnx.proto of
// ONNX 1.12 (IR version 8, opset 17), which every ONNX Runtime since 1.12 reads.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::string bytes, EncodeOnnx(graph, "ranker"));
//
// A plain function: any number of threads.
#ifndef UPNEXT_INTERCHANGE_ONNX_H_
#define UPNEXT_INTERCHANGE_ONNX_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "nn/graph.h"

namespace upnext::interchange {

inline constexpr int64_t kOnnxIrVersion = 8;

// kInvalidArgument for a graph with more weights than a protocol buffer may have, 2 GiB.
Result<std::string> EncodeOnnx(const nn::Graph& graph, std::string_view name);

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_ONNX_H_
