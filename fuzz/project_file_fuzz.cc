// A project file of any content: parsing, every room's reader of its own table, and the check that
// names the first mistake. What passes must hold numbers that the rooms can work with.
#include <cmath>

#include "base/config.h"
#include "fuzz/harness.h"
#include "import/import.h"
#include "serving/engine.h"
#include "simulator/world_options.h"
#include "training/options.h"

namespace upnext::fuzz {
namespace {

constexpr std::string_view kName = "project.toml";

void ReadProject(std::string_view text) {
  const auto config = base::Config::Parse(text, kName);
  if (!config) {
    FUZZ_REQUIRE(config.error().message.starts_with(kName), "an error must say where");
    return;
  }
  const auto project = config->Table("project");
  project.Text("data", "");
  project.Text("directory", "");
  import::ImportOptions::FromConfig(config->Table("import"));
  const auto options = training::Options::FromConfig(*config);
  serving::EngineOptions::FromConfig(config->Table("serving"));
  const Status checked = config->Check();
  if (!checked) {
    FUZZ_REQUIRE(checked.error().message.starts_with(kName), "an error must say where");
    return;
  }
  FUZZ_REQUIRE(options.train.candidate.dim > 0 && options.train.candidate_train.batch > 0,
               "a size of 0");
  FUZZ_REQUIRE(!options.train.objectives.empty(), "a ranker without objectives");
  for (const ranking::Objective& objective : options.train.objectives) {
    FUZZ_REQUIRE(std::isfinite(objective.cap) && std::isfinite(objective.loss_weight) &&
                     std::isfinite(objective.score_weight),
                 "a number of an objective");
  }
  FUZZ_REQUIRE(
      std::isfinite(options.dataset.rule.share) && std::isfinite(options.dataset.rule.seconds),
      "a rule");
  FUZZ_REQUIRE(std::isfinite(options.train.ranker.dim_scale), "dim_scale");
  FUZZ_REQUIRE(std::isfinite(options.train.ranker_train.learning_rate) &&
                   std::isfinite(options.train.candidate_train.tower_learning_rate),
               "a learning rate");
  Accepted();
}

void ReadWorld(std::string_view text) {
  const auto config = base::Config::Parse(text, kName);
  if (!config) return;
  simulator::WorldOptions::FromConfig(config->root());
  if (config->Check()) Accepted();
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  ReadProject(TextOf(data, size));
  ReadWorld(TextOf(data, size));
  return 0;
}
