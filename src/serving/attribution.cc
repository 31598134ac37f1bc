#include "serving/attribution.h"

#include <algorithm>

#include "schema/event.h"

namespace upnext::serving {
namespace {

std::string FirstSourceOf(const Recommendation& item) {
  return item.sources.empty() ? std::string() : item.sources.front().source;
}

}  // namespace

Attributed& Attribution::Row(const std::string& scenario, const std::string& source) {
  auto key = std::pair(scenario, source);
  if (rows_.size() >= kMostRows && !rows_.contains(key)) key = {"other", "other"};
  Attributed& row = rows_[key];
  row.scenario = key.first;
  row.source = key.second;
  return row;
}

void Attribution::CountServed(const std::string& scenario, std::span<const Recommendation> items) {
  base::MutexLock lock(mutex_);
  for (const Recommendation& item : items) ++Row(scenario, FirstSourceOf(item)).served;
}

bool Attribution::Counts(const schema::RawEvent& event) {
  using schema::EventType;
  return !event.request.empty() &&
         !event.progress &&  // a watch that goes on counts when it is closed
         (event.type == EventType::kClick || event.type == EventType::kWatch);
}

void Attribution::CountEvent(const schema::RawEvent& event, const SlateRecord& record) {
  if (!Counts(event) || event.user != record.request.user) return;
  const auto item = std::ranges::find(record.items, event.item, &Recommendation::id);
  if (item == record.items.end()) return;
  base::MutexLock lock(mutex_);
  Attributed& row = Row(record.request.scenario, FirstSourceOf(*item));
  if (event.type == schema::EventType::kClick) {
    ++row.clicks;
  } else if (event.value > 0) {
    row.watch_seconds += static_cast<double>(event.value);
  }
}

std::vector<Attributed> Attribution::rows() const {
  base::MutexLock lock(mutex_);
  std::vector<Attributed> rows;
  for (const auto& [key, row] : rows_) rows.push_back(row);
  return rows;
}

}  // namespace upnext::serving
