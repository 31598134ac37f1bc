// What an event of a log says of an attribute that a feature reads: its item's, its user's or its
// request's. For counting vocabularies; extraction reads requests and candidates instead.
//
//   ForEachEventId(path, event, user, attributes, catalogue, [&](uint32_t id) { ++counts[id]; });
#ifndef UPNEXT_FEATURES_EVENT_PATHS_H_
#define UPNEXT_FEATURES_EVENT_PATHS_H_

#include <cstdint>
#include <span>

#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "features/request_context.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::features {

// Calls visit(id) for each id of a categorical attribute; false when there is none. `attributes`:
// the event's declared request attributes.
template <typename Visit>
bool ForEachEventId(const AttributePath& path, const schema::Event& event, uint32_t user,
                    std::span<const schema::AttributeValue> attributes,
                    const catalogue::Catalogue& catalogue, const Visit& visit) {
  uint32_t id = schema::kNone;
  if (path.entity == schema::Entity::kRequest) {
    id = RequestId(event, attributes, path.attribute);
  } else if (path.attribute == kItself) {
    id = event.item;
  } else {
    const uint32_t of = path.entity != schema::Entity::kItem ? user
                        : path.through == kItself            ? event.item
                                                  : RequestId(event, attributes, path.through);
    if (of == schema::kNone) return false;
    if (path.kind == schema::Kind::kCategories) {
      const std::span<const uint32_t> ids = catalogue.Categories(path.entity, path.attribute, of);
      for (const uint32_t one : ids) visit(one);
      return !ids.empty();
    }
    id = catalogue.Value(path.entity, path.attribute, of).category;
  }
  if (id == schema::kNone) return false;
  visit(id);
  return true;
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_EVENT_PATHS_H_
