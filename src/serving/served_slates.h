// What was served to whom: the newest in memory (slate_memory.h), all in the log of slates (slate_log.h), so that next
// pages and rotation know it after a restart too.
//
//   ServedSlates served(store, clock, memory_bytes, log_options);
//   const auto before = served.Pages(schema, "a5b1c0e2d4f60718", "u", now);    null: not known, or too old
//   served.Keep(catalogue, record, since);
//
// Any number of threads.
#ifndef UPNEXT_SERVING_SERVED_SLATES_H_
#define UPNEXT_SERVING_SERVED_SLATES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/attribution.h"
#include "serving/slate_log.h"
#include "serving/slate_memory.h"
#include "store/store.h"

namespace upnext::serving {

class ServedSlates {
 public:
  ServedSlates(std::shared_ptr<store::Store> store, const base::Clock& clock, size_t memory_bytes,
               const SlateLogOptions& log);
  // As that of SlateLog. Nothing is remembered of a user who was deleted after `since`.
  void Keep(const catalogue::Catalogue& catalogue, const SlateRecord& record, uint64_t since);
  // As those of SlateMemory.
  Result<std::optional<std::vector<std::string>>> Pages(const schema::Schema& schema,
                                                        std::string_view request,
                                                        std::string_view user,
                                                        int64_t now_ms) const;
  Result<std::vector<ShownItem>> ShownTo(const schema::Schema& schema, std::string_view user,
                                         int64_t now_ms) const;
  // After the store has deleted the user: what is kept from then on of before is left out.
  void Forget(std::string_view user) { memory_.Forget(user); }
  size_t memory_bytes() const { return memory_.bytes(); }
  // After the store has made what one user was served another's.
  void Move(std::string_view from, std::string_view to) { memory_.Move(from, to); }
  // Clicks and watches that name an answer count for it. Those at these places of the batch.
  void CountEvents(const schema::Schema& schema, std::span<const schema::RawEvent> events,
                   std::span<const size_t> places);
  std::vector<Attributed> attribution() const { return attribution_.rows(); }
  // Takes out of a batch of events, and of their ids, the impressions of answers whose impressions the server has
  // written itself. Returns how many.
  Result<uint64_t> TakeOutLogged(const schema::Schema& schema,
                                 std::vector<schema::RawEvent>* events,
                                 std::vector<std::string>* ids);
  SlateLog& log() { return log_; }
  const SlateLog& log() const { return log_; }

 private:
  // Waits for one that is on its way to the log.
  Result<std::optional<SlateRecord>> Find(const schema::Schema& schema, const std::string& request);
  const std::shared_ptr<store::Store> store_;
  const int64_t started_ms_;
  SlateMemory memory_;
  SlateLog log_;
  Attribution attribution_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SERVED_SLATES_H_
