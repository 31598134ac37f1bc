// The configuration in use, as `upnext config show` and GET /v1/config show it.
//
//   for (const base::ConfigValue& one : ShownConfig(settings)) ...     key, value, origin
//
// Functions without state.
#ifndef UPNEXT_API_SHOWN_CONFIG_H_
#define UPNEXT_API_SHOWN_CONFIG_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/settings.h"
#include "base/config.h"

namespace upnext::api {

// All that is read of the project file, flags and environment. A value that may hold a secret has
// "(hidden)" in its place.
std::vector<base::ConfigValue> ShownConfig(const Settings& settings);

// [{"key", "value", "origin"}], on lines
std::string ConfigJson(std::span<const base::ConfigValue> values);

// Whether a value may hold a password or a token: a SELECT can name a database with its password, and a
// URL can have one.
bool MayHoldSecret(std::string_view value);

}  // namespace upnext::api

#endif  // UPNEXT_API_SHOWN_CONFIG_H_
