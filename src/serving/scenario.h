// How a place of the site shows items: what [serving] says for every request, and what [scenario.NAME] says
// otherwise for requests that name it.
//
//   [scenario.home]
//   score      = "watch:1,like:0.5"
//   diversity  = 0.3
//   at_most    = { channel = 2 }
//   explore    = 0.05
//   [[scenario.home.pin]]
//   item = "v17"    position = 1    until = 2026-12-24T00:00:00Z
//   [scenario.home.cold_start]      # what it says otherwise for users with little history
//   fewer_than = 3
//   generators = { popular = 200 }
//
//   const Scenarios scenarios = Scenarios::FromConfig(config, schema);
//   UPNEXT_ASSIGN_OR_RETURN(const Scenario* scenario, scenarios.Find("home"));
//   const Scenario& his = scenarios.For(*scenario, state);
//
// Plain values; any number of threads may read them.
#ifndef UPNEXT_SERVING_SCENARIO_H_
#define UPNEXT_SERVING_SCENARIO_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "features/user_state.h"
#include "retrieval/generator_registry.h"
#include "schema/schema.h"
#include "serving/arrange.h"
#include "serving/site_expressions.h"

namespace upnext::serving {

// From `from_ms` to before `until_ms`.
struct Period {
  int64_t from_ms = std::numeric_limits<int64_t>::min();
  int64_t until_ms = std::numeric_limits<int64_t>::max();
  bool Has(int64_t time_ms) const { return from_ms <= time_ms && time_ms < until_ms; }
};
struct Pin {
  std::string item;
  uint32_t place = 0;  // from 0
  Period period = {};
};
struct Hide {
  std::string item;
  Period period = {};
};
// At most so many items of one channel, brand ... on a page.
struct Cap {
  uint32_t attribute;  // of items, a category or categories
  uint32_t most;
};

struct Scenario {
  std::string name;                                 // "" for [serving]
  retrieval::GeneratorBudgets budgets = {};         // over those of [generators]
  std::optional<ExpressionTexts> expressions = {};  // null: those of [serving]
  std::optional<std::string> score = {};            // as Request::score
  double diversity = 0;
  Novelty novelty = Novelty::kMmr;
  std::vector<Cap> caps = {};
  double fresh_share = 0;  // of the places of a page, for items younger than fresh_days
  double fresh_days = 7;
  double explore = 0;
  // The score of an item that the user was served is multiplied by 1 - rotation * 2^(-hours since / rotation_hours).
  double rotation = 0, rotation_hours = 24;
  double budget_ms = 1000;               // of a whole request (stage_clock.h); 0: none
  std::optional<double> min_score = {};  // fewer items rather than worse ones
  std::vector<Pin> pins = {};
  std::vector<Hide> hides = {};
  // Of a [....cold_start] alone: it is for users with fewer items in their history; 0: for those without any event.
  std::optional<uint32_t> fewer_than = {};
  size_t cold_start = 0;  // the place of its [....cold_start] in Scenarios::all(); 0: it has none
  // In the project file: "[scenario.home]".
  std::string Title() const;
  // Whether a list is anything else than the best by score.
  bool Arranges() const {
    return diversity > 0 || !caps.empty() || fresh_share > 0 || explore > 0 || !pins.empty();
  }
};

class Scenarios {
 public:
  Scenarios() : all_(1) {}
  // [serving] and [scenario.*]. Mistakes are recorded for config.Check().
  static Scenarios FromConfig(const base::Config& config, const schema::Schema& schema);
  // "": that of [serving]. kInvalidArgument names those that there are.
  Result<const Scenario*> Find(std::string_view name) const;
  // [serving] first; a [....cold_start] is one of its own, with all that holds under it.
  const std::vector<Scenario>& all() const { return all_; }
  // The scenario itself, or its [....cold_start] if the user's state is one that it is for.
  const Scenario& For(const Scenario& scenario, const features::UserState& state) const;
  bool Rotates(const Scenario& scenario) const;  // for some users
  // Scenarios of the same names, with the same generators and scores, that filter, boost, arrange, pin and hide
  // nothing, and are the same for all users.
  Scenarios WithoutRules() const;

 private:
  // `scenario` with its [....cold_start], if `table` or, without one of its own, [serving] has one.
  void Add(Scenario scenario, const base::ConfigTable& table, const base::ConfigTable& serving,
           const schema::Schema& schema, const ExpressionTexts& site);

  std::vector<Scenario> all_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SCENARIO_H_
