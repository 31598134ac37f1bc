#include "store/state_saver.h"

#include <utility>

namespace upnext::store {

StateSaver::StateSaver(Store& store, uint64_t tag)
    : store_(store), tag_(tag), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

bool StateSaver::Save(std::string_view user, std::shared_ptr<const features::UserState> state,
                      uint64_t through) {
  base::MutexLock lock(mutex_);
  if (waiting_.size() >= kMostWaiting) return false;
  waiting_.push_back({std::string(user), std::move(state), through});
  changed_.notify_one();
  return true;
}

void StateSaver::Run(const std::stop_token& stop) {
  for (;;) {
    std::vector<Waiting> taken;
    {
      base::MutexLock lock(mutex_);
      const auto some_wait = [this]() UPNEXT_REQUIRES(mutex_) { return !waiting_.empty(); };
      changed_.wait(mutex_, stop, some_wait);
      taken.swap(waiting_);
    }
    if (taken.empty()) return;  // stopped
    WriteBatch batch;
    for (Waiting& one : taken) {
      batch.states.push_back(
          {.tag = tag_, .user = one.user, .state = {one.through, one.state->Serialize()}});
      one.state.reset();  // from here on it can be folded in place again
    }
    (void)store_.Commit(batch);
  }
}

}  // namespace upnext::store
