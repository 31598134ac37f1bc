// What the states keep that the harness of user states reads, and of which there are seeds.
#ifndef UPNEXT_FUZZ_STATE_SPECS_H_
#define UPNEXT_FUZZ_STATE_SPECS_H_

#include <vector>

#include "features/feature_plan.h"
#include "features/feature_spec.h"
#include "features/state_spec.h"

namespace upnext::fuzz {

// Of the default features, and with what is said of the events of lists.
inline std::vector<features::StateSpec> StateSpecs() {
  const features::FeatureSpec said{.retrieval = {{"types", "history(interest, type, 50)", ""},
                                                 {"shares", "history(watch, share, 20)", ""}}};
  std::vector<features::StateSpec> specs = {features::FeaturePlan().state()};
  if (const auto plan = features::FeaturePlan::Compile(said, {})) specs.push_back(plan->state());
  return specs;
}

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_STATE_SPECS_H_
