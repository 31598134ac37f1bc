#include "store/user_history.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/checksum.h"
#include "catalogue/request_attributes.h"
#include "log/duplicates.h"
#include "log/event_log.h"

namespace upnext::store {

using catalogue::Catalogue;
using schema::IdSpace;
using schema::RawEvent;

namespace {

// The other way, of a row of the log; it has no texts of request and event ids.
RawEvent RowAsPosted(const Catalogue& catalogue, uint64_t row, std::string user) {
  const schema::Event event = catalogue.log().event(row);
  const auto name = [&](IdSpace space, uint32_t id) { return catalogue.Name(space, id); };
  RawEvent raw{.user = std::move(user),
               .item = name(IdSpace::kItem, event.item),
               .time_ms = event.time_ms,
               .type = event.type,
               .value = event.value,
               .query = name(IdSpace::kQuery, event.query),
               .source = name(IdSpace::kSource, event.source),
               .device = name(IdSpace::kDevice, event.device),
               .region = name(IdSpace::kRegion, event.region),
               .current_item = name(IdSpace::kItem, event.current_item),
               .position = event.position,
               .propensity = event.propensity,
               .source_score = event.source_score,
               .off_site = event.off_site,
               .posted = event.posted};
  std::vector<schema::AttributeValue> values;
  catalogue.log().RequestAttributes(row, &values);
  raw.attributes = catalogue::RawRequestAttributes(catalogue, values);
  return raw;
}

}  // namespace

schema::Event Resolve(const RawEvent& raw, const Catalogue& catalogue) {
  const auto id = [&](IdSpace space, const std::string& name) {
    return name.empty() ? schema::kNone : catalogue.Find(space, name);
  };
  return {.time_ms = raw.time_ms,
          .type = raw.type,
          .item = id(IdSpace::kItem, raw.item),
          .value = raw.value,
          .query = id(IdSpace::kQuery, raw.query),
          .request = raw.request.empty() ? 0 : base::Fingerprint(raw.request),
          .position = raw.position,
          .source = id(IdSpace::kSource, raw.source),
          .source_score = raw.source_score,
          .propensity = raw.propensity,
          .device = id(IdSpace::kDevice, raw.device),
          .region = id(IdSpace::kRegion, raw.region),
          .current_item = id(IdSpace::kItem, raw.current_item),
          .off_site = raw.off_site,
          .posted = true,
          .id = raw.id.empty() ? 0 : base::Fingerprint(raw.id)};
}

Result<std::vector<RawEvent>> HistoryOf(const Catalogue& catalogue, const Store* store,
                                        std::string_view user) {
  const log::EventLog& log = catalogue.log();
  const bool is_ours = store != nullptr && log.posted().store == store->id();
  const log::PostedMark mark = is_ours ? log.posted() : log::PostedMark{};
  uint64_t forgotten = 0;
  std::unordered_map<uint64_t, std::string> requests;
  std::vector<RawEvent> history, posted;
  if (store != nullptr) {
    UPNEXT_RETURN_IF_ERROR(
        store->EventsOf(user, 0, [&](uint64_t sequence, const RawEvent& event) -> Status {
          if (!event.request.empty()) {
            requests.emplace(base::Fingerprint(event.request), event.request);
          }
          if (sequence > mark.through) posted.push_back(event);
          return Ok();
        }));
    UPNEXT_RETURN_IF_ERROR(store->OpenWatchesOf(user, [&](const RawEvent& event) -> Status {
      posted.push_back(event);
      return Ok();
    }));
    UPNEXT_ASSIGN_OR_RETURN(forgotten, store->ForgottenAt(user));
  }
  const uint32_t id = log.dictionary(IdSpace::kUser).Find(user);
  const bool is_in_log = id != schema::kNone && forgotten <= mark.forgotten;
  for (uint64_t row = is_in_log ? log.begin(id) : 0; is_in_log && row < log.end(id); ++row) {
    history.push_back(RowAsPosted(catalogue, row, std::string(user)));
    const auto request = requests.find(log.event(row).request);
    if (request != requests.end()) history.back().request = request->second;
  }
  log::DuplicateFilter in_log(&log, log.same_event_ms(), /*posted=*/true);
  for (RawEvent& event : posted) {
    const bool is_there =
        is_in_log && in_log.Has(id, Resolve(event, catalogue),
                                catalogue::RequestAttributes(catalogue, event.attributes));
    if (!is_there) history.push_back(std::move(event));
  }
  std::ranges::stable_sort(history, {}, &RawEvent::time_ms);
  return history;
}

}  // namespace upnext::store
