// Random expressions of the feature language over a schema, all valid. For tests.
//
//   RandomExpressions expressions(seed, schema);
//   FeatureSpec spec = expressions.Spec(/*ranking=*/20, /*retrieval=*/8);
#ifndef UPNEXT_FEATURES_RANDOM_EXPRESSIONS_H_
#define UPNEXT_FEATURES_RANDOM_EXPRESSIONS_H_

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "base/rng.h"
#include "features/feature_spec.h"
#include "schema/schema.h"

namespace upnext::features {

class RandomExpressions {
 public:
  explicit RandomExpressions(uint64_t seed, const schema::Schema& schema = {}) : rng_(seed) {
    for (const schema::EventTypeInfo& type : schema.event_types()) types_.push_back(type.name);
    AddPaths(schema, schema::Entity::kItem, "item", &item_);
    AddPaths(schema, schema::Entity::kUser, "user", &query_);
    AddPaths(schema, schema::Entity::kRequest, "request", &query_);
    Paths watched;  // of the item being watched; no list is of it
    AddPaths(schema, schema::Entity::kItem, "request.current_item", &watched);
    std::ranges::copy(watched.categories, std::back_inserter(query_.categories));
    std::ranges::copy(watched.numbers, std::back_inserter(query_.numbers));
    item_.categories.push_back({"item", schema::IdSpace::kItem});
  }

  // Features r0, r1, ... of the ranker and c0, c1, ... of the candidate model.
  FeatureSpec Spec(size_t ranking, size_t retrieval) {
    FeatureSpec spec{.defaults = false};
    for (size_t i = 0; i < ranking; ++i) {
      spec.ranking.push_back({fmt::format("r{}", i), Ranking(), ""});
    }
    for (size_t i = 0; i < retrieval; ++i) {
      spec.retrieval.push_back({fmt::format("c{}", i), Retrieval(), ""});
    }
    return spec;
  }

 private:
  struct Category {
    std::string path;
    schema::IdSpace space;
  };
  // What can be read of the candidate, or of the user and the request.
  struct Paths {
    std::vector<Category> categories;
    std::vector<std::string> keys, numbers;  // keys: by which events are counted
  };
  static void AddPaths(const schema::Schema& schema, schema::Entity entity, std::string_view prefix,
                       Paths* paths) {
    for (const schema::Attribute& attribute : schema.attributes(entity)) {
      const std::string path = fmt::format("{}.{}", prefix, attribute.name);
      const bool known = entity != schema::Entity::kRequest || !attribute.built_in ||
                         attribute.name == "device" || attribute.name == "region" ||
                         attribute.name == "current_item";
      if (!known) continue;
      switch (attribute.kind) {
        case schema::Kind::kCategory:
        case schema::Kind::kCategories:
          paths->categories.push_back({path, attribute.space});
          if (entity != schema::Entity::kUser) paths->keys.push_back(path);
          break;
        case schema::Kind::kFlag:
        case schema::Kind::kNumber:
          paths->numbers.push_back(path);
          break;
        case schema::Kind::kTime:
          paths->numbers.push_back(fmt::format("age({})", path));
          break;
        case schema::Kind::kText:
        case schema::Kind::kVector:
          break;
      }
    }
  }

  std::string Ranking() {
    const Paths& paths = rng_.Below(4) == 0 ? query_ : item_;
    switch (rng_.Below(12)) {
      case 0:
        return fmt::format("count({}{})", Events(), Key());
      case 1:
        return fmt::format("since({}{})", Events(), Key());
      case 2:
        return fmt::format("rate({}, {}{}, {})", Events(), Events(), Key(), rng_.Below(20));
      case 3:
        return fmt::format("mean({}.value{}, {})", One(types_), Key(), rng_.Below(20));
      case 4:
        return fmt::format("mean({}.share{}, {}, 0.5)", One(types_), Key(), rng_.Below(20));
      case 5:
        return fmt::format("everybody(rate({}, {}, {}, 5))", Events(), Events(), AnyKey());
      case 6:
        return fmt::format("everybody(mean({}.value, {}))", One(types_), AnyKey());
      case 7:
        return fmt::format("count({} after {}{})", Events(), Events(), Key());
      case 8:
        return fmt::format("cross({}, {}, {})", One(paths.categories).path,
                           One(item_.categories).path, 2 + rng_.Below(50));
      case 9:
        return Number(paths);
      case 10:
        return Pair(paths);
      default:
        return Retrieval();
    }
  }
  // Reads nothing of the candidate.
  std::string Retrieval() {
    switch (rng_.Below(10)) {
      case 0:
        return fmt::format("history({}, {}, {})", Events(), Listed(), 1 + rng_.Below(60));
      case 1:
        return fmt::format("history({} unless {}, {}, {})", Events(), Events(), Listed(),
                           1 + rng_.Below(60));
      case 2:
        return fmt::format("sorted(history({}, {}, {}))", Events(), Listed(), 1 + rng_.Below(60));
      case 3:
        return fmt::format("last({}, {})", Events(), AnyKey());
      case 4:
        return fmt::format("tokens(history({}, query, {}))", Events(), 1 + rng_.Below(60));
      case 5:
        return fmt::format("count({}, {})", Events(), One(query_.keys));
      case 6:
        return Number(query_);
      case 7:
        return Pair(query_);
      case 8:
        return One<std::string>({"hour(request.time)", "weekday(request.time)"});
      default:
        return fmt::format("count({})", Events());
    }
  }
  std::string Number(const Paths& paths) {
    std::string number = One(paths.numbers);
    switch (rng_.Below(4)) {
      case 0:
        return fmt::format("plain(limit({}, {}))", number, 1 + rng_.Below(90));
      case 1:
        return fmt::format("hats(limit({}, {}), {})", number, 1 + rng_.Below(90),
                           2 + rng_.Below(9));
      default:
        return number;
    }
  }
  // Two attributes of one id space, or one attribute.
  std::string Pair(const Paths& paths) {
    const Category a = One(paths.categories), b = One(query_.categories);
    if (a.space != b.space) return a.path;
    const uint64_t of = rng_.Below(3);
    return of == 0   ? fmt::format("match({}, {})", a.path, b.path)
           : of == 1 ? fmt::format("overlap({}, {})", a.path, b.path)
                     : fmt::format("{} else {}", a.path, b.path);
  }
  std::string Events() {
    const auto one = [&] {
      const uint64_t any = rng_.Below(6);
      return any == 0 ? "any" : any == 1 ? "positive" : One(types_);
    };
    std::string events = one();
    while (rng_.Below(3) == 0) events += " or " + one();
    return events;
  }
  std::string AnyKey() {
    const uint64_t of = rng_.Below(5);
    return of == 0 ? "item" : of == 1 ? One(query_.keys) : One(item_.keys);
  }
  std::string Listed() {
    const uint64_t of = rng_.Below(4);
    return of == 0 ? "type" : of == 1 ? "share" : AnyKey();
  }
  std::string Key() { return rng_.Below(3) == 0 ? "" : ", " + AnyKey(); }
  template <typename T>
  T One(const std::vector<T>& all) {
    return all[rng_.Below(all.size())];
  }

  base::Rng rng_;
  std::vector<std::string> types_;
  Paths item_, query_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_RANDOM_EXPRESSIONS_H_
