#include "serving/generation.h"

#include <utility>

#include "log/event_log.h"
#include "serving/item_attributes.h"
#include "serving/live_events.h"

namespace upnext::serving {

void Generation::Growing::Count(const schema::RawEvent& event) const {
  CountPosted(event, *catalogue, rule, live.get());
}

Generation::Generation(std::unique_ptr<const bundle::Bundle> bundle, std::string log_version,
                       const GenerationOptions& options, std::shared_ptr<store::Store> store,
                       std::shared_ptr<const Growing> growing)
    : clock_(options.clock != nullptr ? *options.clock : base::SystemClock()),
      log_version_(std::move(log_version)),
      store_(std::move(store)),
      growing_(std::move(growing)),
      bundle_(std::move(bundle)),
      engine_(*bundle_, *growing_->catalogue, options.engine, {}, growing_->live.get()) {}

Result<std::shared_ptr<const Generation::Growing>> Generation::Grow(
    bundle::OpenedBundle* opened, const GenerationOptions& options, store::Store* store,
    const Generation* previous) {
  const features::LiveOptions live =
      options.engine.live.OrHalfLife(opened->bundle->manifest().order.HalfLifeHours());
  auto growing = std::make_shared<Growing>();
  growing->rule = opened->rule;
  if (previous != nullptr &&
      previous->catalogue().log().content_digest() == opened->log.content_digest() &&
      previous->bundle().tables().plan.state().Equals(opened->bundle->tables().plan.state()) &&
      previous->growing_->rule == opened->rule) {
    if (previous->growing_->live->options() == live) return previous->growing_;
    growing->catalogue = previous->growing_->catalogue;
    growing->states = previous->growing_->states;
  } else {
    growing->catalogue = std::make_shared<catalogue::Catalogue>(std::move(opened->log));
    UPNEXT_ASSIGN_OR_RETURN(growing->states, store::UserStates::Attach(
                                                 store, *growing->catalogue, opened->rule,
                                                 opened->bundle->tables().plan.state(),
                                                 options.state_cache_bytes, options.max_new_names));
  }
  growing->live = std::make_shared<features::LiveCounts>(live);
  if (previous != nullptr) {
    // From here on what is posted is counted by both, or found in the store below, or both.
    base::MutexLock lock(previous->next_mutex_);
    previous->next_ = growing;
  }
  UPNEXT_RETURN_IF_ERROR(CountAll(*growing->catalogue, opened->rule, store, growing->states.get(),
                                  growing->live.get()));
  return growing;
}

Result<std::shared_ptr<const Generation>> Generation::Make(bundle::OpenedBundle opened,
                                                           const GenerationOptions& options,
                                                           std::shared_ptr<store::Store> store,
                                                           const Generation* previous) {
  UPNEXT_RETURN_IF_ERROR(log::CheckSchema(opened.log, options.schema));
  std::string log_version = opened.log.directory().filename().string();
  UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<const Growing> growing,
                          Grow(&opened, options, store.get(), previous));
  return std::shared_ptr<const Generation>(new Generation(std::move(opened.bundle),
                                                          std::move(log_version), options,
                                                          std::move(store), std::move(growing)));
}

void Generation::CountLive(std::span<const schema::RawEvent> events) const {
  std::shared_ptr<const Growing> next;
  {
    base::MutexLock lock(next_mutex_);
    next = next_.lock();
  }
  for (const schema::RawEvent& event : events) {
    growing_->Count(event);
    // A name that cannot be given an id there is passed over.
    if (next != nullptr && next->states->GiveIds(event)) next->Count(event);
  }
}

Result<Slate> Generation::Recommend(Request request) const {
  if (request.time_ms == 0) request.time_ms = clock_.NowMs();
  UPNEXT_ASSIGN_OR_RETURN(const store::UserStates::StatePtr state, states().Get(request.user));
  UPNEXT_ASSIGN_OR_RETURN(Slate slate, engine_.Recommend(*state, request));
  slate.bundle_version = bundle_version();
  slate.log_version = log_version_;
  return slate;
}

Result<std::vector<Recommendation>> Generation::Similar(SimilarRequest request) const {
  if (request.time_ms == 0) request.time_ms = clock_.NowMs();
  return engine_.Similar(request);
}

Result<schema::RawAttributes> Generation::Item(std::string_view item) const {
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t id, FindItem(catalogue(), item));
  return ItemAttributes(catalogue(), id);
}

schema::RawAttributes Generation::Attributes(uint32_t item,
                                             std::span<const uint32_t> numbers) const {
  schema::RawAttributes out;
  for (const uint32_t number : numbers) AppendAttribute(catalogue(), item, number, &out);
  return out;
}

}  // namespace upnext::serving
