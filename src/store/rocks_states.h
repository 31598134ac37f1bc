// Where a RocksDB store has the saved states of a user.
#ifndef UPNEXT_STORE_ROCKS_STATES_H_
#define UPNEXT_STORE_ROCKS_STATES_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"

namespace upnext::store {

// The keys of the user's saved states, whatever they depend on.
inline Result<std::vector<std::string>> StateKeysOf(const RocksDb& db, std::string_view user) {
  std::vector<std::string> keys;
  for (std::string from = "s";;) {
    UPNEXT_ASSIGN_OR_RETURN(const std::optional<std::string> found, db.FirstKey("s", from));
    if (!found) return keys;
    const auto tag = TakeBigEndian(std::string_view(*found).substr(1));
    if (!tag) return DataLoss("store: a saved state has no tag");
    keys.push_back(TagPrefix('s', *tag).append(user));
    if (*tag == std::numeric_limits<uint64_t>::max()) return keys;
    from = TagPrefix('s', *tag + 1);
  }
}

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_STATES_H_
