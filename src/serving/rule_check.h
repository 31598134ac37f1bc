// What is wrong with the rules of a scenario, against a catalogue: names that it does not have, periods that are
// over, caps that leave a page short, filters that nothing or everything passes. And what rules change in
// lists: the same requests with and without them.
//
//   for (const RuleFinding& one : CheckRules(scenario, options, catalogue, now_ms, 20)) ...
//   const Scenarios plain = WithoutRules(options.scenarios);
//   ListDifference difference = Compare(with, without, n);
//
// Pure functions.
#ifndef UPNEXT_SERVING_RULE_CHECK_H_
#define UPNEXT_SERVING_RULE_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "serving/engine_options.h"
#include "serving/scenario.h"
#include "serving/slate.h"

namespace upnext::serving {

struct RuleFinding {
  bool is_error = false;  // a rule that has no effect, or leaves nothing; else something to look at
  std::string text;
};
struct RuleCheck {
  std::vector<RuleFinding> findings = {};
  // The share of the items that are not removed which the filter lets through, for a request of which nothing is
  // known; none without a filter, or for one with parameters.
  std::optional<double> passing = {};
};
// `n`: items of a page.
RuleCheck CheckRules(const Scenario& scenario, const EngineOptions& options,
                     const catalogue::Catalogue& catalogue, int64_t now_ms, uint32_t n);

// The same options with scenarios of the same names that filter, boost, arrange, pin and hide nothing.
EngineOptions WithoutRules(EngineOptions options);

struct ListDifference {
  uint32_t moved = 0;     // places with another item, or with one in only one of the lists
  uint32_t unfilled = 0;  // places that the list with rules does not fill
};
ListDifference Compare(const Slate& with, const Slate& without, uint32_t n);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_RULE_CHECK_H_
