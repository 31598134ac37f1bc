// What the project file says about serving: [serving], [scenario.NAME] and [generators]. A plain value.
#ifndef UPNEXT_SERVING_ENGINE_OPTIONS_H_
#define UPNEXT_SERVING_ENGINE_OPTIONS_H_

#include <cstdint>

#include "base/config.h"
#include "features/feed_rule.h"
#include "features/trend_counts.h"
#include "retrieval/generator_registry.h"
#include "retrieval/site_verb.h"
#include "serving/scenario.h"
#include "serving/site_expressions.h"
#include "serving/slate_log.h"

namespace upnext::serving {

struct EngineOptions {
  retrieval::GeneratorBudgets budgets = {};  // where they differ from the generators' defaults
  // By name: after how many milliseconds a generator is left behind. Those that have such a limit run next to the
  // thread of the request.
  retrieval::GeneratorTimes generator_ms = {};
  // What is left out. With filter_disliked, what is like a disliked item is lowered too (lowered.h).
  features::FeedRule feed = {};
  retrieval::SiteVerb verb = {};     // of reasons: [site], before SiteVerb::For
  features::LiveOptions live = {};   // of what counts as trending
  ExpressionTexts expressions = {};  // of every request
  Scenarios scenarios = {};
  SlateLogOptions slates = {};  // of the service
  uint64_t digest = 0;          // of the text of the project file
  static EngineOptions FromConfig(const base::Config& config);
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ENGINE_OPTIONS_H_
