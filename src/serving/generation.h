// One bundle and the log it is served with: what a request is answered from. A request takes the
// current generation once and uses it to the end, so every answer is made of one version of
// everything and names it; the server can change to a new generation at any time.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto generation, Generation::Make(std::move(opened), options, store));
//   UPNEXT_ASSIGN_OR_RETURN(Slate slate, generation->Recommend(request));
//
// Any number of threads. Immutable but for what grows with posted events: user states and the names
// added to the catalogue, and what is chosen most, which generations of one log share.
#ifndef UPNEXT_SERVING_GENERATION_H_
#define UPNEXT_SERVING_GENERATION_H_

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "bundle/bundle.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "features/live_counts.h"
#include "features/positive_rule.h"
#include "features/signal_options.h"
#include "features/user_state.h"
#include "retrieval/generator.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "serving/engine.h"
#include "serving/slate.h"
#include "serving/stage_clock.h"
#include "store/posted_records.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::serving {

struct GenerationOptions {
  EngineOptions engine;
  features::SignalOptions signals;     // of the project file, to check bundles that are opened
  schema::Schema schema = {};          // of the project file
  const base::Clock* clock = nullptr;  // of requests without a time; null: the system's
  // Of the time of a posted event: after the clock, and before the log's first event.
  int64_t max_ahead_ms = INT64_MAX, max_behind_ms = INT64_MAX;
  size_t slate_memory_bytes = 64 << 20;  // slate_memory.h
  size_t state_cache_bytes = store::UserStates::kCacheBytes;
  size_t records_bytes = store::PostedRecords::kMostBytes;
  // Names that posted events may add to those of the log, and that one client may add on a day.
  uint64_t max_new_names = store::UserStates::kMaxNames;
  uint64_t max_new_names_per_client = 200'000;
};

class Generation {
 public:
  // Catalogue and states are taken over from `previous` where that has the same log and keeps the
  // same. Events that `previous` counts from the beginning of this on are counted by the new one too.
  // kFailedPrecondition for a log of another schema than the options'.
  static Result<std::shared_ptr<const Generation>> Make(bundle::OpenedBundle opened,
                                                        const GenerationOptions& options,
                                                        std::shared_ptr<store::Store> store,
                                                        const Generation* previous = nullptr);
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // time_ms 0: now. `end`: when the time is over that the request shares with others.
  Result<Slate> Recommend(Request request,
                          std::optional<StageClock::TimePoint> end = std::nullopt) const;
  Result<std::vector<Recommendation>> Similar(SimilarRequest request) const;  // likewise

  // What is known of an item or a user (entity_attributes.h); kNotFound when the catalogue does not
  // have it.
  Result<schema::RawAttributes> Attributes(schema::Entity entity, std::string_view name) const;
  // At most `n` items or users, in the order of their ids, from the one after `after` on ("": from the
  // first): a name, or what was put into `next`, which also says where to go on when its name was forgotten since.
  // kInvalidArgument for anything else. `next`: "" after the last one; null: not needed.
  Result<std::vector<schema::RawEntity>> Rows(schema::Entity entity, std::string_view after,
                                              uint32_t n, std::string* next = nullptr) const;
  // Durable, and in answers to requests that begin later, when it returns (PostedRecords::Apply).
  Result<store::PostedRecords::Done> Change(schema::Entity entity,
                                            std::span<const store::EntityChange> changes,
                                            const store::PostedRecords::MayAdd& may_add) const;
  // After Store::Forget: the user's attributes are not used any more.
  void Forget(std::string_view user) const;
  // Takes what was changed in the generation before while this one was made. Before it is used, while
  // nothing is changed.
  Status CatchUp() const;

  // Answers requests of some users and drops the answers, so that the pages of the bundle, memory for
  // requests and states of users are there before the first person waits for them. Ends after
  // kWarmUsers, or when kWarmTime is over.
  void Warm() const;
  static constexpr uint32_t kWarmUsers = 64;
  static constexpr auto kWarmTime = std::chrono::seconds(2);

  // The same of an item of a slate, and of some attributes by their numbers.
  schema::RawAttributes Attributes(uint32_t item, std::span<const uint32_t> numbers) const;

  const std::string& bundle_version() const { return bundle_->manifest().version; }
  const std::string& log_version() const { return log_version_; }
  const bundle::Bundle& bundle() const { return *bundle_; }
  const catalogue::Catalogue& catalogue() const { return *growing_->catalogue; }
  const schema::Schema& schema() const { return catalogue().schema(); }
  const Engine& engine() const { return engine_; }
  store::UserStates& states() const { return *growing_->states; }
  // Of events that were posted and accepted; counted once if they are given again.
  void CountLive(std::span<const schema::RawEvent> events) const;

 private:
  // What grows with posted events. Generations of one log share it.
  struct Growing {
    std::shared_ptr<catalogue::Catalogue> catalogue;
    std::shared_ptr<store::UserStates> states;
    std::shared_ptr<store::PostedRecords> records;  // null without a store
    std::shared_ptr<features::LiveCounts> live;
    features::PositiveRule rule;  // of the states
    void Count(const schema::RawEvent& event) const;
  };
  // Items and users that were changed meanwhile.
  struct Missed {
    base::Mutex mutex;
    std::vector<std::pair<schema::Entity, std::string>> names UPNEXT_GUARDED_BY(mutex);
  };
  void Miss(schema::Entity entity, std::span<const std::string_view> names) const;
  Generation(std::unique_ptr<const bundle::Bundle> bundle, std::string log_version,
             const GenerationOptions& options, std::shared_ptr<store::Store> store,
             std::shared_ptr<const Growing> growing, std::shared_ptr<Missed> missed);
  std::vector<LiveProposal> LiveOf(const features::LiveLists& lists,
                                   std::span<const retrieval::Candidate> proposed) const;
  static Result<std::shared_ptr<const Growing>> Grow(bundle::OpenedBundle* opened,
                                                     const GenerationOptions& options,
                                                     store::Store* store,
                                                     const Generation* previous);

  // In the order in which they depend on each other: the last made is the first destroyed.
  const base::Clock& clock_;
  const std::string log_version_;
  const std::shared_ptr<store::Store> store_;
  const std::shared_ptr<const Growing> growing_;
  mutable base::Mutex next_mutex_;
  mutable std::weak_ptr<const Growing> next_ UPNEXT_GUARDED_BY(next_mutex_);
  mutable std::weak_ptr<Missed> missed_by_next_ UPNEXT_GUARDED_BY(next_mutex_);
  const std::shared_ptr<Missed> missed_;
  const uint64_t digest_;
  const std::unique_ptr<const bundle::Bundle> bundle_;
  const Engine engine_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_GENERATION_H_
