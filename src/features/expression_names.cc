#include "features/expression_names.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/suggest.h"

namespace upnext::features {

using schema::Entity;
using schema::Kind;

namespace {

constexpr std::pair<std::string_view, Entity> kEntities[] = {
    {"item", Entity::kItem}, {"user", Entity::kUser}, {"request", Entity::kRequest}};

// Names that are no attributes, and where they can be used.
constexpr std::pair<std::string_view, std::string_view> kPlaces[] = {
    {"example_age", "by itself"},
    {"request.time", "in hour(request.time) and weekday(request.time)"},
    {kRetrievalScore, "by itself"},
    {kUserVector, "in vector(request.user_vector, N)"},
    {"type", "in history(EVENTS, type, N)"},
    {"share", "in history(EVENTS, share, N)"}};

bool IsItemOfRequest(Entity entity, const schema::Attribute& attribute) {
  return entity == Entity::kRequest && attribute.kind == Kind::kCategory &&
         attribute.space == schema::IdSpace::kItem;
}

// "current_item.topics": an attribute of an item of the request.
std::optional<AttributePath> ThroughRequest(const schema::Schema& schema, std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto through = schema.FindAttribute(Entity::kRequest, name.substr(0, dot));
  const auto number = schema.FindAttribute(Entity::kItem, name.substr(dot + 1));
  if (!through || !number) return std::nullopt;
  if (!IsItemOfRequest(Entity::kRequest, schema.attributes(Entity::kRequest)[*through])) {
    return std::nullopt;
  }
  return AttributePath{Entity::kItem, *number, schema.attributes(Entity::kItem)[*number].kind,
                       *through};
}

std::vector<std::string> AllPaths(const schema::Schema& schema) {
  std::vector<std::string> names = {"item", "query"};
  for (const auto& [name, place] : kPlaces) names.emplace_back(name);
  for (const auto& [prefix, entity] : kEntities) {
    for (const schema::Attribute& attribute : schema.attributes(entity)) {
      names.push_back(fmt::format("{}.{}", prefix, attribute.name));
      if (!IsItemOfRequest(entity, attribute)) continue;
      for (const schema::Attribute& of_item : schema.attributes(Entity::kItem)) {
        names.push_back(fmt::format("{}.{}.{}", prefix, attribute.name, of_item.name));
      }
    }
  }
  return names;
}

}  // namespace

Compiled<AttributePath> ResolveAttribute(const schema::Schema& schema,
                                         const Expression& expression) {
  if (expression.kind != Expression::Kind::kName) {
    return std::unexpected(Mistake{
        expression.at, fmt::format("expected an attribute, found '{}'", ToText(expression))});
  }
  if (expression.name == "item") return AttributePath{};
  const std::string name = expression.name == "query" ? "request.query" : expression.name;
  for (const auto& [prefix, entity] : kEntities) {
    if (name.size() <= prefix.size() + 1 || !name.starts_with(prefix) ||
        name[prefix.size()] != '.') {
      continue;
    }
    const std::string_view rest = std::string_view(name).substr(prefix.size() + 1);
    if (entity == Entity::kRequest) {
      if (const auto path = ThroughRequest(schema, rest)) return *path;
    }
    const auto number = schema.FindAttribute(entity, rest);
    if (!number) continue;
    return AttributePath{entity, *number, schema.attributes(entity)[*number].kind};
  }
  for (const auto& [known, place] : kPlaces) {
    if (name != known) continue;
    return std::unexpected(
        Mistake{expression.at, fmt::format("'{}' cannot be used here, only {}", known, place)});
  }
  return std::unexpected(
      Mistake{expression.at, fmt::format("unknown attribute '{}'{}", expression.name,
                                         base::DidYouMean(expression.name, AllPaths(schema)))});
}

Compiled<void> CheckKnownAtRequest(const AttributePath& path, const Expression& expression) {
  if (path.entity != Entity::kRequest) return {};
  constexpr uint32_t kQuery = static_cast<uint32_t>(RequestAttribute::kQuery);
  if (IsSourceScore(path) || path.attribute < kQuery || path.attribute >= kBuiltInRequestAttributes)
    return {};
  return std::unexpected(Mistake{
      expression.at,
      fmt::format("'{}' is known of events only: a feature can read what is known when the request "
                  "comes",
                  expression.name)});
}

std::string UnknownFunction(std::string_view name) {
  static const std::vector<std::string> names = {
      "history", "last",  "sorted",  "tokens", "cross", "match", "overlap",
      "age",     "hour",  "weekday", "limit",  "plain", "hats",  "everybody",
      "count",   "since", "mean",    "rate",   "vector"};
  return fmt::format("unknown function '{}'{}", name, base::DidYouMean(name, names));
}

std::string UnknownEvent(const schema::Schema& schema, std::string_view name) {
  std::vector<std::string> names = {"any", "positive", "interest"};
  for (const schema::EventTypeInfo& type : schema.event_types()) names.push_back(type.name);
  return fmt::format("unknown event type '{}'{}", name, base::DidYouMean(name, names));
}

std::string SpaceVocabulary(const schema::Schema& schema, schema::IdSpace space) {
  static constexpr std::array<std::string_view, schema::kIdSpaces> kNames = {
      "user", "item", "query", "device", "region", "source", "channel", "topic", "language"};
  const auto at = static_cast<size_t>(space);
  return std::string(at < kNames.size() ? kNames[at] : schema.name(space));
}

}  // namespace upnext::features
