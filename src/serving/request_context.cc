#include "serving/request_context.h"

#include <algorithm>
#include <cmath>

#include "catalogue/request_attributes.h"

namespace upnext::serving {

using schema::IdSpace;

namespace {

const Scenario& WithoutRules() {
  static const Scenario none;
  return none;
}

}  // namespace

RequestContext::RequestContext(const catalogue::Catalogue& names,
                               const features::UserState& user_state, const Request& asked,
                               const RequestRules& by)
    : request(asked),
      catalogue(names),
      state(user_state),
      user(names.Find(IdSpace::kUser, asked.user)),
      context{.time_ms = asked.time_ms,
              .device = names.Find(IdSpace::kDevice, asked.device),
              .region = names.Find(IdSpace::kRegion, asked.region),
              .current_item = names.Find(IdSpace::kItem, asked.current_item),
              .attributes = catalogue::RequestAttributes(names, asked.attributes)},
      rules(by),
      lowered(names, user_state, by.low_rating),
      scenario(by.scenario != nullptr ? *by.scenario : WithoutRules()) {
  for (const std::string& id : asked.exclude) {
    const uint32_t item = names.Find(IdSpace::kItem, id);
    if (item != schema::kNone) {
      excluded.insert(item);
    } else {
      unknown_excluded.push_back(id);
    }
  }
  if (context.current_item != schema::kNone) excluded.insert(context.current_item);
  for (const Hide& hide : scenario.hides) {
    const uint32_t item = names.Find(IdSpace::kItem, hide.item);
    if (item != schema::kNone && hide.period.Has(asked.time_ms)) hidden.insert(item);
  }
  for (const Pin& pin : scenario.pins) {
    const uint32_t item = names.Find(IdSpace::kItem, pin.item);
    if (item != schema::kNone && pin.period.Has(asked.time_ms)) pinned.try_emplace(item, pin.place);
  }
  if (scenario.rotation == 0) return;
  constexpr double kHourMs = 3600e3;
  for (const ShownItem& one : asked.shown) {
    const uint32_t item = names.Find(IdSpace::kItem, one.item);
    const double hours = static_cast<double>(asked.time_ms - one.time_ms) / kHourMs;
    // The newest comes first.
    rotated.try_emplace(
        item, 1 - scenario.rotation * std::exp2(-std::max(0.0, hours) / scenario.rotation_hours));
  }
}

}  // namespace upnext::serving
