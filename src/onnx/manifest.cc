#include "onnx/manifest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <utility>

namespace upnext::onnx {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostInputs = 1000, kMostInputColumns = 10'000, kMostOutputs = 256;
constexpr uint32_t kMostOutputColumns = 100'000, kMostLength = 10'000;
constexpr char kTheManifest[] = "the manifest";
constexpr std::string_view kIs[] = {"value", "probability", "logit"};

// Reads a manifest, and records the first mistake with where it is: "inputs[0].columns".
class ManifestReader {
 public:
  explicit ManifestReader(std::string_view name) : name_(name) {}
  const Status& status() const { return status_; }

  void Fail(std::string_view where, std::string_view what) {
    if (status_) status_ = InvalidArgument("{}: {} {}", name_, where, what);
  }
  // An object with no other keys than these.
  bool IsObject(const Json& json, const std::string& where,
                std::initializer_list<std::string_view> keys) {
    if (!json.is_object()) {
      Fail(where, fmt::format("should be an object with the keys {}", fmt::join(keys, ", ")));
      return false;
    }
    for (const auto& [key, value] : json.items()) {
      if (std::ranges::find(keys, std::string_view(key)) != keys.end()) continue;
      Fail(where, fmt::format("has a key \"{}\"; there are {}", key, fmt::join(keys, ", ")));
      return false;
    }
    return true;
  }
  std::string Text(const Json& object, const char* key, const std::string& where, bool required) {
    const auto found = object.find(key);
    if (found != object.end() && found->is_string()) {
      const std::string text = found->get<std::string>();
      if (!text.empty() && text.find('\0') == std::string::npos) return text;
    }
    if (required || found != object.end()) {
      Fail(Join(where, key), "should be a text that is not empty");
    }
    return "";
  }
  uint32_t Count(const Json& object, const char* key, const std::string& where, uint32_t least,
                 uint32_t most) {
    const auto found = object.find(key);
    if (found != object.end() && found->is_number_unsigned()) {
      const uint64_t count = found->get<uint64_t>();
      if (count >= least && count <= most) return static_cast<uint32_t>(count);
    }
    Fail(Join(where, key), fmt::format("should be a whole number from {} to {}", least, most));
    return least;
  }
  std::optional<double> Number(const Json& object, const char* key, const std::string& where) {
    const auto found = object.find(key);
    if (found == object.end()) return std::nullopt;
    if (found->is_number() && std::abs(found->get<double>()) <= 1e15) return found->get<double>();
    Fail(Join(where, key), "should be a number");
    return std::nullopt;
  }
  const Json& List(const Json& object, const char* key, const std::string& where, size_t most) {
    static const Json kNone = Json::array();
    const auto found = object.find(key);
    if (found != object.end() && found->is_array() && !found->empty() && found->size() <= most) {
      return *found;
    }
    Fail(Join(where, key), fmt::format("should be a list of 1 to {} entries", most));
    return kNone;
  }
  static std::string Join(const std::string& where, std::string_view key) {
    return where.empty() ? fmt::format("\"{}\"", key) : fmt::format("{}.{}", where, key);
  }

 private:
  const std::string name_;
  Status status_ = Ok();
};

Column ColumnFrom(const Json& json, const std::string& where, ManifestReader& read) {
  if (json.is_string()) return {.name = json.get<std::string>(), .missing = {}};
  if (!read.IsObject(json, where, {"column", "missing"})) return {};
  return {.name = read.Text(json, "column", where, true),
          .missing = read.Number(json, "missing", where)};
}

Input InputFrom(const Json& json, const std::string& where, ManifestReader& read) {
  Input input;
  if (!read.IsObject(json, where, {"name", "columns", "list", "length", "missing"})) return input;
  input.name = read.Text(json, "name", where, false);
  input.missing = read.Number(json, "missing", where);
  if (json.contains("columns") == json.contains("list")) {
    read.Fail(where, "should have either \"columns\" or \"list\"");
    return input;
  }
  if (json.contains("list")) {
    input.list = read.Text(json, "list", where, true);
    input.length = read.Count(json, "length", where, 1, kMostLength);
    return input;
  }
  if (json.contains("length")) read.Fail(where, "has a \"length\", which is of a \"list\"");
  const Json& columns = read.List(json, "columns", where, kMostInputColumns);
  for (size_t i = 0; i < columns.size(); ++i) {
    input.columns.push_back(ColumnFrom(columns[i], fmt::format("{}.columns[{}]", where, i), read));
  }
  return input;
}

Output OutputFrom(const Json& json, const std::string& where, ManifestReader& read) {
  Output output;
  if (!read.IsObject(json, where, {"objective", "name", "column", "is"})) return output;
  output.objective = read.Text(json, "objective", where, true);
  output.name = read.Text(json, "name", where, false);
  if (json.contains("column")) {
    output.column = read.Count(json, "column", where, 0, kMostOutputColumns);
  }
  if (json.contains("is")) {
    const auto found = std::ranges::find(kIs, read.Text(json, "is", where, true));
    if (found == std::end(kIs)) {
      read.Fail(ManifestReader::Join(where, "is"),
                fmt::format("should be one of {}", fmt::join(kIs, ", ")));
      return output;
    }
    output.is = static_cast<Output::Is>(found - std::begin(kIs));
  }
  return output;
}

std::vector<Output> OutputsFrom(const Json& root, ManifestReader& read) {
  std::vector<Output> outputs;
  const Json& list = read.List(root, "outputs", "", kMostOutputs);
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("outputs[{}]", i);
    Output output = OutputFrom(list[i], where, read);
    if (std::ranges::count(outputs, output.objective, &Output::objective) > 0) {
      read.Fail(where, fmt::format("predicts \"{}\" a second time", output.objective));
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

}  // namespace

Result<Manifest> Manifest::Parse(std::string_view json, std::string_view name, Of of) {
  const Json root = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (root.is_discarded()) return InvalidArgument("{}: expected JSON, found other text", name);
  ManifestReader read(name);
  Manifest manifest;
  const bool ranker = of == Of::kRanker;
  const bool is_object =
      ranker ? read.IsObject(root, kTheManifest, {"features", "inputs", "outputs"})
             : read.IsObject(root, kTheManifest, {"features", "items", "inputs", "output"});
  if (is_object) {
    manifest.features = read.Text(root, "features", "", true);
    const Json& inputs = read.List(root, "inputs", "", kMostInputs);
    for (size_t i = 0; i < inputs.size(); ++i) {
      manifest.inputs.push_back(InputFrom(inputs[i], fmt::format("inputs[{}]", i), read));
    }
    if (ranker) {
      manifest.outputs = OutputsFrom(root, read);
    } else {
      manifest.items = read.Text(root, "items", "", true);
      manifest.output = read.Text(root, "output", "", false);
    }
  }
  UPNEXT_RETURN_IF_ERROR(read.status());
  return manifest;
}

}  // namespace upnext::onnx
