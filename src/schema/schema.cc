#include "schema/schema.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <ranges>

#include "base/checksum.h"
#include "base/lower_case.h"
#include "base/suggest.h"
#include "schema/schema_rep.h"

namespace upnext::schema {
namespace {

constexpr std::string_view kSpaceNames[] = {"users",   "items",    "queries", "devices",  "regions",
                                            "sources", "channels", "topics",  "languages"};
static_assert(std::size(kSpaceNames) == kIdSpaces);

const std::vector<EventTypeInfo>& BuiltInTypes() {
  static const std::vector<EventTypeInfo> types = {
      {.name = "impression", .role = Role::kImpression},
      {.name = "click", .role = Role::kPositive},
      {.name = "watch",
       .role = Role::kStrength,
       .needs_value = true,
       .value_words = "watched seconds"},
      {.name = "like", .role = Role::kPositive},
      {.name = "dislike", .role = Role::kNegative},
      {.name = "dismiss", .role = Role::kNegative},
      {.name = "share", .role = Role::kPositive},
      {.name = "rating", .role = Role::kStrength, .needs_value = true, .value_words = "stars"},
      {.name = "search", .role = Role::kSearch},
      {.name = "complete", .role = Role::kPositive},
      {.name = "follow", .role = Role::kPositive},
      {.name = "comment", .role = Role::kPositive},
      {.name = "visit", .role = Role::kContext},
      {.name = "purchase", .role = Role::kPositive},
      {.name = "add_to_cart", .role = Role::kPositive},
      {.name = "save", .role = Role::kPositive},
      {.name = "skip", .role = Role::kNegative},
      {.name = "subscribe", .role = Role::kPositive},
  };
  return types;
}

Attribute Category(std::string name, IdSpace space) {
  return {.name = std::move(name), .kind = Kind::kCategory, .space = space};
}
Attribute Number(std::string name, double min, double max) {
  return {.name = std::move(name), .kind = Kind::kNumber, .min = min, .max = max};
}

// In the order of the numbers in attribute.h.
std::array<std::vector<Attribute>, kEntities> BuiltInAttributes() {
  constexpr double kMost = std::numeric_limits<float>::max();
  Attribute query = Category("query", IdSpace::kQuery);
  query.any_bytes = true;
  Attribute position = Number("position", 1, kMaxPosition);
  position.whole = true;
  Attribute propensity = Number("propensity", 0, 1);
  propensity.above_min = true;
  return {{{{.name = "created", .kind = Kind::kTime},
            Number("duration", 0, kMost),
            Category("channel", IdSpace::kChannel),
            {.name = "topics", .kind = Kind::kCategories, .space = IdSpace::kTopic},
            Category("language", IdSpace::kLanguage),
            {.name = "title", .kind = Kind::kText, .max_bytes = kMaxTitleBytes},
            {.name = "removed", .kind = Kind::kFlag}},
           {Category("region", IdSpace::kRegion), Category("language", IdSpace::kLanguage),
            Number("age", 0, kMaxAge), Number("gender", 0, 1), Number("logged_in", 0, 1)},
           {Category("device", IdSpace::kDevice),
            Category("region", IdSpace::kRegion),
            Category("current_item", IdSpace::kItem),
            Category("source", IdSpace::kSource),
            query,
            position,
            propensity,
            {.name = "off_site", .kind = Kind::kFlag},
            {.name = "source_score"}}}};
}

template <typename Map>
auto FindIn(const Map& map, std::string_view name) -> std::optional<typename Map::mapped_type> {
  const auto found = map.find(name);
  if (found == map.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::string_view EntityName(Entity entity) {
  constexpr std::string_view kNames[] = {"items", "users", "requests"};
  return kNames[static_cast<size_t>(entity)];
}

std::string_view KindName(Kind kind) {
  constexpr std::string_view kNames[] = {"flag",       "number", "time",  "category",
                                         "categories", "text",   "vector"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view RoleName(Role role) {
  constexpr std::string_view kNames[] = {"impression", "positive", "strength",
                                         "negative",   "search",   "context"};
  return kNames[static_cast<size_t>(role)];
}

Schema::Rep::Rep()
    : types(BuiltInTypes()),
      attributes(BuiltInAttributes()),
      spaces(std::begin(kSpaceNames), std::end(kSpaceNames)) {
  for (EventTypeInfo& type : types) type.built_in = true;
  for (size_t entity = 0; entity < kEntities; ++entity) {
    for (Attribute& attribute : attributes[entity]) attribute.built_in = true;
    built_in[entity] = attributes[entity].size();
  }
}

void Schema::Rep::Index() {
  for (size_t i = 0; i < types.size(); ++i) {
    type_of.emplace(types[i].name, static_cast<EventType>(i + 1));
  }
  for (size_t entity = 0; entity < kEntities; ++entity) {
    for (uint32_t i = 0; i < attributes[entity].size(); ++i) {
      attribute_of[entity].emplace(attributes[entity][i].name, i);
    }
  }
  for (size_t i = 0; i < spaces.size(); ++i) space_of.emplace(spaces[i], static_cast<IdSpace>(i));
  digest = base::Fingerprint(declarations);
}

Schema::Schema() noexcept
    : Schema([] {
        static const std::shared_ptr<const Rep> built_in = [] {
          auto rep = std::make_shared<Rep>();
          rep->Index();
          return rep;
        }();
        return built_in;
      }()) {}

Schema::Schema(std::shared_ptr<const Rep> rep)
    : rep_(std::move(rep)), types_(rep_->types.data()), size_(rep_->types.size()) {}

std::span<const EventTypeInfo> Schema::event_types() const { return rep_->types; }

std::optional<EventType> Schema::FindEventType(std::string_view name) const {
  if (const auto found = FindIn(rep_->type_of, name)) return found;
  return FindIn(rep_->type_of, base::LowerCase(name));
}

std::string Schema::UnknownEventType(std::string_view name) const {
  std::vector<std::string> names;
  for (const EventTypeInfo& type : rep_->types) names.push_back(type.name);
  return fmt::format(
      "there is no event type '{}'{} (the types are {}; a type of the site's own is a line in the "
      "project file, e.g. [schema.events] purchase_intent = \"positive\")",
      name, base::DidYouMean(base::LowerCase(name), names), fmt::join(names, ", "));
}

std::span<const Attribute> Schema::attributes(Entity entity) const {
  return rep_->attributes[static_cast<size_t>(entity)];
}

std::span<const Attribute> Schema::declared(Entity entity) const {
  return attributes(entity).subspan(rep_->built_in[static_cast<size_t>(entity)]);
}

std::optional<uint32_t> Schema::FindAttribute(Entity entity, std::string_view name) const {
  return FindIn(rep_->attribute_of[static_cast<size_t>(entity)], name);
}

std::span<const std::string> Schema::id_spaces() const { return rep_->spaces; }

std::optional<IdSpace> Schema::FindIdSpace(std::string_view name) const {
  return FindIn(rep_->space_of, name);
}

std::string_view Schema::WhyNotAnEvent(const Event& event) const {
  if (!Has(event.type)) return "type is unknown";
  if (event.time_ms == kNoTime) return "time is missing";
  if (info(event.type).role == Role::kSearch) {
    if (event.item != kNone) return "a search has no item";
    if (event.query == kNone) return "a search needs a query";
  } else if (event.item == kNone) {
    return "item is missing";
  }
  if (std::isinf(event.value)) return "value should be finite";
  if (event.value < 0) return "value is negative";
  if (event.propensity <= 0 || event.propensity > 1) return "propensity should be in (0, 1]";
  if (std::isinf(event.source_score)) return "source_score should be finite";
  return "";
}

const std::string& Schema::Declarations() const { return rep_->declarations; }

uint64_t Schema::digest() const { return rep_->digest; }

std::string Schema::Difference(const Schema& other, std::string_view ours,
                               std::string_view theirs) const {
  if (*this == other) return "";
  const auto lines = [](const Schema& schema) {
    std::vector<std::string> result;
    for (const auto line : std::views::split(schema.Declarations(), '\n')) {
      result.emplace_back(line.begin(), line.end());
    }
    return result;
  };
  const std::vector<std::string> a = lines(*this), b = lines(other);
  const auto missing = [](const auto& from, const auto& in) {
    const auto found = std::ranges::find_if(
        from, [&](const std::string& line) { return std::ranges::find(in, line) == in.end(); });
    return found == from.end() ? std::string() : *found;
  };
  if (const std::string line = missing(a, b); !line.empty()) {
    return fmt::format("{} declares `{}`, {} does not", ours, line, theirs);
  }
  if (const std::string line = missing(b, a); !line.empty()) {
    return fmt::format("{} declares `{}`, {} does not", theirs, line, ours);
  }
  return fmt::format("{} and {} declare the same in another order", ours, theirs);
}

}  // namespace upnext::schema
