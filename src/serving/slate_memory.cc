#include "serving/slate_memory.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace upnext::serving {

size_t SlateMemory::BytesOf(const ServedSlate& slate) {
  constexpr size_t kIndexed = 200;  // nodes of the list and of both maps
  size_t bytes = sizeof(ServedSlate) + kIndexed + slate.request.capacity() + slate.user.capacity();
  for (const std::string& item : slate.items) bytes += sizeof(std::string) + item.capacity();
  return bytes;
}

void SlateMemory::Drop(Slates::iterator slate) {
  bytes_ -= BytesOf(*slate);
  by_request_.erase(slate->request);
  const auto [begin, end] = by_user_.equal_range(slate->user);
  by_user_.erase(std::find_if(begin, end, [&](const auto& one) { return one.second == slate; }));
  slates_.erase(slate);
}

void SlateMemory::Remember(ServedSlate slate) {
  const size_t bytes = BytesOf(slate);
  base::MutexLock lock(mutex_);
  if (bytes > most_bytes_ || by_request_.contains(slate.request)) return;
  while (bytes_ + bytes > most_bytes_) Drop(slates_.begin());
  slates_.push_back(std::move(slate));
  const auto kept = std::prev(slates_.end());
  by_request_.emplace(kept->request, kept);
  by_user_.emplace(kept->user, kept);
  bytes_ += bytes;
}

std::optional<std::vector<std::string>> SlateMemory::Pages(std::string_view request,
                                                           std::string_view user,
                                                           int64_t now_ms) const {
  base::MutexLock lock(mutex_);
  std::vector<std::string> items;
  while (!request.empty()) {
    const auto found = by_request_.find(request);
    if (found == by_request_.end()) return std::nullopt;
    const ServedSlate& slate = *found->second;
    if (slate.user != user || now_ms - slate.time_ms > kPageMs) return std::nullopt;
    items.insert(items.end(), slate.items.begin(), slate.items.end());
    request = slate.after;
  }
  return items;
}

std::vector<ShownItem> SlateMemory::ShownTo(std::string_view user, int64_t now_ms) const {
  base::MutexLock lock(mutex_);
  std::vector<const ServedSlate*> slates;
  const auto [begin, end] = by_user_.equal_range(user);
  for (auto one = begin; one != end; ++one) {
    if (now_ms - one->second->time_ms <= kShownMs) slates.push_back(&*one->second);
  }
  std::ranges::stable_sort(slates, std::ranges::greater(), &ServedSlate::time_ms);
  if (slates.size() > kSlatesOfUser) slates.resize(kSlatesOfUser);
  std::vector<ShownItem> shown;
  for (const ServedSlate* slate : slates) {
    for (const std::string& item : slate->items) shown.push_back({item, slate->time_ms});
  }
  return shown;
}

void SlateMemory::Forget(std::string_view user) {
  base::MutexLock lock(mutex_);
  for (auto slate = slates_.begin(); slate != slates_.end();) {
    const auto next = std::next(slate);
    if (slate->user == user) Drop(slate);
    slate = next;
  }
}

void SlateMemory::Move(std::string_view from, std::string_view to) {
  base::MutexLock lock(mutex_);
  const auto [begin, end] = by_user_.equal_range(from);
  std::vector<Slates::iterator> moved;
  for (auto one = begin; one != end; ++one) moved.push_back(one->second);
  by_user_.erase(begin, end);
  for (const Slates::iterator slate : moved) {
    bytes_ -= BytesOf(*slate);
    slate->user = to;
    bytes_ += BytesOf(*slate);
    by_user_.emplace(slate->user, slate);
  }
  while (bytes_ > most_bytes_) Drop(slates_.begin());
}

void SlateMemory::ForgetRequest(std::string_view request) {
  base::MutexLock lock(mutex_);
  const auto found = by_request_.find(request);
  if (found != by_request_.end()) Drop(found->second);
}

bool SlateMemory::Has(std::string_view request) const {
  base::MutexLock lock(mutex_);
  return by_request_.contains(request);
}

size_t SlateMemory::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace upnext::serving
