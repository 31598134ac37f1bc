// A project file of any content: parsing, the reader of every table, and the check that reports the
// first mistake. Accepted values must be usable numbers.
#include <cmath>

#include "base/config.h"
#include "fuzz/harness.h"
#include "import/import.h"
#include "net/server_options.h"
#include "schema/schema.h"
#include "serving/engine.h"
#include "simulator/world_options.h"
#include "training/options.h"

namespace upnext::fuzz {
namespace {

constexpr std::string_view kName = "project.toml";

void ReadProject(std::string_view text) {
  const auto config = base::Config::Parse(text, kName);
  if (!config) {
    FUZZ_REQUIRE(config.error().message.starts_with(kName), "an error must have a position");
    return;
  }
  const auto project = config->Table("project");
  project.Text("data", "");
  project.Text("directory", "");
  const schema::Schema schema = import::ImportOptions::FromConfig(*config).schema;
  const auto options = training::Options::FromConfig(*config);
  serving::EngineOptions::FromConfig(*config);
  net::ServerOptions::FromConfig(*config);
  const Status checked = config->Check();
  if (!checked) {
    FUZZ_REQUIRE(checked.error().message.starts_with(kName), "an error must have a position");
    return;
  }
  const auto declared = schema::Schema::Parse(schema.Declarations());
  FUZZ_REQUIRE(declared && *declared == schema, "declarations must read back as the same schema");
  FUZZ_REQUIRE(options.train.candidate.dim > 0 && options.train.candidate_train.batch > 0,
               "a size of 0");
  FUZZ_REQUIRE(!options.train.objectives.empty(), "a ranker without objectives");
  for (const ranking::Objective& objective : options.train.objectives) {
    FUZZ_REQUIRE(std::isfinite(objective.cap) && std::isfinite(objective.loss_weight) &&
                     std::isfinite(objective.score_weight),
                 "a number of an objective");
  }
  FUZZ_REQUIRE(std::isfinite(options.dataset.signals.share) &&
                   std::isfinite(options.dataset.signals.seconds),
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
