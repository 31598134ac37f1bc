// ONNX models by ONNX Runtime, whose library is loaded when the first model is opened: neither the
// build nor a program without such a model needs it (decision 0093).
//
//   SetRuntimeLibrary("/opt/onnxruntime/lib/libonnxruntime.so.1");    optional, before the first
//   UPNEXT_ASSIGN_OR_RETURN(const auto model, Open(bytes, "model.onnx"));
//
// The library is that of UPNEXT_ONNXRUNTIME, else the one that was set, else libonnxruntime.so of the
// loader's path. It stays loaded, and a process has one. Any number of threads.
#ifndef UPNEXT_ONNX_RUNTIME_H_
#define UPNEXT_ONNX_RUNTIME_H_

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "onnx/tensor_model.h"

namespace upnext::onnx {

inline constexpr char kRuntimeVariable[] = "UPNEXT_ONNXRUNTIME";

// No effect once it is loaded; empty: none is set.
void SetRuntimeLibrary(const std::filesystem::path& library);

// A session with one thread: those who call Run are the threads. `name` is for messages.
// kFailedPrecondition where ONNX Runtime cannot be loaded or is too old, kInvalidArgument with its words
// for a model that it refuses.
Result<std::unique_ptr<const TensorModel>> Open(std::string_view bytes, std::string_view name);

}  // namespace upnext::onnx

#endif  // UPNEXT_ONNX_RUNTIME_H_
