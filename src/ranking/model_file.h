// What the files of ranking models have in common: objectives as JSON, and reading JSON that nobody
// vouches for.
//
//   ModelFileReader read(path.string());
//   const Objective objective = ObjectiveFrom(json, read);
//   UPNEXT_RETURN_IF_ERROR(read.status());                    the first invalid value
//
// Functions of their arguments; a reader is one thread's. Only the sources of this room include it.
#ifndef UPNEXT_RANKING_MODEL_FILE_H_
#define UPNEXT_RANKING_MODEL_FILE_H_

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/status.h"
#include "nn/losses.h"
#include "ranking/objectives.h"
#include "schema/event.h"

namespace upnext::ranking {

inline constexpr char kModelOptions[] = "options";  // the section with JSON
inline constexpr size_t kMaxFileObjectives = 256;
inline constexpr double kMaxFileNumber = 1e6;

// Reads typed values from untrusted JSON and records the first invalid one.
class ModelFileReader {
 public:
  explicit ModelFileReader(const std::string& where) : where_(where) {}

  const nlohmann::json& Member(const nlohmann::json& object, const char* key) {
    static const nlohmann::json kNothing;
    if (object.is_object() && object.contains(key)) return object[key];
    Fail(key, "is missing");
    return kNothing;
  }
  double Number(const nlohmann::json& object, const char* key, double min, double max) {
    const nlohmann::json& value = Member(object, key);
    const double number = value.is_number() ? value.get<double>() : NAN;
    if (number >= min && number <= max) return number;
    Fail(key, fmt::format("should be a number from {:g} to {:g}", min, max));
    return min;
  }
  std::string Text(const nlohmann::json& object, const char* key) {
    const nlohmann::json& value = Member(object, key);
    if (value.is_string()) return value.get<std::string>();
    Fail(key, "should be a text");
    return {};
  }
  bool Flag(const nlohmann::json& object, const char* key) {
    const nlohmann::json& value = Member(object, key);
    if (value.is_boolean()) return value.get<bool>();
    Fail(key, "should be true or false");
    return false;
  }
  const nlohmann::json& Array(const nlohmann::json& object, const char* key, size_t max) {
    static const nlohmann::json kEmpty = nlohmann::json::array();
    const nlohmann::json& value = Member(object, key);
    if (value.is_array() && value.size() <= max) return value;
    Fail(key, fmt::format("should be a list of at most {} values", max));
    return kEmpty;
  }
  template <typename T, size_t n>
  T Choice(const nlohmann::json& object, const char* key, const std::string_view (&names)[n]) {
    const std::string text = Text(object, key);
    const auto found = std::ranges::find(names, std::string_view(text));
    if (found != std::end(names)) return static_cast<T>(found - std::begin(names));
    Fail(key, fmt::format("should not be \"{}\"", text));
    return T{};
  }
  schema::EventType Event(const char* key, const nlohmann::json& value) {
    if (value.is_string()) {
      const auto type = schema::ParseEventType(value.get<std::string>());
      if (type) return *type;
    } else if (value.is_number_unsigned()) {
      const uint64_t number = value.get<uint64_t>();
      if (number >= 1 && number <= schema::kMaxEventTypes) {
        return static_cast<schema::EventType>(number);
      }
    }
    Fail(key, "should list event types");
    return schema::EventType::kClick;
  }
  void Fail(std::string_view key, std::string_view what) {
    if (!status_) return;
    status_ = DataLoss("{}: section {}: \"{}\" {}; train again", where_, kModelOptions, key, what);
  }
  const Status& status() const { return status_; }

 private:
  const std::string where_;
  Status status_;
};

// What an objective has learned (Objective::quantiles, levels) is not in it.
nlohmann::json ObjectiveJson(const Objective& objective);
Objective ObjectiveFrom(const nlohmann::json& json, ModelFileReader& read);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_MODEL_FILE_H_
