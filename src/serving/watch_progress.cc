#include "serving/watch_progress.h"

#include <cmath>
#include <utility>
#include <vector>

#include "schema/event.h"

namespace upnext::serving {
namespace {

Status ResolveOne(const catalogue::Catalogue& catalogue, bool has_id, schema::RawEvent* event) {
  if (!event->progress) {
    if (std::isnan(event->portion)) return Ok();
    return InvalidArgument("portion: expected with \"progress\": true; give the seconds as value");
  }
  if (event->type != schema::EventType::kWatch) {
    return InvalidArgument("progress: expected of a watch, found it of another type");
  }
  if (!has_id) {
    return InvalidArgument("progress: expected an id, which all events of this watch have");
  }
  if (std::isnan(event->portion)) return Ok();
  if (event->portion > 1) {
    return InvalidArgument("portion: expected 0 to 1, found {}", event->portion);
  }
  const uint32_t item = catalogue.Find(schema::IdSpace::kItem, event->item);
  const float duration = item == schema::kNone ? schema::kAbsent : catalogue.item(item).duration_s;
  if (std::isnan(duration)) {
    return InvalidArgument("portion: the duration of item '{}' is not known; give seconds as value",
                           event->item);
  }
  event->value = event->portion * duration;
  return Ok();
}

}  // namespace

Status ResolveProgress(const catalogue::Catalogue& catalogue, std::span<const std::string> ids,
                       std::span<schema::RawEvent> events) {
  for (size_t i = 0; i < events.size(); ++i) {
    const bool has_id = i < ids.size() && !ids[i].empty();
    if (Status resolved = ResolveOne(catalogue, has_id, &events[i]); !resolved) {
      return WithContext(std::move(resolved).error(), fmt::format("events[{}]", i));
    }
  }
  return Ok();
}

WatchCloser::WatchCloser(store::Store& store, const base::Clock& clock, OnClosed on_closed)
    : store_(store),
      clock_(clock),
      on_closed_(std::move(on_closed)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void WatchCloser::CloseNow() {
  // Some at a time, so that others write in between. What cannot be written now is closed the next time.
  while (true) {
    const auto closed = store_.CloseWatches(clock_.NowMs() - kRestMs);
    if (!closed || closed->empty()) return;
    on_closed_(*closed);
  }
}

void WatchCloser::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    CloseNow();
    base::MutexLock lock(mutex_);
    changed_.wait_for(mutex_, stop, kEvery, [] { return false; });
  }
}

}  // namespace upnext::serving
