// Writes states to the store in the background, so that whoever made one does not wait for a disk.
//
//   StateSaver saver(store, tag);
//   if (saver.Save("user-7", state, through)) ...       it will be written, unless the disk fails
//
// Any number of threads. The state does not change while it is shared. Ends after it has written
// what it took; the store outlives it.
#ifndef UPNEXT_STORE_STATE_SAVER_H_
#define UPNEXT_STORE_STATE_SAVER_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "features/user_state.h"
#include "store/store.h"

namespace upnext::store {

class StateSaver {
 public:
  StateSaver(Store& store, uint64_t tag);

  // False when too many wait already: a state that is not saved is folded again when it is needed.
  bool Save(std::string_view user, std::shared_ptr<const features::UserState> state,
            uint64_t through);

 private:
  static constexpr size_t kMostWaiting = 32;
  struct Waiting {
    std::string user;
    std::shared_ptr<const features::UserState> state;
    uint64_t through;
  };
  void Run(const std::stop_token& stop);

  Store& store_;
  const uint64_t tag_;
  base::Mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Waiting> waiting_ UPNEXT_GUARDED_BY(mutex_);
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_STATE_SAVER_H_
