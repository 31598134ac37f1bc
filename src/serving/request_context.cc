#include "serving/request_context.h"

#include "catalogue/request_attributes.h"

namespace upnext::serving {

using schema::IdSpace;

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
      lowered(names, user_state, by.low_rating) {
  for (const std::string& id : asked.exclude) {
    const uint32_t item = names.Find(IdSpace::kItem, id);
    if (item != schema::kNone) excluded.insert(item);
  }
  if (context.current_item != schema::kNone) excluded.insert(context.current_item);
}

}  // namespace upnext::serving
