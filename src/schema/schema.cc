#include "schema/schema.h"

#include <algorithm>
#include <array>

namespace upnext::schema {
namespace {

const std::array<Attribute, 7> kItemAttributes = {
    {{"created", Kind::kTime},
     {"duration", Kind::kNumber},
     {"channel", Kind::kCategory, IdSpace::kChannel},
     {"topics", Kind::kCategories, IdSpace::kTopic},
     {"language", Kind::kCategory, IdSpace::kLanguage},
     {"title", Kind::kText},
     {"removed", Kind::kFlag}}};
const std::array<Attribute, 5> kUserAttributes = {
    {{"region", Kind::kCategory, IdSpace::kRegion},
     {"language", Kind::kCategory, IdSpace::kLanguage},
     {"age", Kind::kNumber},
     {"gender", Kind::kNumber},
     {"logged_in", Kind::kNumber}}};
const std::array<Attribute, 8> kRequestAttributes = {
    {{"device", Kind::kCategory, IdSpace::kDevice},
     {"region", Kind::kCategory, IdSpace::kRegion},
     {"current_item", Kind::kCategory, IdSpace::kItem},
     {"source", Kind::kCategory, IdSpace::kSource},
     {"query", Kind::kCategory, IdSpace::kQuery},
     {"position", Kind::kNumber},
     {"propensity", Kind::kNumber},
     {"off_site", Kind::kFlag}}};

}  // namespace

std::span<const Attribute> Schema::attributes(Entity entity) const {
  switch (entity) {
    case Entity::kItem:
      return kItemAttributes;
    case Entity::kUser:
      return kUserAttributes;
    case Entity::kRequest:
      break;
  }
  return kRequestAttributes;
}

std::optional<uint32_t> Schema::FindAttribute(Entity entity, std::string_view name) const {
  const std::span<const Attribute> all = attributes(entity);
  const auto found = std::ranges::find(all, name, &Attribute::name);
  if (found == all.end()) return std::nullopt;
  return static_cast<uint32_t>(found - all.begin());
}

std::optional<EventType> Schema::FindEventType(std::string_view name) const {
  return ParseEventType(name);
}

}  // namespace upnext::schema
