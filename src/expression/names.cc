#include "expression/names.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <vector>

#include "base/suggest.h"
#include "schema/attribute.h"

namespace upnext::expression {
namespace {

using schema::Attribute;
using schema::Entity;
using schema::Schema;

constexpr std::pair<std::string_view, Entity> kOwners[] = {
    {"item", Entity::kItem}, {"user", Entity::kUser}, {"request", Entity::kRequest}};

bool IsItem(const Attribute& attribute) {
  return attribute.kind == schema::Kind::kCategory && attribute.space == schema::IdSpace::kItem;
}

// False for what only events have.
bool IsOfRequests(uint32_t attribute) {
  return attribute <= schema::request_attribute::kCurrentItem ||
         attribute >= schema::request_attribute::kBuiltIn;
}

std::vector<std::string> AllPaths(const Schema& schema) {
  std::vector<std::string> names = {"item", "now"};
  for (const auto& [prefix, entity] : kOwners) {
    const auto attributes = schema.attributes(entity);
    for (uint32_t i = 0; i < attributes.size(); ++i) {
      if (entity == Entity::kRequest && !IsOfRequests(i)) continue;
      names.push_back(fmt::format("{}.{}", prefix, attributes[i].name));
      if (entity != Entity::kRequest || !IsItem(attributes[i])) continue;
      for (const Attribute& of_item : schema.attributes(Entity::kItem)) {
        names.push_back(fmt::format("{}.{}.{}", prefix, attributes[i].name, of_item.name));
      }
    }
  }
  return names;
}

std::optional<Type> TypeOf(const Attribute& attribute) {
  switch (attribute.kind) {
    case schema::Kind::kFlag:
      return Type{Kind::kFlag};
    case schema::Kind::kNumber:
      return Type{Kind::kNumber};
    case schema::Kind::kTime:
      return Type{Kind::kTime};
    case schema::Kind::kCategory:
      return Type{Kind::kId, attribute.space};
    case schema::Kind::kCategories:
      return Type{Kind::kIds, attribute.space};
    case schema::Kind::kText:
      return Type{Kind::kText};
    case schema::Kind::kVector:
      break;
  }
  return std::nullopt;
}

std::optional<Path> FindPath(const Schema& schema, std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view rest = name.substr(dot + 1);
  for (const auto& [prefix, entity] : kOwners) {
    if (name.substr(0, dot) != prefix) continue;
    if (const auto number = schema.FindAttribute(entity, rest)) {
      constexpr Owner kOf[] = {Owner::kItem, Owner::kUser, Owner::kRequest};
      return Path{.owner = kOf[static_cast<size_t>(entity)], .attribute = *number};
    }
    const size_t second = rest.find('.');
    if (entity != Entity::kRequest || second == std::string_view::npos) continue;
    const auto through = schema.FindAttribute(entity, rest.substr(0, second));
    const auto number = schema.FindAttribute(Entity::kItem, rest.substr(second + 1));
    if (through && number && IsOfRequests(*through) &&
        IsItem(schema.attributes(entity)[*through])) {
      return Path{.owner = Owner::kRequestItem, .attribute = *number, .through = *through};
    }
  }
  return std::nullopt;
}

}  // namespace

Checked<std::pair<Path, Type>> ResolvePath(const Schema& schema, const Node& name) {
  if (name.word == "item") {
    return std::pair{Path{.is_item_id = true}, Type{Kind::kId, schema::IdSpace::kItem}};
  }
  const std::optional<Path> path = FindPath(schema, name.word);
  if (!path) {
    return std::unexpected(
        Mistake{name.at, fmt::format("unknown attribute '{}'{}", name.word,
                                     base::DidYouMean(name.word, AllPaths(schema)))});
  }
  if (path->owner == Owner::kRequest && !IsOfRequests(path->attribute)) {
    return std::unexpected(Mistake{
        name.at,
        fmt::format("'{}' is known of events only: expected device, region, current_item or "
                    "an attribute that [schema.requests] declares",
                    name.word)});
  }
  constexpr Entity kOf[] = {Entity::kItem, Entity::kUser, Entity::kRequest, Entity::kItem};
  const Entity entity = kOf[static_cast<size_t>(path->owner)];
  const std::optional<Type> type = TypeOf(schema.attributes(entity)[path->attribute]);
  if (!type) {
    return std::unexpected(Mistake{
        name.at, fmt::format("'{}' is a vector, which expressions cannot read", name.word)});
  }
  return std::pair{*path, *type};
}

std::string NameOf(const Schema& schema, const Type& type) {
  switch (type.kind) {
    case Kind::kFlag:
      return "true or false";
    case Kind::kNumber:
      return "a number";
    case Kind::kTime:
      return "a time";
    case Kind::kId:
      return fmt::format("an id of '{}'", schema.name(type.space));
    case Kind::kIds:
      return fmt::format("a set of ids of '{}'", schema.name(type.space));
    case Kind::kText:
    case Kind::kOpenText:
      return "a text";
    case Kind::kOpenParameter:
      return "a parameter";
    case Kind::kNumbers:
    case Kind::kTexts:
    case Kind::kOpenList:
      break;
  }
  return "a list";
}

}  // namespace upnext::expression
