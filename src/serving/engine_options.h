// What the project file says about serving: [serving] and [generators]. A plain value.
#ifndef UPNEXT_SERVING_ENGINE_OPTIONS_H_
#define UPNEXT_SERVING_ENGINE_OPTIONS_H_

#include "base/config.h"
#include "retrieval/generator_registry.h"

namespace upnext::serving {

struct EngineOptions {
  retrieval::GeneratorBudgets budgets = {};  // where they differ from the generators' defaults
  bool filter_seen = true;                   // leave out items the user has watched
  static EngineOptions FromConfig(const base::Config& config);
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ENGINE_OPTIONS_H_
