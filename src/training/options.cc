#include "training/options.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "retrieval/candidate_reference.h"
#include "retrieval/given_vectors.h"
#include "retrieval/item2vec.h"
#include "retrieval/item_tower.h"
#include "schema/schema.h"

namespace upnext::training {
namespace {

// Keys of [retrieval] and [ranking] that a checkpoint is not bound to.
constexpr std::array<std::string_view, 11> kUnbound = {
    "retrieval.order",  // chosen when the model is trained
    "retrieval.table_learning_rate",
    "retrieval.tower_learning_rate",
    "retrieval.checkpoint_minutes",
    "retrieval.max_dead_units",
    "retrieval.search_examples",
    "retrieval.search_seconds",
    "ranking.table_learning_rate",
    "ranking.learning_rate",
    "ranking.checkpoint_minutes",
    "ranking.max_dead_units"};

bool HasFeatures(const features::SidePlan& side) {
  const auto used = [](const features::Feature& one) { return !one.dropped; };
  return std::ranges::any_of(side.categories, used) || std::ranges::any_of(side.numbers, used);
}

// That the project file has the features of items that the candidate model reads, and no others. Those
// that are dropped say nothing, but keep their place.
void CheckFeaturesOfItems(const base::Config& config, const features::FeaturePlan& plan) {
  const features::SidePlan& item =
      plan.side(features::Model::kRetrieval, features::Side::kImpression);
  const base::ConfigTable retrieval = config.Table("retrieval");
  const retrieval::ItemEncoder items = retrieval::ItemEncoderFromConfig(retrieval);
  const bool by_content = items == retrieval::ItemEncoder::kContent;
  std::string name;
  for (const std::vector<features::Feature>* list : {&item.categories, &item.numbers}) {
    for (const features::Feature& one : *list) {
      if (name.empty() && !(by_content && one.dropped)) name = one.name;
    }
  }
  const Status fits = retrieval::CheckItemFeatures(items, !name.empty(), name);
  if (fits || (by_content && !retrieval.Has("items"))) return;
  if (by_content) return retrieval.Fail("items", fits.error().message);
  for (const base::ConfigTable& feature : config.root().Tables("feature")) {
    const std::vector<std::string> models = feature.Texts("for", {});
    if (feature.Text("name", "") == name && std::ranges::count(models, "retrieval") > 0) {
      feature.Fail("from", fits.error().message);
    }
  }
}

// That the attribute at which rows start is a vector of the models' width.
void CheckPretrained(const base::Config& config, const retrieval::PresetOptions& options) {
  const schema::Schema schema = schema::Schema::FromConfig(config.Table("schema"));
  for (const retrieval::CandidatePreset& preset : options.presets) {
    const std::string& attribute = preset.train.pretrained;
    if (attribute.empty() || attribute == retrieval::kItem2vec) continue;
    const Status fits = retrieval::CheckGiven(attribute, schema, preset.model.dim);
    if (!fits) config.Table("retrieval").Fail("pretrained", fits.error().message);
  }
}

}  // namespace

std::vector<std::string> SettingsOf(const base::Config& config) {
  std::vector<std::string> settings;
  for (const char* table :
       {"schema", "features", "labels", "history", "split", "retrieval", "ranking"}) {
    for (std::string& line : config.Table(table).Lines()) {
      const std::string_view key = std::string_view(line).substr(0, line.find(" = "));
      const bool of_index = key.starts_with("retrieval.index.");  // made of the trained model
      if (!of_index && !std::ranges::count(kUnbound, key)) settings.push_back(std::move(line));
    }
  }
  // What validation leaves out of its lists, and so which epoch is the best.
  for (std::string& line : config.Table("serving").Lines()) {
    const bool of_feed = line.starts_with("serving.filter_") || line.starts_with("serving.low_");
    if (of_feed) settings.push_back(std::move(line));
  }
  return settings;
}

DatasetOptions DatasetOptions::FromConfig(const base::Config& config) {
  const schema::Schema schema = schema::Schema::FromConfig(config.Table("schema"));
  const std::vector<std::string> labels = ranking::LabelsFromConfig(config.Table("ranking"));
  return {.signals = features::SignalOptions::FromConfig(config, schema),
          .features = features::FeatureSpec::FromConfig(
              config.Table("features"), config.root().Tables("feature"), schema, labels,
              retrieval::ItemEncoderFromConfig(config.Table("retrieval")) ==
                  retrieval::ItemEncoder::kContent),
          .split = examples::SplitOptions::FromConfig(config.Table("split"))};
}

TrainOptions TrainOptions::FromConfig(const base::Config& config,
                                      const features::FeaturePlan& plan) {
  TrainOptions options;
  const base::ConfigTable retrieval = config.Table("retrieval");
  options.presets = retrieval::PresetOptions::FromConfig(retrieval);
  const features::FeedRule feed = features::FeedRule::FromConfig(config.Table("serving"));
  const features::SidePlan& item =
      plan.side(features::Model::kRetrieval, features::Side::kImpression);
  for (auto& preset : options.presets.presets) {
    preset.train.feed = feed;
    if (!retrieval.Has("items") && !HasFeatures(item)) {
      preset.model.items = retrieval::ItemEncoder::kId;
    }
  }
  options.candidate = options.presets.presets.front().model;
  options.candidate_train = options.presets.presets.front().train;
  options.index = ann::IndexOptions::FromConfig(
      retrieval.Table("index"),
      retrieval::BudgetOf("candidate-model",
                          retrieval::BudgetsFromConfig(config.Table("generators"))));
  options.generators = retrieval::LearnersFromConfig(config.Table("generators"));
  const base::ConfigTable ranking = config.Table("ranking");
  options.ranker = ranking::RankerOptions::FromConfig(ranking, plan);
  options.objectives =
      ranking::ObjectivesFromConfig(ranking, schema::Schema::FromConfig(config.Table("schema")));
  options.default_objectives = ranking.Tables("objective").empty();
  options.ranker_train = ranking::RankerTrainOptions::FromConfig(ranking);
  options.retrieval_onnx = retrieval.Text("onnx", "");
  options.ranking_onnx = ranking.Text("onnx", "");
  options.reference_share =
      ranking.Real("reference_share", options.reference_share, {.min = 0.01, .max = 0.99});
  const Status wide = retrieval::CheckWidth(plan, options.presets);
  if (!wide) retrieval.Fail("dim", wide.error().message);
  CheckPretrained(config, options.presets);
  options.settings = SettingsOf(config);
  return options;
}

Options Options::FromConfig(const base::Config& config) {
  Options options;
  options.dataset = DatasetOptions::FromConfig(config);
  // A plan that cannot be made is a mistake that waits in config.Check().
  const Result<features::FeaturePlan> plan = features::FeaturePlan::Compile(
      options.dataset.features, schema::Schema::FromConfig(config.Table("schema")));
  if (plan) CheckFeaturesOfItems(config, *plan);
  options.train = TrainOptions::FromConfig(config, plan ? *plan : features::FeaturePlan());
  options.evaluate.feed = features::FeedRule::FromConfig(config.Table("serving"));
  options.order = retrieval::OrderRuleFromConfig(config.Table("retrieval"));
  options.evaluate.served = {.order_is_auto = options.order == retrieval::OrderRule::kAuto,
                             .budgets = retrieval::BudgetsFromConfig(config.Table("generators")),
                             .co_watch = retrieval::CoWatchOptions::FromConfig(
                                 config.Table("generators").Table("co-watch")),
                             .live = features::LiveOptions::FromConfig(config)};
  options.evaluate.reach.learners = options.train.generators;
  options.evaluate.max_users = static_cast<uint32_t>(
      config.Table("evaluation")
          .Int("max_users", options.evaluate.max_users, {.min = 0, .max = UINT32_MAX}));
  options.evaluate.item2vec =
      config.Table("evaluation").Bool("item2vec", options.evaluate.item2vec);
  options.evaluate.targets = static_cast<examples::HoldoutTargets>(
      config.Table("evaluation").Choice("targets", {"all", "last", "successive"}, 0));
  const base::ConfigTable train = config.Table("train");
  options.margin = train.Real("margin", options.margin, {.min = 0, .max = 1});
  options.final_fit = train.Bool("final_fit", options.final_fit);
  options.SetSeed(static_cast<uint64_t>(train.Int("seed", 1, {.min = 0})));
  return options;
}

void Options::SetSeed(uint64_t seed) {
  train.seed = seed;
  train.candidate_train.seed = seed;
  train.index.seed = seed;
  train.ranker_train.seed = seed;
  evaluate.seed = seed;
}

}  // namespace upnext::training
