#include "api/operations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/suggest.h"

namespace upnext::api {

std::vector<const Operation*> Operations() {
  std::vector<const Operation*> all;
  for (const auto list : {ProjectOperations(), FeedOperations(), SimulatorOperations()}) {
    for (const Operation& one : list) all.push_back(&one);
  }
  return all;
}

Result<const Operation*> FindOperation(std::string_view name) {
  std::vector<std::string> names;
  for (const Operation* one : Operations()) {
    if (one->name == name) return one;
    names.emplace_back(one->name);
  }
  return NotFound("there is no operation '{}'{}", name.substr(0, 60),
                  base::DidYouMean(name, names));
}

std::string OperationsJson() {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const Operation* one : Operations()) {
    nlohmann::ordered_json keys = nlohmann::ordered_json::array();
    for (const Key& key : one->keys) {
      nlohmann::ordered_json row = {
          {"name", key.name}, {"type", KeyTypeName(key.type)}, {"help", key.help}};
      if (key.min != 0 || key.max != 0) {
        row["min"] = key.min;
        row["max"] = key.max;
      }
      if (!key.choices.empty()) row["choices"] = key.choices;
      keys.push_back(std::move(row));
    }
    out.push_back({{"name", one->name},
                   {"summary", one->summary},
                   {"project", one->needs_project},
                   {"keys", std::move(keys)},
                   {"tables", one->tables}});
  }
  return out.dump();
}

}  // namespace upnext::api
