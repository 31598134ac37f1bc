#include "serving/served_slates.h"

#include <set>
#include <unordered_map>
#include <utility>

namespace upnext::serving {

ServedSlates::ServedSlates(std::shared_ptr<store::Store> store, const base::Clock& clock,
                           size_t memory_bytes, const SlateLogOptions& log)
    : store_(std::move(store)),
      started_ms_(clock.NowMs()),
      memory_(memory_bytes),
      log_(store_, clock, log) {}

void ServedSlates::Keep(const catalogue::Catalogue& catalogue, const SlateRecord& record,
                        uint64_t since) {
  log_.Keep(catalogue, record, since);
  attribution_.CountServed(record.request.scenario, record.items);
  ServedSlate served{.request = record.id,
                     .user = record.request.user,
                     .after = record.after,
                     .time_ms = record.request.time_ms};
  for (const Recommendation& one : record.items) served.items.push_back(one.id);
  memory_.Remember(std::move(served));
  // Asked afterwards: a deletion that is not seen here forgets what is remembered by now.
  const auto deleted = store_->ForgottenAt(record.request.user);
  if (!deleted || *deleted > since) memory_.ForgetRequest(record.id);
}

Result<std::optional<std::vector<std::string>>> ServedSlates::Pages(const schema::Schema& schema,
                                                                    std::string_view request,
                                                                    std::string_view user,
                                                                    int64_t now_ms) const {
  using Items = std::optional<std::vector<std::string>>;
  if (Items known = memory_.Pages(request, user, now_ms)) return known;
  std::vector<std::string> items;
  for (std::string id(request); !id.empty();) {
    UPNEXT_ASSIGN_OR_RETURN(const auto record, log_.Find(schema, id));
    if (!record || record->request.user != user ||
        now_ms - record->request.time_ms > SlateMemory::kPageMs) {
      return Items();
    }
    for (const Recommendation& one : record->items) items.push_back(one.id);
    id = record->after;
  }
  return Items(std::move(items));
}

Result<std::vector<ShownItem>> ServedSlates::ShownTo(const schema::Schema& schema,
                                                     std::string_view user, int64_t now_ms) const {
  std::vector<ShownItem> shown = memory_.ShownTo(user, now_ms);
  std::set<int64_t> slates;
  for (const ShownItem& one : shown) slates.insert(one.time_ms);
  if (slates.size() >= SlateMemory::kSlatesOfUser || now_ms - started_ms_ > SlateMemory::kShownMs) {
    return shown;
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto older,
                          log_.NewestOf(schema, user, SlateMemory::kSlatesOfUser));
  for (const SlateRecord& record : older) {
    const int64_t time_ms = record.request.time_ms;
    if (time_ms >= started_ms_) continue;  // in memory
    if (slates.size() == SlateMemory::kSlatesOfUser || now_ms - time_ms > SlateMemory::kShownMs) {
      break;
    }
    slates.insert(time_ms);
    for (const Recommendation& one : record.items) shown.push_back({one.id, time_ms});
  }
  return shown;
}

Result<std::optional<SlateRecord>> ServedSlates::Find(const schema::Schema& schema,
                                                      const std::string& request) {
  UPNEXT_ASSIGN_OR_RETURN(auto found, log_.Find(schema, request));
  if (found || !log_.on() || !memory_.Has(request)) return found;
  log_.Flush();
  return log_.Find(schema, request);
}

void ServedSlates::CountEvents(const schema::Schema& schema,
                               std::span<const schema::RawEvent> events,
                               std::span<const size_t> places) {
  std::unordered_map<std::string, std::optional<SlateRecord>> slates;
  for (const size_t place : places) {
    const schema::RawEvent& event = events[place];
    if (!Attribution::Counts(event)) continue;
    auto [known, is_new] = slates.try_emplace(event.request);
    if (is_new) {
      // One that cannot be read is not counted.
      if (auto found = Find(schema, event.request)) known->second = *std::move(found);
    }
    if (known->second) attribution_.CountEvent(event, *known->second);
  }
}

Result<uint64_t> ServedSlates::TakeOutLogged(const schema::Schema& schema,
                                             std::vector<schema::RawEvent>* events,
                                             std::vector<std::string>* ids) {
  if (!log_.logs_impressions()) return uint64_t{0};
  std::unordered_map<std::string, std::optional<SlateRecord>> slates;
  const auto is_logged = [&](const schema::RawEvent& event) -> Result<bool> {
    if (event.type != schema::EventType::kImpression || event.request.empty()) return false;
    auto [known, is_new] = slates.try_emplace(event.request);
    if (is_new) {
      UPNEXT_ASSIGN_OR_RETURN(known->second, Find(schema, event.request));
    }
    if (!known->second || known->second->request.user != event.user) return false;
    for (const Recommendation& one : known->second->items) {
      if (one.id == event.item) return true;
    }
    return false;
  };
  size_t kept = 0;
  for (size_t i = 0; i < events->size(); ++i) {
    UPNEXT_ASSIGN_OR_RETURN(const bool logged, is_logged((*events)[i]));
    if (logged) continue;
    if (kept != i) {
      (*events)[kept] = std::move((*events)[i]);
      if (!ids->empty()) (*ids)[kept] = std::move((*ids)[i]);
    }
    ++kept;
  }
  const uint64_t taken = events->size() - kept;
  events->resize(kept);
  if (!ids->empty()) ids->resize(kept);
  return taken;
}

}  // namespace upnext::serving
