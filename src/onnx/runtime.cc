#include "onnx/runtime.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <onnxruntime_c_api.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace upnext::onnx {
namespace {

// Of the functions used here, all of which the first versions have had: ONNX Runtime 1.12 and newer,
// which read opset 17, answer it. The structure of functions only ever grows at its end.
constexpr uint32_t kOrtApiVersion = 12;
constexpr char kLoaderName[] = "libonnxruntime.so",
               kLoaderNameWithVersion[] = "libonnxruntime.so.1";

struct Ort {
  const OrtApi* api = nullptr;
  OrtEnv* env = nullptr;
};

struct LoadedRuntime {
  base::Mutex mutex;
  std::filesystem::path library UPNEXT_GUARDED_BY(mutex);
  Ort ort UPNEXT_GUARDED_BY(mutex);
};
// Never destroyed: sessions of any thread may end after main().
LoadedRuntime& Loaded() {
  static auto* const loaded = new LoadedRuntime;
  return *loaded;
}

std::string TakeMessage(const OrtApi& api, OrtStatus* status) {
  std::string message = api.GetErrorMessage(status);
  api.ReleaseStatus(status);
  return message;
}

// Returns from the enclosing function when a call of the API fails.
#define UPNEXT_ORT(api, maker, call)                                                    \
  do {                                                                                  \
    if (OrtStatus* const failed = (call)) return maker("{}", TakeMessage(api, failed)); \
  } while (false)

// An object of the API, released with its function.
template <typename T>
using OrtOwned = std::unique_ptr<T, void (*)(T*)>;

struct Candidate {
  std::string library, origin;
};

std::vector<Candidate> CandidatesFor(const std::filesystem::path& set) {
  const char* const variable = std::getenv(kRuntimeVariable);
  if (variable != nullptr && *variable != '\0') return {{variable, kRuntimeVariable}};
  if (!set.empty()) return {{set.string(), "[onnxruntime] library"}};
  return {{kLoaderName, "the loader's path"}, {kLoaderNameWithVersion, "the loader's path"}};
}

constexpr char kHowToGet[] =
    "Install ONNX Runtime 1.12 or newer and say where its library is, in UPNEXT_ONNXRUNTIME or as "
    "library = \"...\" in [onnxruntime]; pip install onnxruntime has it as "
    "onnxruntime/capi/libonnxruntime.so.*";

Result<Ort> LoadOrt(const std::filesystem::path& set) {
  std::string tried;
  for (const Candidate& candidate : CandidatesFor(set)) {
    void* const library = dlopen(candidate.library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      tried += fmt::format("{}{} (of {})", tried.empty() ? "" : "; ", dlerror(), candidate.origin);
      continue;
    }
    using GetBase = const OrtApiBase* (*)();
    GetBase get_base = nullptr;
    void* const symbol = dlsym(library, "OrtGetApiBase");
    std::memcpy(&get_base, &symbol, sizeof symbol);
    const OrtApi* const api = get_base == nullptr ? nullptr : get_base()->GetApi(kOrtApiVersion);
    if (api == nullptr) {
      return FailedPrecondition("{} (of {}): expected ONNX Runtime 1.12 or newer, found {}. {}",
                                candidate.library, candidate.origin,
                                get_base == nullptr
                                    ? "a library without OrtGetApiBase"
                                    : fmt::format("version {}", get_base()->GetVersionString()),
                                kHowToGet);
    }
    Ort ort{.api = api};
    // What goes wrong is returned; nothing is printed.
    UPNEXT_ORT(*api, Internal, api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "upnext", &ort.env));
    UPNEXT_ORT(*api, Internal, api->DisableTelemetryEvents(ort.env));
    return ort;
  }
  return FailedPrecondition(
      "an ONNX model needs ONNX Runtime, whose library cannot be loaded: {}. {}", tried, kHowToGet);
}

Result<Ort> GetOrt() {
  LoadedRuntime& loaded = Loaded();
  const base::MutexLock lock(loaded.mutex);
  if (loaded.ort.api == nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(loaded.ort, LoadOrt(loaded.library));
  }
  return loaded.ort;
}

TensorType TypeOf(ONNXTensorElementDataType type) {
  switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return TensorType::kFloat;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
      return TensorType::kDouble;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return TensorType::kInt64;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      return TensorType::kInt32;
    default:
      return TensorType::kOther;
  }
}

ONNXTensorElementDataType CodeOf(TensorType type) {
  switch (type) {
    case TensorType::kFloat:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    case TensorType::kDouble:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
    case TensorType::kInt64:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    case TensorType::kInt32:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32;
    case TensorType::kOther:
      break;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

// Type and shape of a tensor, or of what stands for one.
Status ReadTensorInfo(const OrtApi& api, const OrtTensorTypeAndShapeInfo& info, TensorPort* port) {
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  UPNEXT_ORT(api, Internal, api.GetTensorElementType(&info, &type));
  port->type = TypeOf(type);
  if (port->type == TensorType::kOther) {
    port->other = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING
                      ? "texts"
                      : fmt::format("a tensor of the element type {}", static_cast<int>(type));
  }
  size_t rank = 0;
  UPNEXT_ORT(api, Internal, api.GetDimensionsCount(&info, &rank));
  port->shape.resize(rank);
  UPNEXT_ORT(api, Internal, api.GetDimensions(&info, port->shape.data(), rank));
  return Ok();
}

class OnnxRuntimeModel : public TensorModel {
 public:
  explicit OnnxRuntimeModel(Ort ort) : api_(*ort.api), env_(*ort.env) {}
  ~OnnxRuntimeModel() override {
    if (session_ != nullptr) api_.ReleaseSession(session_);
    if (memory_ != nullptr) api_.ReleaseMemoryInfo(memory_);
  }
  OnnxRuntimeModel(const OnnxRuntimeModel&) = delete;
  OnnxRuntimeModel& operator=(const OnnxRuntimeModel&) = delete;

  Status Open(std::string_view bytes) {
    OrtSessionOptions* made = nullptr;
    UPNEXT_ORT(api_, Internal, api_.CreateSessionOptions(&made));
    const OrtOwned<OrtSessionOptions> options(made, api_.ReleaseSessionOptions);
    UPNEXT_ORT(api_, Internal, api_.SetIntraOpNumThreads(made, 1));
    UPNEXT_ORT(api_, Internal, api_.SetInterOpNumThreads(made, 1));
    UPNEXT_ORT(api_, Internal, api_.SetSessionGraphOptimizationLevel(made, ORT_ENABLE_ALL));
    UPNEXT_ORT(api_, InvalidArgument,
               api_.CreateSessionFromArray(&env_, bytes.data(), bytes.size(), made, &session_));
    UPNEXT_ORT(api_, Internal,
               api_.CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory_));
    size_t inputs = 0, outputs = 0;
    UPNEXT_ORT(api_, Internal, api_.SessionGetInputCount(session_, &inputs));
    UPNEXT_ORT(api_, Internal, api_.SessionGetOutputCount(session_, &outputs));
    for (size_t i = 0; i < inputs; ++i) {
      UPNEXT_RETURN_IF_ERROR(
          AddPort(i, api_.SessionGetInputName, api_.SessionGetInputTypeInfo, &inputs_));
    }
    for (size_t i = 0; i < outputs; ++i) {
      UPNEXT_RETURN_IF_ERROR(
          AddPort(i, api_.SessionGetOutputName, api_.SessionGetOutputTypeInfo, &outputs_));
    }
    return Ok();
  }

  const std::vector<TensorPort>& inputs() const override { return inputs_; }
  const std::vector<TensorPort>& outputs() const override { return outputs_; }

  Result<std::vector<Tensor>> Run(std::span<const Tensor> inputs,
                                  std::span<const size_t> wanted) const override {
    std::vector<OrtOwned<OrtValue>> owned;
    std::vector<const OrtValue*> values;
    std::vector<const char*> input_names, output_names;
    for (size_t i = 0; i < inputs.size(); ++i) {
      UPNEXT_ASSIGN_OR_RETURN(OrtOwned<OrtValue> value, ViewOf(inputs[i]));
      values.push_back(value.get());
      owned.push_back(std::move(value));
      input_names.push_back(inputs_[i].name.c_str());
    }
    for (const size_t output : wanted) output_names.push_back(outputs_[output].name.c_str());
    std::vector<OrtValue*> results(wanted.size(), nullptr);
    OrtStatus* const status =
        api_.Run(session_, nullptr, input_names.data(), values.data(), values.size(),
                 output_names.data(), output_names.size(), results.data());
    std::vector<OrtOwned<OrtValue>> made;
    for (OrtValue* const result : results) made.emplace_back(result, api_.ReleaseValue);
    UPNEXT_ORT(api_, Internal, status);
    std::vector<Tensor> outputs;
    for (const OrtOwned<OrtValue>& result : made) {
      UPNEXT_ASSIGN_OR_RETURN(Tensor tensor, CopyOf(result.get()));
      outputs.push_back(std::move(tensor));
    }
    return outputs;
  }

 private:
  template <typename Name, typename Info>
  Status AddPort(size_t i, Name get_name, Info get_info, std::vector<TensorPort>* ports) {
    TensorPort& port = ports->emplace_back();
    OrtAllocator* allocator = nullptr;
    UPNEXT_ORT(api_, Internal, api_.GetAllocatorWithDefaultOptions(&allocator));
    char* name = nullptr;
    UPNEXT_ORT(api_, Internal, get_name(session_, i, allocator, &name));
    port.name = name;
    UPNEXT_ORT(api_, Internal, api_.AllocatorFree(allocator, name));
    OrtTypeInfo* made = nullptr;
    UPNEXT_ORT(api_, Internal, get_info(session_, i, &made));
    const OrtOwned<OrtTypeInfo> info(made, api_.ReleaseTypeInfo);
    ONNXType type = ONNX_TYPE_UNKNOWN;
    UPNEXT_ORT(api_, Internal, api_.GetOnnxTypeFromTypeInfo(made, &type));
    if (type != ONNX_TYPE_TENSOR) {
      port.type = TensorType::kOther;
      port.other = type == ONNX_TYPE_SEQUENCE ? "a sequence"
                   : type == ONNX_TYPE_MAP    ? "a map"
                                              : "no tensor";
      return Ok();
    }
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // of `info`
    UPNEXT_ORT(api_, Internal, api_.CastTypeInfoToTensorInfo(made, &tensor));
    return ReadTensorInfo(api_, *tensor, &port);
  }

  // Reads the tensor's memory, which outlives it.
  Result<OrtOwned<OrtValue>> ViewOf(const Tensor& tensor) const {
    OrtValue* value = nullptr;
    UPNEXT_ORT(api_, Internal,
               std::visit(
                   [&](const auto& values) {
                     using T = typename std::decay_t<decltype(values)>::value_type;
                     return api_.CreateTensorWithDataAsOrtValue(
                         memory_, const_cast<T*>(values.data()), values.size() * sizeof(T),
                         tensor.shape.data(), tensor.shape.size(), CodeOf(tensor.type()), &value);
                   },
                   tensor.values));
    return OrtOwned<OrtValue>(value, api_.ReleaseValue);
  }

  Result<Tensor> CopyOf(OrtValue* value) const {
    int is_tensor = 0;
    UPNEXT_ORT(api_, Internal, api_.IsTensor(value, &is_tensor));
    if (is_tensor == 0) return Internal("an output is no tensor");
    OrtTensorTypeAndShapeInfo* made = nullptr;
    UPNEXT_ORT(api_, Internal, api_.GetTensorTypeAndShape(value, &made));
    const OrtOwned<OrtTensorTypeAndShapeInfo> info(made, api_.ReleaseTensorTypeAndShapeInfo);
    TensorPort port;
    UPNEXT_RETURN_IF_ERROR(ReadTensorInfo(api_, *made, &port));
    size_t count = 0;
    UPNEXT_ORT(api_, Internal, api_.GetTensorShapeElementCount(made, &count));
    void* data = nullptr;
    UPNEXT_ORT(api_, Internal, api_.GetTensorMutableData(value, &data));
    const auto copy = [&]<typename T>(T) {
      const T* const first = static_cast<const T*>(data);
      return std::vector<T>(first, first + count);
    };
    switch (port.type) {
      case TensorType::kFloat:
        return Tensor{port.shape, copy(float{})};
      case TensorType::kDouble:
        return Tensor{port.shape, copy(double{})};
      case TensorType::kInt64:
        return Tensor{port.shape, copy(int64_t{})};
      case TensorType::kInt32:
        return Tensor{port.shape, copy(int32_t{})};
      case TensorType::kOther:
        break;
    }
    return Internal("an output is {}, expected a tensor of numbers", port.other);
  }

  const OrtApi& api_;
  const OrtEnv& env_;
  OrtSession* session_ = nullptr;
  OrtMemoryInfo* memory_ = nullptr;
  std::vector<TensorPort> inputs_, outputs_;
};

#undef UPNEXT_ORT

}  // namespace

void SetRuntimeLibrary(const std::filesystem::path& library) {
  LoadedRuntime& loaded = Loaded();
  const base::MutexLock lock(loaded.mutex);
  loaded.library = library;
}

Result<std::unique_ptr<const TensorModel>> Open(std::string_view bytes, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(const Ort ort, GetOrt());
  auto model = std::make_unique<OnnxRuntimeModel>(ort);
  if (const Status opened = model->Open(bytes); !opened) {
    return MakeError(opened.error().code, fmt::format("{}: ONNX Runtime refuses the model: {}",
                                                      name, opened.error().message));
  }
  return std::unique_ptr<const TensorModel>(std::move(model));
}

}  // namespace upnext::onnx
