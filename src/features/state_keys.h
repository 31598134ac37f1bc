// The ids by which an event is counted, for a user's state and for everybody's counts alike, and
// what it measures. Only this room includes it.
#ifndef UPNEXT_FEATURES_STATE_KEYS_H_
#define UPNEXT_FEATURES_STATE_KEYS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>

#include "catalogue/catalogue.h"
#include "features/request_context.h"
#include "features/state_spec.h"
#include "schema/event.h"

namespace upnext::features {

// Larger values are taken for errors of the source; the bound keeps every sum finite.
inline constexpr float kMaxEventValue = 1e7f;

// The value as a share of the item's duration, at most 1; NaN when either is not known.
inline double ShareOfDuration(const schema::Event& event, const catalogue::Catalogue& catalogue) {
  const double duration_s = catalogue.item(event.item).duration_s;
  if (std::isnan(event.value) || !(duration_s > 0)) return std::nan("");
  const float value = event.value > 0 ? std::min(event.value, kMaxEventValue) : 0.0f;
  return std::min(1.0, static_cast<double>(value) / duration_s);
}

// Its tenth as a row of embeddings: 0 when it is not known, 1 of less than 0.1, kShareRows - 1 of 1.
inline uint8_t ShareRow(double share) {
  return std::isnan(share) ? 0 : static_cast<uint8_t>(1 + std::floor(10 * share));
}

// Calls visit(id) for every id that the event has by this key; none for StateKey::Of::kUser.
// `declared`: the declared attributes of its request.
template <typename Visit>
void ForEachKey(const StateKey& key, const schema::Event& event,
                std::span<const schema::AttributeValue> declared,
                const catalogue::Catalogue& catalogue, const Visit& visit) {
  const auto one = [&](uint32_t id) {
    if (id != schema::kNone) visit(id);
  };
  switch (key.of) {
    case StateKey::Of::kUser:
      break;
    case StateKey::Of::kItem:
      one(event.item);
      break;
    case StateKey::Of::kItemAttribute:
      if (event.item == schema::kNone) break;
      if (!key.list) {
        one(catalogue.Value(schema::Entity::kItem, key.attribute, event.item).category);
        break;
      }
      for (const uint32_t id :
           catalogue.Categories(schema::Entity::kItem, key.attribute, event.item)) {
        visit(id);
      }
      break;
    case StateKey::Of::kRequest:
      one(RequestId(event, declared, key.attribute));
      break;
  }
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_STATE_KEYS_H_
