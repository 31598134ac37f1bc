#include "serving/generation.h"

#include <utility>

#include "log/event_log.h"
#include "serving/item_attributes.h"
#include "serving/live_events.h"
#include "serving/similar.h"

namespace upnext::serving {

Generation::Generation(std::unique_ptr<const bundle::Bundle> bundle, std::string log_version,
                       const GenerationOptions& options, std::shared_ptr<store::Store> store,
                       std::shared_ptr<catalogue::Catalogue> catalogue,
                       std::shared_ptr<store::UserStates> states,
                       std::shared_ptr<features::LiveCounts> live,
                       const features::PositiveRule& rule)
    : clock_(options.clock != nullptr ? *options.clock : base::SystemClock()),
      log_version_(std::move(log_version)),
      store_(std::move(store)),
      catalogue_(std::move(catalogue)),
      states_(std::move(states)),
      live_(std::move(live)),
      rule_(rule),
      bundle_(std::move(bundle)),
      engine_(*bundle_, *catalogue_, options.engine, {}, live_.get()) {}

Result<std::shared_ptr<const Generation>> Generation::Make(bundle::OpenedBundle opened,
                                                           const GenerationOptions& options,
                                                           std::shared_ptr<store::Store> store,
                                                           const Generation* previous) {
  UPNEXT_RETURN_IF_ERROR(log::CheckSchema(opened.log, options.schema));
  std::string log_version = opened.log.directory().filename().string();
  std::shared_ptr<catalogue::Catalogue> catalogue;
  std::shared_ptr<store::UserStates> states;
  std::shared_ptr<features::LiveCounts> live;
  if (previous != nullptr &&
      previous->catalogue().log().content_digest() == opened.log.content_digest() &&
      previous->bundle().tables().plan.state().Equals(opened.bundle->tables().plan.state()) &&
      previous->rule_ == opened.rule) {
    catalogue = previous->catalogue_;
    states = previous->states_;
    live = previous->live_;
  } else {
    catalogue = std::make_shared<catalogue::Catalogue>(std::move(opened.log));
    UPNEXT_ASSIGN_OR_RETURN(
        states, store::UserStates::Attach(store.get(), *catalogue, opened.rule,
                                          opened.bundle->tables().plan.state(),
                                          options.state_cache_bytes, options.max_new_names));
    live = std::make_shared<features::LiveCounts>(options.engine.live);
    UPNEXT_RETURN_IF_ERROR(CountAll(*catalogue, opened.rule, store.get(), live.get()));
  }
  return std::shared_ptr<const Generation>(
      new Generation(std::move(opened.bundle), std::move(log_version), options, std::move(store),
                     std::move(catalogue), std::move(states), std::move(live), opened.rule));
}

void Generation::CountLive(std::span<const schema::RawEvent> events) const {
  for (const schema::RawEvent& event : events) CountPosted(event, *catalogue_, rule_, live_.get());
}

Result<Slate> Generation::Recommend(Request request) const {
  if (request.time_ms == 0) request.time_ms = clock_.NowMs();
  UPNEXT_ASSIGN_OR_RETURN(const store::UserStates::StatePtr state, states_->Get(request.user));
  UPNEXT_ASSIGN_OR_RETURN(Slate slate, engine_.Recommend(*state, request));
  slate.bundle_version = bundle_version();
  slate.log_version = log_version_;
  return slate;
}

Result<std::vector<Recommendation>> Generation::Similar(std::string_view item, uint32_t n) const {
  return SimilarItems(*bundle_, *catalogue_, item, n, engine_.verb());
}

Result<schema::RawAttributes> Generation::Item(std::string_view item) const {
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t id, FindItem(*catalogue_, item));
  return ItemAttributes(*catalogue_, id);
}

}  // namespace upnext::serving
