// Keys and values of the RocksDB store (docs/formats/store.md), by their first byte:
//   d USER ID          an event id that was seen      e USER SEQUENCE      an event
//   m/format m/sequence m/store                       n LOG SPACE NAME     the id of a name
//   s TAG USER         a saved state                  f FINGERPRINT        when a user was deleted
//   g USER USER2       USER2 was merged into USER     g USER 0 SEQUENCE   a user who was deleted was
//   x LOG SPACE ID     an id whose name was deleted
//   i NAME             an item that was posted        u NAME               a user
//   h i NAME 0 SEQUENCE, h u NAME 0 SEQUENCE           what it was before the change of that number
//   r FINGERPRINT SEQUENCE  a slate of a user         q REQUEST            where the slate of a request is
//   t SEQUENCE         the request of a slate
// USER within a longer key is written as its length and its bytes, so that no user is a prefix of
// another. Numbers are big-endian, so that the order of keys is the order of numbers.
#ifndef UPNEXT_STORE_ROCKS_KEYS_H_
#define UPNEXT_STORE_ROCKS_KEYS_H_

#include <fmt/format.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::store {

inline constexpr uint64_t kStoreFormat = 7;
// One that a server brings to the newest format when it opens the store, and others can read as it is.
inline constexpr uint64_t kEarlierFormat = 6;
inline bool IsReadable(uint64_t format) {
  return format == kStoreFormat || format == kEarlierFormat;
}
// The error of a store of another format; 0: it has none.
inline std::unexpected<Error> OtherFormat(const std::filesystem::path& directory, uint64_t found) {
  return FailedPrecondition(
      "{}: expected a store of format {}, found {}; move the folder away, so that a new one is "
      "made: states are folded from the log again, but posted events that the log does not have "
      "are missing until they are posted again, or come as files with `upnext import`",
      directory.string(), kStoreFormat, found == 0 ? "an older one" : fmt::format("{}", found));
}
inline constexpr char kFormatKey[] = "m/format", kSequenceKey[] = "m/sequence";
inline constexpr char kStoreKey[] = "m/store";  // the store's id

inline std::string BigEndian(uint64_t value, int bytes = 8) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
  return out;
}

// The number at the start of `bytes`, nullopt when there are fewer.
inline std::optional<uint64_t> TakeBigEndian(std::string_view bytes, size_t size = 8) {
  if (bytes.size() < size) return std::nullopt;
  uint64_t value = 0;
  for (const char c : bytes.substr(0, size)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// kind 'd', 'e' or 'g'
inline std::string UserPrefix(char kind, std::string_view user) {
  return (kind + BigEndian(user.size(), 4)).append(user);
}
// After every key that begins with the prefix: what follows it is shorter than this.
inline std::string PrefixEnd(std::string prefix) { return prefix.append(1024, '\xff'); }
// kind 'n' with a log's digest, 's' with a state's tag, 'f' with a user's fingerprint
inline std::string TagPrefix(char kind, uint64_t tag) { return kind + BigEndian(tag); }

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_KEYS_H_
