#include "net/keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/file.h"
#include "base/lock_file.h"
#include "base/time_text.h"

namespace upnext::net {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::array<std::string_view, 6> kRoleNames = {"page",  "recommend", "events",
                                                        "items", "monitor",   "admin"};
constexpr std::string_view kPrefix = "upn_";
constexpr size_t kIdDigits = 8, kSecretBytes = 32, kHashDigits = 64;
constexpr size_t kMaxNameBytes = 100;
constexpr int64_t kKeysEveryMs = 1000;

std::string HexOf(std::span<const unsigned char> bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

std::string Sha256(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return HexOf(digest);
}

bool IsHex(std::string_view text, size_t digits) {
  return text.size() == digits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The id in a secret, "" when it is none of ours.
std::string_view KeyIdOf(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return "";
  const std::string_view id = secret.substr(kPrefix.size(), kIdDigits);
  return secret.substr(kPrefix.size() + id.size()).starts_with('_') && IsHex(id, kIdDigits) ? id
                                                                                            : "";
}

bool HasRole(const Key& key, Role role) {
  return std::ranges::find(key.roles, role) != key.roles.end();
}

json JsonOf(const Key& key) {
  json roles = json::array();
  for (const Role role : key.roles) roles.push_back(RoleName(role));
  json out = {{"id", key.id},
              {"name", key.name},
              {"roles", roles},
              {"created", base::FormatTime(key.created_ms)},
              {"sha256", key.sha256}};
  if (key.expires_ms != 0) out["expires"] = base::FormatTime(key.expires_ms);
  if (key.requests_per_second != 0) out["requests_per_second"] = key.requests_per_second;
  return out;
}

Result<int64_t> TimeOf(const json& key, const char* name) {
  const auto time =
      key.at(name).is_string() ? base::ParseTime(key.at(name).get<std::string>()) : std::nullopt;
  if (!time) return DataLoss("'{}': expected a time such as 2026-01-31T00:00:00Z", name);
  return *time;
}

Result<Key> KeyOf(const json& from) {
  constexpr std::array kKnown = {
      "id", "name", "roles", "created", "expires", "sha256", "requests_per_second"};
  if (!from.is_object()) return DataLoss("expected an object");
  for (const auto& [name, value] : from.items()) {
    if (std::ranges::find(kKnown, name) == kKnown.end()) return DataLoss("unknown '{}'", name);
  }
  for (const char* name : {"id", "name", "created", "sha256"}) {
    if (!from.contains(name) || !from[name].is_string())
      return DataLoss("'{}': expected a text", name);
  }
  Key key{.id = from["id"], .name = from["name"], .sha256 = from["sha256"]};
  if (!IsHex(key.id, kIdDigits)) return DataLoss("'id': expected {} hexadecimal digits", kIdDigits);
  if (!IsHex(key.sha256, kHashDigits)) {
    return DataLoss("'sha256': expected {} hexadecimal digits", kHashDigits);
  }
  if (!from.contains("roles") || !from["roles"].is_array())
    return DataLoss("'roles': expected a list");
  for (const json& role : from["roles"]) {
    const auto found =
        std::ranges::find(kRoleNames, role.is_string() ? role.get<std::string>() : "");
    if (found == kRoleNames.end()) return DataLoss("'roles': {} is none", role.dump());
    key.roles.push_back(static_cast<Role>(found - kRoleNames.begin()));
  }
  UPNEXT_ASSIGN_OR_RETURN(key.created_ms, TimeOf(from, "created"));
  if (from.contains("expires")) {
    UPNEXT_ASSIGN_OR_RETURN(key.expires_ms, TimeOf(from, "expires"));
  }
  if (from.contains("requests_per_second")) {
    const json& rate = from["requests_per_second"];
    if (!rate.is_number_unsigned() || rate > 1'000'000u) {
      return DataLoss("'requests_per_second': expected a whole number up to 1000000");
    }
    key.requests_per_second = rate;
  }
  return key;
}

Status WriteKeys(const fs::path& file, std::span<const Key> keys) {
  json list = json::array();
  for (const Key& key : keys) list.push_back(JsonOf(key));
  const json all = {{"format", 1}, {"keys", list}};
  UPNEXT_RETURN_IF_ERROR(
      base::WriteFileAtomic(file, all.dump(1, ' ', false, json::error_handler_t::replace) + "\n"));
  std::error_code error;
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write, error);
  if (error) return base::OsError(error.value(), file, "restrict the permissions of");
  return Ok();
}

// The keys of a file that may not be there yet, under its lock.
struct Opened {
  base::LockFile lock;
  std::vector<Key> keys = {};
};
Result<Opened> OpenToChange(const fs::path& file) {
  fs::path lock_path = file;
  lock_path += ".lock";
  UPNEXT_ASSIGN_OR_RETURN(base::LockFile lock, base::LockFile::Acquire(lock_path));
  Opened opened{.lock = std::move(lock)};
  UPNEXT_RETURN_IF_ERROR(base::RemoveHalfWritten(file));
  Result<std::vector<Key>> keys = ReadKeys(file);
  if (!keys && keys.error().code != Code::kNotFound) return std::unexpected(keys.error());
  if (keys) opened.keys = *std::move(keys);
  return opened;
}

}  // namespace

std::string_view RoleName(Role role) { return kRoleNames[static_cast<size_t>(role)]; }

Result<std::vector<Role>> ParseRoles(std::string_view text) {
  std::vector<Role> roles;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    const auto found = std::ranges::find(kRoleNames, one);
    if (found == kRoleNames.end()) {
      return InvalidArgument("roles: expected some of {}, separated by commas, found '{}'",
                             fmt::join(kRoleNames, ", "), one);
    }
    const auto role = static_cast<Role>(found - kRoleNames.begin());
    if (std::ranges::find(roles, role) == roles.end()) roles.push_back(role);
  }
  if (roles.size() > 1 && std::ranges::find(roles, Role::kPage) != roles.end()) {
    return InvalidArgument("roles: expected page alone, since anybody can read the key of a page");
  }
  return roles;
}

bool Allows(const Key& key, const RouteInfo& line) {
  if (line.access == Access::kOpen || HasRole(key, Role::kAdmin)) return true;
  if (line.for_pages && HasRole(key, Role::kPage)) return true;
  switch (line.access) {
    case Access::kRecommend:
      // Who changes items may read one.
      return HasRole(key, Role::kRecommend) ||
             (line.route == Route::kItem && HasRole(key, Role::kItems));
    case Access::kEvents:
      return HasRole(key, Role::kEvents);
    case Access::kItems:
      return HasRole(key, Role::kItems);
    case Access::kMonitor:
      return HasRole(key, Role::kMonitor);
    default:
      return false;
  }
}

bool IsPublic(const Key& key) { return HasRole(key, Role::kPage); }

Result<std::vector<Key>> ParseKeys(std::string_view text) {
  const json all = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!all.is_object() || all.value("format", json(0)) != json(1) || !all.contains("keys") ||
      !all["keys"].is_array()) {
    return DataLoss("expected JSON with \"format\": 1 and a list \"keys\"");
  }
  std::vector<Key> keys;
  for (const json& one : all["keys"]) {
    Result<Key> key = KeyOf(one);
    if (!key) return WithContext(std::move(key).error(), fmt::format("key {}", keys.size() + 1));
    keys.push_back(*std::move(key));
  }
  return keys;
}

Result<std::vector<Key>> ReadKeys(const fs::path& file) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file));
  Result<std::vector<Key>> keys = ParseKeys(text);
  if (!keys) return WithContext(std::move(keys).error(), file.string());
  return keys;
}

Result<NewKey> AddKey(const fs::path& file, Key like) {
  if (like.roles.empty()) return InvalidArgument("a key: expected at least one role, found none");
  if (like.name.size() > kMaxNameBytes) {
    return InvalidArgument("the name of a key: expected at most {} bytes, found {}", kMaxNameBytes,
                           like.name.size());
  }
  UPNEXT_ASSIGN_OR_RETURN(Opened opened, OpenToChange(file));
  std::array<unsigned char, kSecretBytes + kIdDigits / 2> random{};
  do {
    if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
      return Internal("the system gave no random bytes for a key");
    }
    like.id = HexOf(std::span(random).last(kIdDigits / 2));
  } while (std::ranges::find(opened.keys, like.id, &Key::id) != opened.keys.end());
  NewKey made{.key = std::move(like), .secret = ""};
  made.secret =
      fmt::format("{}{}_{}", kPrefix, made.key.id, HexOf(std::span(random).first(kSecretBytes)));
  made.key.sha256 = Sha256(made.secret);
  opened.keys.push_back(made.key);
  UPNEXT_RETURN_IF_ERROR(WriteKeys(file, opened.keys));
  return made;
}

Status RevokeKey(const fs::path& file, std::string_view id) {
  UPNEXT_ASSIGN_OR_RETURN(Opened opened, OpenToChange(file));
  if (std::erase_if(opened.keys, [&](const Key& key) { return key.id == id; }) == 0) {
    return NotFound("{}: no key has the id '{}'", file.string(), id);
  }
  return WriteKeys(file, opened.keys);
}

Result<std::unique_ptr<KeyRing>> KeyRing::Open(const fs::path& file, const base::Clock& clock) {
  UPNEXT_ASSIGN_OR_RETURN(std::vector<Key> read, ReadKeys(file));
  Keys keys;
  for (Key& key : read) keys.push_back(std::make_shared<const Key>(std::move(key)));
  return std::unique_ptr<KeyRing>(new KeyRing(file, clock, std::move(keys)));
}

KeyRing::KeyRing(fs::path file, const base::Clock& clock, Keys keys)
    : file_(std::move(file)), clock_(clock), keys_(std::move(keys)) {}

void KeyRing::Look(int64_t now_ms) {
  // A clock that is set back must not stop the looking.
  if (now_ms >= looked_ms_ && now_ms - looked_ms_ < kKeysEveryMs) return;
  looked_ms_ = now_ms;
  std::error_code error;
  const auto changed = fs::last_write_time(file_, error);
  if (error || changed_ == changed) return;
  Result<std::vector<Key>> read = ReadKeys(file_);
  if (!read) return;
  changed_ = changed;
  keys_.clear();
  for (Key& key : *read) keys_.push_back(std::make_shared<const Key>(std::move(key)));
}

std::shared_ptr<const Key> KeyRing::Find(std::string_view secret) {
  const std::string_view id = KeyIdOf(secret);
  if (id.empty()) return nullptr;
  const int64_t now_ms = clock_.NowMs();
  std::shared_ptr<const Key> key;
  {
    base::MutexLock lock(mutex_);
    Look(now_ms);
    const auto found =
        std::ranges::find(keys_, id, [](const auto& one) { return std::string_view(one->id); });
    if (found != keys_.end()) key = *found;
  }
  if (key == nullptr || (key->expires_ms != 0 && now_ms >= key->expires_ms)) return nullptr;
  const std::string hash = Sha256(secret);
  // In constant time, although a hash tells nothing of the secret.
  return CRYPTO_memcmp(hash.data(), key->sha256.data(), hash.size()) == 0 ? key : nullptr;
}

std::string_view SecretOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return "";
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != kScheme[i]) return "";
  }
  authorization.remove_prefix(kScheme.size());
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' '), authorization.size()));
  return authorization;
}

}  // namespace upnext::net
