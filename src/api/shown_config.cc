#include "api/shown_config.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "base/lower_case.h"

namespace upnext::api {
namespace {

constexpr std::array<std::string_view, 7> kSecretWords = {
    "password", "passwd", "pwd=", "secret", "token=", "api_key", "credential"};

// "https://name:password@host"
bool HasUserInfo(std::string_view text) {
  for (size_t at = text.find("://"); at != std::string_view::npos; at = text.find("://", at + 3)) {
    const std::string_view rest = text.substr(at + 3);
    const std::string_view host = rest.substr(0, rest.find_first_of("/?#'\" "));
    if (host.find('@') != std::string_view::npos) return true;
  }
  return false;
}

}  // namespace

bool MayHoldSecret(std::string_view value) {
  const std::string lower = base::LowerCase(value);
  return HasUserInfo(lower) || std::ranges::any_of(kSecretWords, [&](std::string_view word) {
           return lower.find(word) != std::string::npos;
         });
}

std::vector<base::ConfigValue> ShownConfig(const Settings& settings) {
  std::vector<base::ConfigValue> values = settings.project.config().Values();
  for (base::ConfigValue& one : values) {
    if (MayHoldSecret(one.value)) one.value = "\"(hidden)\"";
  }
  return values;
}

std::string ConfigJson(std::span<const base::ConfigValue> values) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const base::ConfigValue& one : values) {
    out.push_back({{"key", one.key}, {"value", one.value}, {"origin", one.origin}});
  }
  return out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace upnext::api
