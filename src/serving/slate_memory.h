// What was served a short time ago: for the next page of a list, which repeats nothing, and for rotation,
// which lowers what a user has just been shown.
//
//   SlateMemory memory(64 << 20);
//   memory.Remember({.request = slate.request, .user = "u", .items = names, .time_ms = now});
//   const auto before = memory.Pages("a5b1c0e2d4f60718", "u", now);     null: not known, or too old
//   for (const ShownItem& one : memory.ShownTo("u", now)) ...
//
// Any number of threads. Bounded by bytes: the oldest are forgotten first. Kept in memory alone: after a restart next
// pages begin anew.
#ifndef UPNEXT_SERVING_SLATE_MEMORY_H_
#define UPNEXT_SERVING_SLATE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"

namespace upnext::serving {

struct ServedSlate {
  std::string request, user;
  std::string after = {};  // the request of the page before, "" on the first one
  std::vector<std::string> items = {};
  int64_t time_ms = 0;
};
struct ShownItem {
  std::string item;
  int64_t time_ms;
};

class SlateMemory {
 public:
  static constexpr int64_t kPageMs = 30 * 60 * 1000;  // how long a next page can be asked for
  static constexpr int64_t kShownMs =
      7 * 24 * 3600 * 1000L;                   // how long rotation knows what was shown
  static constexpr size_t kSlatesOfUser = 20;  // of which ShownTo tells

  explicit SlateMemory(size_t most_bytes) : most_bytes_(most_bytes) {}
  void Remember(ServedSlate slate);
  // The items of this request and of the pages before it. Null when they are not known any more, or are another
  // user's.
  std::optional<std::vector<std::string>> Pages(std::string_view request, std::string_view user,
                                                int64_t now_ms) const;
  // The newest slates first; an item may come several times.
  std::vector<ShownItem> ShownTo(std::string_view user, int64_t now_ms) const;
  void Forget(std::string_view user);
  // What one user was served was served to another from now on.
  void Move(std::string_view from, std::string_view to);
  void ForgetRequest(std::string_view request);
  bool Has(std::string_view request) const;
  size_t bytes() const;

 private:
  using Slates = std::list<ServedSlate>;  // oldest first
  static size_t BytesOf(const ServedSlate& slate);
  void Drop(Slates::iterator slate) UPNEXT_REQUIRES(mutex_);

  const size_t most_bytes_;
  mutable base::Mutex mutex_;
  Slates slates_ UPNEXT_GUARDED_BY(mutex_);
  // Views into slates_.
  std::unordered_map<std::string_view, Slates::iterator> by_request_ UPNEXT_GUARDED_BY(mutex_);
  std::unordered_multimap<std::string_view, Slates::iterator> by_user_ UPNEXT_GUARDED_BY(mutex_);
  size_t bytes_ UPNEXT_GUARDED_BY(mutex_) = 0;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SLATE_MEMORY_H_
