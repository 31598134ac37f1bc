#include "api/true_value.h"

#include <nlohmann/json.hpp>

#include "api/simulated_log.h"
#include "bundle/opened_bundle.h"
#include "examples/split.h"
#include "simulator/world.h"
#include "simulator/world_options.h"
#include "training/dataset.h"
#include "training/tested_bundle.h"

namespace upnext::api {

Result<studies::ValueReport> TrueValue(const Settings& settings, const std::string& world,
                                       base::ThreadPool& pool, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const simulator::WorldOptions options, WorldOf({.world = world}));
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World made, simulator::World::Create(options));
  UPNEXT_ASSIGN_OR_RETURN(
      const bundle::OpenedBundle opened,
      training::OpenTestedBundle(settings.project, settings.training, pool, progress));
  UPNEXT_ASSIGN_OR_RETURN(
      const examples::Split split,
      training::SplitOf(settings.training.dataset, opened.bundle->manifest(), opened.log));
  return studies::MeasureValue(
      {made, opened.log, split, *opened.bundle, settings.engine, opened.rule}, pool, progress);
}

std::string WithTrueValue(const std::string& report, const studies::ValueReport& value) {
  nlohmann::ordered_json out = nlohmann::ordered_json::parse(report);
  out["true_value"] = nlohmann::ordered_json::parse(studies::RenderValueJson(value));
  return out.dump(2);
}

}  // namespace upnext::api
