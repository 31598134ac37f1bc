// What the project file says about serving: [serving] and [generators]. A plain value.
#ifndef UPNEXT_SERVING_ENGINE_OPTIONS_H_
#define UPNEXT_SERVING_ENGINE_OPTIONS_H_

#include <optional>

#include "base/config.h"
#include "features/live_counts.h"
#include "retrieval/generator_registry.h"
#include "retrieval/site_verb.h"

namespace upnext::serving {

struct EngineOptions {
  retrieval::GeneratorBudgets budgets = {};  // where they differ from the generators' defaults
  bool filter_seen = true;                   // leave out items the user has watched
  // Leave out items that the user dislikes, and lower what is like them (lowered.h).
  bool filter_disliked = true;
  std::optional<float> low_rating = {};  // the highest rating that is a dislike; none: LowRatingOf
  retrieval::SiteVerb verb = {};         // of reasons: [site]
  features::LiveOptions live = {};       // of what counts as trending
  static EngineOptions FromConfig(const base::Config& config);
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ENGINE_OPTIONS_H_
