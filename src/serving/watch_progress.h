// Watches that go on: events with `progress` say how far one is, and the last of an id counts, as one watch.
//
//   UPNEXT_RETURN_IF_ERROR(ResolveProgress(catalogue, ids, events));     seconds of portions
//   WatchCloser closer(store, clock, [&](std::span<const schema::RawEvent> closed) { ... });
//
// A watch of which nothing was said for kRestMs is closed: it is an event like any other then, which an import moves into
// the log, and more progress of its id is a duplicate. The closer has a thread of its own; what it calls and the store
// outlive it.
#ifndef UPNEXT_SERVING_WATCH_PROGRESS_H_
#define UPNEXT_SERVING_WATCH_PROGRESS_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::serving {

// Checks events with progress, and gives those with a portion their seconds. kInvalidArgument for one without an id, of
// another type than watch, and for a portion of an item without a known duration.
Status ResolveProgress(const catalogue::Catalogue& catalogue, std::span<const std::string> ids,
                       std::span<schema::RawEvent> events);

class WatchCloser {
 public:
  static constexpr int64_t kRestMs = 30 * 60 * 1000;
  static constexpr auto kEvery = std::chrono::minutes(1);
  using OnClosed = std::function<void(std::span<const schema::RawEvent>)>;

  WatchCloser(store::Store& store, const base::Clock& clock, OnClosed on_closed);
  void CloseNow();  // those that have rested

 private:
  void Run(const std::stop_token& stop);

  store::Store& store_;
  const base::Clock& clock_;
  const OnClosed on_closed_;
  base::Mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_WATCH_PROGRESS_H_
