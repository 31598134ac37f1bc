#include "api/request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/suggest.h"

namespace upnext::api {
namespace {

constexpr std::string_view kTypeNames[] = {"text",  "whole",  "number", "flag",
                                           "texts", "values", "events"};
constexpr std::string_view kTypeWords[] = {
    "a text",
    "a whole number",
    "a number",
    "true or false",
    "a list of texts",
    "an object of texts, numbers, booleans or lists of these",
    "a list of texts or objects"};

bool IsScalar(const nlohmann::json& value) {
  return value.is_string() || value.is_number() || value.is_boolean();
}

bool IsText(const nlohmann::json& value) { return value.is_string(); }

// A value as a text that the command line would take.
std::string ScalarText(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  return value.dump();
}

bool IsOfType(const nlohmann::json& value, KeyType type) {
  switch (type) {
    case KeyType::kText:
      return value.is_string();
    case KeyType::kWhole:
      // Programs that have one kind of number write 20.0.
      return value.is_number_integer() ||
             (value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>() &&
              std::abs(value.get<double>()) < 9e15);
    case KeyType::kNumber:
      return value.is_number();
    case KeyType::kFlag:
      return value.is_boolean();
    case KeyType::kTexts:
      return value.is_array() && std::ranges::all_of(value, IsText);
    case KeyType::kValues:
      return value.is_object() && std::ranges::all_of(value, [](const nlohmann::json& one) {
               return one.is_null() || IsScalar(one) ||
                      (one.is_array() && std::ranges::all_of(one, IsScalar));
             });
    case KeyType::kEvents:
      return value.is_array() && std::ranges::all_of(value, [](const nlohmann::json& one) {
               return one.is_string() || one.is_object();
             });
  }
  return false;
}

// The beginning of a value, for messages.
std::string Shown(const nlohmann::json& value) {
  constexpr size_t kMost = 60;
  std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMost) text = text.substr(0, kMost) + "...";
  return text;
}

Status CheckValue(const Key& key, const nlohmann::json& value) {
  if (!IsOfType(value, key.type)) {
    return InvalidArgument("expected {}, found {}", kTypeWords[static_cast<size_t>(key.type)],
                           Shown(value));
  }
  if (key.min != 0 || key.max != 0) {
    const auto number = value.get<double>();
    if (!(number >= key.min && number <= key.max)) {
      return InvalidArgument("expected {} to {}, found {}", key.min, key.max, Shown(value));
    }
  }
  if (!key.choices.empty() &&
      std::ranges::find(key.choices, value.get_ref<const std::string&>()) == key.choices.end()) {
    return InvalidArgument("expected one of {}, found {}", fmt::join(key.choices, ", "),
                           Shown(value));
  }
  return Ok();
}

// Whether lists and objects are in each other deeper than any request: reading and copying them recurse.
bool NestsTooDeep(std::string_view json) {
  constexpr int kDeepest = 32;
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char one = json[i];
    if (in_text) {
      if (one == '\\') ++i;
      if (one == '"') in_text = false;
    } else if (one == '"') {
      in_text = true;
    } else if (one == '[' || one == '{') {
      if (++depth > kDeepest) return true;
    } else if (one == ']' || one == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string_view KeyTypeName(KeyType type) { return kTypeNames[static_cast<size_t>(type)]; }

Result<Request> Request::Parse(std::string_view operation, std::span<const Key> keys,
                               std::string_view json) {
  if (NestsTooDeep(json)) {
    return InvalidArgument("{}: the request has lists or objects too deep in each other",
                           operation);
  }
  const nlohmann::json given =
      nlohmann::json::parse(json, /*callback=*/nullptr, /*allow_exceptions=*/false);
  if (!given.is_object()) {
    return InvalidArgument("{}: expected a JSON object as the request, found {}", operation,
                           given.is_discarded() ? "what is no JSON" : Shown(given));
  }
  Request request;
  for (const auto& [name, value] : given.items()) {
    const auto key = std::ranges::find(keys, name, &Key::name);
    if (key == keys.end()) {
      std::vector<std::string> names;
      for (const Key& one : keys) names.emplace_back(one.name);
      return InvalidArgument("{}: there is no '{}'{}", operation, name.substr(0, 60),
                             base::DidYouMean(name, names));
    }
    if (value.is_null()) continue;
    if (Status valid = CheckValue(*key, value); !valid) {
      return WithContext(std::move(valid).error(), fmt::format("{}: {}", operation, name));
    }
    request.values_[name] = value;
  }
  return request;
}

std::string Request::Text(std::string_view key, std::string_view fallback) const {
  return MaybeText(key).value_or(std::string(fallback));
}

std::optional<std::string> Request::MaybeText(std::string_view key) const {
  if (!Has(key)) return std::nullopt;
  return values_.at(key).get<std::string>();
}

int64_t Request::Whole(std::string_view key, int64_t fallback) const {
  if (!Has(key)) return fallback;
  const nlohmann::json& value = values_.at(key);
  return value.is_number_float() ? static_cast<int64_t>(value.get<double>()) : value.get<int64_t>();
}

double Request::Number(std::string_view key, double fallback) const {
  return Has(key) ? values_.at(key).get<double>() : fallback;
}

bool Request::Flag(std::string_view key) const { return Has(key) && values_.at(key).get<bool>(); }

std::vector<std::string> Request::Texts(std::string_view key) const {
  if (!Has(key)) return {};
  return values_.at(key).get<std::vector<std::string>>();
}

std::vector<std::pair<std::string, std::vector<std::string>>> Request::Values(
    std::string_view key) const {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  if (!Has(key)) return out;
  for (const auto& [name, value] : values_.at(key).items()) {
    std::vector<std::string> texts;
    if (value.is_array()) {
      for (const nlohmann::json& one : value) texts.push_back(ScalarText(one));
    } else if (!value.is_null()) {
      texts.push_back(ScalarText(value));
    }
    out.emplace_back(name, std::move(texts));
  }
  return out;
}

}  // namespace upnext::api
