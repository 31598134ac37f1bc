#include "serving/rule_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/time_text.h"
#include "expression/bound_expression.h"
#include "expression/expression.h"
#include "schema/event.h"

namespace upnext::serving {
namespace {

class RuleChecker {
 public:
  RuleChecker(const Scenario& scenario, const catalogue::Catalogue& catalogue, int64_t now_ms)
      : scenario_(scenario), catalogue_(catalogue), now_ms_(now_ms) {}

  void CheckItems() {
    for (const Pin& pin : scenario_.pins) {
      const std::string what = fmt::format("pin of \"{}\" at place {}", pin.item, pin.place + 1);
      CheckItem(what, pin.item, pin.period);
      for (const Hide& hide : scenario_.hides) {
        if (hide.item == pin.item && Overlap(hide.period, pin.period)) {
          Add(true, fmt::format("{}: the item is hidden at the same time", what));
        }
      }
    }
    for (const Hide& hide : scenario_.hides) {
      CheckItem(fmt::format("hide of \"{}\"", hide.item), hide.item, hide.period);
    }
  }

  // The most items that a page can have under each cap.
  void CheckCaps(uint32_t n) {
    for (const Cap& cap : scenario_.caps) {
      std::unordered_map<uint32_t, uint32_t> items;
      uint32_t without = 0;
      ForItems([&](uint32_t item) {
        const auto ids = catalogue_.Categories(schema::Entity::kItem, cap.attribute, item);
        for (const uint32_t id : ids) ++items[id];
        without += ids.empty();
      });
      uint64_t most = without;
      for (const auto& [id, count] : items) most += std::min(count, cap.most);
      if (most >= n) continue;
      const auto& attribute = catalogue_.schema().attributes(schema::Entity::kItem)[cap.attribute];
      Add(true, fmt::format("at_most {} = {}: a page has at most {} items, expected {}",
                            attribute.name, cap.most, most, n));
    }
  }

  void CheckFilter(const std::string& text) {
    if (text.empty()) return;
    const auto filter =
        expression::Expression::Compile(text, catalogue_.schema(), expression::Use::kCondition);
    if (!filter) {
      return Add(true, expression::ErrorOf(filter.error(), "filter").error().message);
    }
    const auto bound = expression::BoundExpression::Bind(
        *filter, {.catalogue = catalogue_, .now_ms = now_ms_}, {});
    if (!bound) return;  // it needs parameters, which requests give
    uint64_t all = 0, passing = 0;
    ForItems([&](uint32_t item) {
      ++all;
      passing += bound->Holds(item);
    });
    if (all == 0) return;
    check_.passing = static_cast<double>(passing) / static_cast<double>(all);
    if (passing == 0) Add(true, "filter: no item passes it when nothing is known of the request");
    if (passing == all) Add(false, "filter: every item passes it");
  }

  RuleCheck Take() { return std::move(check_); }

 private:
  static bool Overlap(const Period& a, const Period& b) {
    return a.from_ms < b.until_ms && b.from_ms < a.until_ms;
  }
  void Add(bool is_error, std::string text) {
    check_.findings.push_back({is_error, std::move(text)});
  }
  void CheckItem(const std::string& what, const std::string& id, const Period& period) {
    const uint32_t item = catalogue_.Find(schema::IdSpace::kItem, id);
    if (item == schema::kNone || !catalogue_.IsPresent(schema::Entity::kItem, item)) {
      Add(true, what + ": the catalogue has no such item");
    } else if (catalogue_.item(item).removed) {
      Add(false, what + ": the item is removed");
    }
    if (period.until_ms <= now_ms_) {
      Add(false, fmt::format("{}: ended {}", what, base::FormatTime(period.until_ms)));
    } else if (period.from_ms > now_ms_) {
      Add(false, fmt::format("{}: begins {}", what, base::FormatTime(period.from_ms)));
    }
  }
  template <typename Visit>
  void ForItems(const Visit& visit) const {
    for (uint32_t item = 0; item < catalogue_.size(schema::IdSpace::kItem); ++item) {
      if (!catalogue_.IsPresent(schema::Entity::kItem, item)) continue;
      if (!catalogue_.item(item).removed) visit(item);
    }
  }

  const Scenario& scenario_;
  const catalogue::Catalogue& catalogue_;
  const int64_t now_ms_;
  RuleCheck check_;
};

}  // namespace

RuleCheck CheckRules(const Scenario& scenario, const EngineOptions& options,
                     const catalogue::Catalogue& catalogue, int64_t now_ms, uint32_t n) {
  RuleChecker checker(scenario, catalogue, now_ms);
  checker.CheckItems();
  checker.CheckCaps(n);
  checker.CheckFilter(scenario.expressions.value_or(options.expressions).filter);
  return checker.Take();
}

EngineOptions WithoutRules(EngineOptions options) {
  options.expressions = {};
  options.scenarios = options.scenarios.WithoutRules();
  return options;
}

ListDifference Compare(const Slate& with, const Slate& without, uint32_t n) {
  ListDifference difference;
  const size_t places = std::max(with.items.size(), without.items.size());
  for (size_t i = 0; i < places; ++i) {
    const bool both = i < with.items.size() && i < without.items.size();
    difference.moved += !both || with.items[i].item != without.items[i].item;
  }
  difference.unfilled = n - std::min<uint32_t>(n, static_cast<uint32_t>(with.items.size()));
  return difference;
}

}  // namespace upnext::serving
