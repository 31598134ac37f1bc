#include "serving/notes.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "catalogue/catalogue.h"
#include "schema/schema.h"

namespace upnext::serving {

using schema::IdSpace;

void AddMissing(const RequestContext& context, Slate* slate) {
  const Request& request = context.request;
  const auto add = [&](std::string_view parameter, IdSpace space, const std::string& name) {
    if (name.empty() || context.catalogue.Find(space, name) != schema::kNone) return;
    slate->missing.push_back({parameter, {name}});
  };
  add("user", IdSpace::kUser, request.user);
  add("device", IdSpace::kDevice, request.device);
  add("region", IdSpace::kRegion, request.region);
  add("current_item", IdSpace::kItem, request.current_item);
  if (!context.unknown_excluded.empty()) {
    slate->missing.push_back({"exclude", context.unknown_excluded});
  }
  MissingNames items{"items", {}};
  for (const std::string& id : request.items) {
    if (context.catalogue.Find(IdSpace::kItem, id) == schema::kNone) items.names.push_back(id);
  }
  if (!items.names.empty()) slate->missing.push_back(std::move(items));
}

void AddNotes(const RequestContext& context, bool has_ranker, Slate* slate) {
  const Request& request = context.request;
  const catalogue::Catalogue& catalogue = context.catalogue;
  if (context.state.totals().events == 0) {
    slate->notes.push_back(fmt::format("{}: the list rests on region, device and what is popular",
                                       catalogue.Find(IdSpace::kUser, request.user) == schema::kNone
                                           ? "unknown user"
                                           : "no events of this user yet"));
  } else if (context.state.watches().empty()) {
    slate->notes.emplace_back(
        "no complete watch of this user yet: the list rests on searches, region and device");
  }
  if (const Scenario& scenario = context.scenario; scenario.fewer_than) {
    const auto history = static_cast<uint32_t>(context.state.watches().size());
    slate->cold_start = ColdStart{*scenario.fewer_than, history};
    slate->notes.push_back(
        fmt::format("{} items in the history of this user, fewer than {}: the list is by {}",
                    history, *scenario.fewer_than, scenario.Title()));
  }
  const auto unknown = [&](IdSpace space, const std::string& name, std::string_view what) {
    if (!name.empty() && catalogue.Find(space, name) == schema::kNone) {
      slate->notes.push_back(fmt::format("{} '{}' was never seen and is ignored", what, name));
    }
  };
  unknown(IdSpace::kDevice, request.device, "device");
  unknown(IdSpace::kRegion, request.region, "region");
  unknown(IdSpace::kItem, request.current_item, "current item");
  for (const auto& [number, text] : request.attributes) {
    const schema::Attribute& attribute =
        catalogue.schema().attributes(schema::Entity::kRequest)[number];
    if (attribute.kind == schema::Kind::kCategory) unknown(attribute.space, text, attribute.name);
  }
  if (slate->items.empty()) {
    slate->notes.emplace_back(
        "nothing left to recommend: every candidate was watched, removed, excluded or filtered");
  }
  if (request.stage == Stage::kRanking && !has_ranker) {
    slate->notes.emplace_back("no ranker in this bundle: candidates are in the order of retrieval");
  }
}

}  // namespace upnext::serving
