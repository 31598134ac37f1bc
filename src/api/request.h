// A request of a program: a JSON object whose keys an operation lists, read without trusting it.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Request request, Request::Parse("recommend", kKeys, text));
//   const int64_t n = request.Whole("n", 20);
//
// A key whose value is null counts as absent. Immutable: any number of threads.
#ifndef UPNEXT_API_REQUEST_H_
#define UPNEXT_API_REQUEST_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace upnext::api {

// What a key takes; as `type` in the list of operations.
enum class KeyType : uint8_t {
  kText,
  kWhole,
  kNumber,
  kFlag,
  kTexts,   // a list of texts
  kValues,  // an object of texts, numbers, booleans or lists of these
  kEvents,  // a list of texts or objects
};
std::string_view KeyTypeName(KeyType type);

struct Key {
  std::string_view name;
  KeyType type;
  std::string_view help;
  double min = 0, max = 0;                         // of numbers; no bounds when both are 0
  std::span<const std::string_view> choices = {};  // of texts; empty: any
};

class Request {
 public:
  // kInvalidArgument names the key, what was expected and found, and for an unknown key the nearest one.
  static Result<Request> Parse(std::string_view operation, std::span<const Key> keys,
                               std::string_view json);

  bool Has(std::string_view key) const { return values_.contains(key); }
  std::string Text(std::string_view key, std::string_view fallback = "") const;
  std::optional<std::string> MaybeText(std::string_view key) const;
  int64_t Whole(std::string_view key, int64_t fallback) const;
  double Number(std::string_view key, double fallback) const;
  bool Flag(std::string_view key) const;
  std::vector<std::string> Texts(std::string_view key) const;
  // Names and their values as text: 3, 0.5, true. One that is null has no value.
  std::vector<std::pair<std::string, std::vector<std::string>>> Values(std::string_view key) const;
  const nlohmann::json& Json(std::string_view key) const { return values_.at(key); }

 private:
  nlohmann::json values_ = nlohmann::json::object();
};

}  // namespace upnext::api

#endif  // UPNEXT_API_REQUEST_H_
