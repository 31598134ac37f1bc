// The log of what was served, in the store: written behind the answers, without waiting for the disk. A crash of the
// machine may lose the last slates, one of the process those of the last moment, and neither an acknowledged event.
//
//   SlateLog log(store, clock, {.keep_days = 30, .impressions = true});
//   log.Keep(catalogue, record, since);
//   UPNEXT_ASSIGN_OR_RETURN(const std::optional<SlateRecord> record, log.Find(schema, request));
//
// Any number of threads. Has a thread of its own, which ends after it has written what it took.
#ifndef UPNEXT_SERVING_SLATE_LOG_H_
#define UPNEXT_SERVING_SLATE_LOG_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/mutex.h"
#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/slate_record.h"
#include "store/store.h"

namespace upnext::serving {

// [serving]
struct SlateLogOptions {
  int64_t keep_days = 30;        // 0: nothing is logged
  bool impressions = false;      // write the impressions too, as events
  size_t most_bytes = 32 << 20;  // that wait to be written
  static SlateLogOptions FromConfig(const base::Config& config);
};

struct SlateLogCounts {
  uint64_t written = 0, bytes = 0;  // since the start
  uint64_t lost = 0;                // too many waited, or the store could not be written
};

class SlateLog {
 public:
  SlateLog(std::shared_ptr<store::Store> store, const base::Clock& clock,
           const SlateLogOptions& options);
  bool on() const { return options_.keep_days > 0; }
  bool logs_impressions() const { return on() && options_.impressions; }

  // `since`: the number of the newest change of the store when the answer was begun. It is not written if its user is
  // deleted after that. Names that the catalogue does not have are left out of the impressions, since anybody may ask for
  // a feed with new ones.
  void Keep(const catalogue::Catalogue& catalogue, const SlateRecord& record, uint64_t since);
  // What was kept before is in the store, or lost, when it returns.
  void Flush();

  // The answer with this id; null when there is none, or not any more.
  Result<std::optional<SlateRecord>> Find(const schema::Schema& schema, std::string_view id) const;
  // Those of a user, newest first, at most so many.
  Result<std::vector<SlateRecord>> NewestOf(const schema::Schema& schema, std::string_view user,
                                            size_t most) const;
  SlateLogCounts counts() const;

 private:
  struct Waiting {
    store::WriteBatch::NewSlate kept;
    std::vector<schema::RawEvent> impressions;
    size_t bytes;
  };
  void Run(const std::stop_token& stop);
  void Write(std::vector<Waiting> taken);
  void DropOld();

  const std::shared_ptr<store::Store> store_;
  const base::Clock& clock_;
  const SlateLogOptions options_;
  mutable base::Mutex mutex_;
  std::condition_variable_any changed_, written_;
  std::vector<Waiting> waiting_ UPNEXT_GUARDED_BY(mutex_);
  size_t bytes_waiting_ UPNEXT_GUARDED_BY(mutex_) = 0;
  // How many were kept, and the first how many of them are written or lost.
  uint64_t taken_ UPNEXT_GUARDED_BY(mutex_) = 0, done_ UPNEXT_GUARDED_BY(mutex_) = 0;
  SlateLogCounts counts_ UPNEXT_GUARDED_BY(mutex_);
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SLATE_LOG_H_
