// Who may call what: keys with roles. A key is random and shown once, when it is made; the file keeps its SHA-256, which
// suffices for 256 random bits. docs/formats/keys.md has the file.
//
//   UPNEXT_ASSIGN_OR_RETURN(const NewKey made, AddKey(path, {.name = "backend", .roles = {Role::kRecommend}}));
//   made.secret                            "upn_3fa91c07_Wm0..."
//   KeyRing ring(path);
//   const auto key = ring.Find(secret);    null: unknown, expired or revoked
//   if (!Allows(*key, route)) ...
//
// KeyRing: any number of threads. AddKey and RevokeKey: any process; the file is replaced whole.
#ifndef UPNEXT_NET_KEYS_H_
#define UPNEXT_NET_KEYS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "net/routes.h"

namespace upnext::net {

// kPage is for web pages, where anybody can read it: feeds without their explanation, similar items and
// events. kAdmin is everything.
enum class Role : uint8_t { kPage, kRecommend, kEvents, kItems, kMonitor, kAdmin };
std::string_view RoleName(Role role);  // "recommend"
// "recommend,events"; kInvalidArgument names what is none and lists all.
Result<std::vector<Role>> ParseRoles(std::string_view text);

struct Key {
  std::string id = {};    // 8 hexadecimal digits, for people and logs
  std::string name = {};  // what uses it
  std::vector<Role> roles = {};
  uint32_t requests_per_second = 0;        // at most; 0: the server's limit
  int64_t created_ms = 0, expires_ms = 0;  // 0: never
  std::string sha256 = {};                 // of the secret, 64 hexadecimal digits
};
bool Allows(const Key& key, const RouteInfo& line);
// Whether the key is one that anybody may hold.
bool IsPublic(const Key& key);

struct NewKey {
  Key key;
  std::string secret;
};
// `like` without id and hash; its created_ms is the time. The file is made if there is none, readable by its owner alone.
Result<NewKey> AddKey(const std::filesystem::path& file, Key like);
// kNotFound when no key has this id.
Status RevokeKey(const std::filesystem::path& file, std::string_view id);
// kNotFound for no file, kDataLoss with place and reason for one that is not as AddKey writes it.
Result<std::vector<Key>> ReadKeys(const std::filesystem::path& file);
Result<std::vector<Key>> ParseKeys(std::string_view json);

// The keys of a file, read again when it changes.
class KeyRing {
 public:
  // Fails as ReadKeys.
  static Result<std::unique_ptr<KeyRing>> Open(const std::filesystem::path& file,
                                               const base::Clock& clock);
  // Null: unknown, expired, revoked. Costs one hash. A file that cannot be read any more changes nothing.
  std::shared_ptr<const Key> Find(std::string_view secret);

 private:
  using Keys = std::vector<std::shared_ptr<const Key>>;
  KeyRing(std::filesystem::path file, const base::Clock& clock, Keys keys);
  void Look(int64_t now_ms) UPNEXT_REQUIRES(mutex_);

  const std::filesystem::path file_;
  const base::Clock& clock_;
  base::Mutex mutex_;
  Keys keys_ UPNEXT_GUARDED_BY(mutex_);
  int64_t looked_ms_ UPNEXT_GUARDED_BY(mutex_) = 0;
  std::optional<std::filesystem::file_time_type> changed_ UPNEXT_GUARDED_BY(mutex_);
};

// The key of a request: of "Authorization: Bearer KEY"; "" when it has none.
std::string_view SecretOf(std::string_view authorization);

}  // namespace upnext::net

#endif  // UPNEXT_NET_KEYS_H_
