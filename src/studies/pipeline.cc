#include "studies/pipeline.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "examples/learn.h"
#include "retrieval/user_vectors.h"

namespace upnext::studies {
namespace {

// Keys of [retrieval] and [ranking] that a checkpoint is not bound to.
constexpr std::array<std::string_view, 8> kUnbound = {
    "retrieval.table_learning_rate", "retrieval.tower_learning_rate",
    "retrieval.checkpoint_minutes",  "retrieval.max_dead_units",
    "ranking.table_learning_rate",   "ranking.learning_rate",
    "ranking.checkpoint_minutes",    "ranking.max_dead_units"};

constexpr uint32_t kIndexQueries = 256;  // users by whom a graph's recall is measured

std::vector<std::string> SettingsOf(const base::Config& config) {
  std::vector<std::string> settings;
  for (const char* table : {"features", "labels", "split", "retrieval", "ranking"}) {
    for (std::string& line : config.Table(table).Lines()) {
      const std::string_view key = std::string_view(line).substr(0, line.find(" = "));
      const bool of_index = key.starts_with("retrieval.index.");  // made of the trained model
      if (!of_index && !std::ranges::count(kUnbound, key)) settings.push_back(std::move(line));
    }
  }
  return settings;
}

// What was freed in small pieces stays with the allocator; models and lists of neighbours take
// theirs in large ones, so it would stay beside them, unused.
void ReturnFreedMemory() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace

PipelineOptions PipelineOptions::FromConfig(const base::Config& config) {
  PipelineOptions options;
  const base::ConfigTable train = config.Table("train");
  options.rule = features::PositiveRule::FromConfig(config.Table("labels"));
  options.features = features::FeatureSpec::FromConfig(config.Table("features"));
  options.split = examples::SplitOptions::FromConfig(config.Table("split"));
  const base::ConfigTable retrieval = config.Table("retrieval");
  options.candidate = retrieval::CandidateModelOptions::FromConfig(retrieval);
  options.candidate_train = retrieval::CandidateTrainOptions::FromConfig(retrieval);
  options.index = retrieval::IndexOptions::FromConfig(retrieval.Table("index"));
  const base::ConfigTable ranking = config.Table("ranking");
  options.ranker = ranking::RankerOptions::FromConfig(ranking);
  options.objectives = ranking::ObjectivesFromConfig(ranking);
  options.ranker_train = ranking::RankerTrainOptions::FromConfig(ranking);
  options.evaluate.filter_seen = config.Table("serving").Bool("filter_seen", true);
  options.evaluate.max_users = static_cast<uint32_t>(
      config.Table("evaluation")
          .Int("max_users", options.evaluate.max_users, {.min = 0, .max = UINT32_MAX}));
  options.settings = SettingsOf(config);
  options.SetSeed(static_cast<uint64_t>(train.Int("seed", 1, {.min = 0})));
  return options;
}

void PipelineOptions::SetSeed(uint64_t value) {
  seed = value;
  candidate_train.seed = value;
  index.seed = value;
  ranker_train.seed = value;
  evaluate.seed = value;
}

Result<examples::Split> SplitOf(const examples::SplitOptions& options,
                                const features::PositiveRule& rule,
                                const bundle::OpenedBundle& opened) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split, examples::Split::Make(options, opened.log, rule));
  const bundle::Manifest& manifest = opened.bundle->manifest();
  if (split.Describe() == manifest.split) return split;
  return FailedPrecondition(
      "[split] changed since bundle {} was trained ({}; now {}), so it may have learned from what "
      "would test it: train again, or restore [split]",
      manifest.version, manifest.split, split.Describe());
}

Pipeline::Pipeline(const log::EventLog& log, const PipelineOptions& options, examples::Split split,
                   base::ThreadPool& pool)
    : options_(options),
      catalogue_(log),
      split_(std::move(split)),
      pool_(pool),
      source_{catalogue_.log(), catalogue_, options_.rule, split_} {}

Result<std::unique_ptr<Pipeline>> Pipeline::Prepare(const log::EventLog& log,
                                                    const PipelineOptions& options,
                                                    base::ThreadPool& pool,
                                                    base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                          examples::Split::Make(options.split, log, options.rule));
  std::unique_ptr<Pipeline> run(new Pipeline(log, options, std::move(split), pool));
  UPNEXT_ASSIGN_OR_RETURN(run->tables_,
                          examples::LearnFeatures(run->source_, options.features, pool, progress));
  return run;
}

nn::CheckpointOptions Pipeline::CheckpointsOf(nn::CheckpointOptions options, std::string_view table,
                                              const CheckpointFolder& folder) const {
  options.folder = folder.path;
  options.resume = folder.resume;
  options.binding = {fmt::format("log = {:016x}", source_.log.content_digest()),
                     fmt::format("features = {:016x}", folder.features_digest),
                     fmt::format("train.seed = {}", options_.seed),
                     fmt::format("train.threads = {}", pool_.threads())};
  if (const auto shard = source_.log.shard()) {
    options.binding.push_back(fmt::format("log.shard = {}", *shard));
  }
  for (const std::string& setting : options_.settings) {
    const bool of_other = (setting.starts_with("retrieval.") && table != "retrieval") ||
                          (setting.starts_with("ranking.") && table != "ranking");
    if (!of_other) options.binding.push_back(setting);
  }
  return options;
}

Status Pipeline::RemoveCheckpoints(const CheckpointFolder& checkpoints) const {
  const auto remove = [&](const nn::CheckpointOptions& options, std::string_view table) {
    return nn::TrainingCheckpoints(CheckpointsOf(options, table, checkpoints)).Remove();
  };
  if (options_.train_retrieval) {
    UPNEXT_RETURN_IF_ERROR(remove(options_.candidate_train.checkpoints, "retrieval"));
  }
  if (options_.train_ranking) {
    UPNEXT_RETURN_IF_ERROR(remove(options_.ranker_train.checkpoints, "ranking"));
  }
  return Ok();
}

Status Pipeline::Train(base::Progress& progress, const CheckpointFolder& checkpoints) {
  ReturnFreedMemory();  // of learning the features
  if (options_.train_retrieval) {
    retrieval::CandidateTrainOptions train = options_.candidate_train;
    train.checkpoints = CheckpointsOf(train.checkpoints, "retrieval", checkpoints);
    UPNEXT_ASSIGN_OR_RETURN(
        candidate_, retrieval::TrainCandidateModel(source_, tables_, options_.candidate, train,
                                                   pool_, progress));
  }
  const uint64_t impressions =
      source_.log.stats().by_type[static_cast<size_t>(schema::EventType::kImpression)];
  if (options_.train_ranking && impressions > 0) {
    ranking::RankerTrainOptions train = options_.ranker_train;
    train.checkpoints = CheckpointsOf(train.checkpoints, "ranking", checkpoints);
    UPNEXT_ASSIGN_OR_RETURN(
        ranker_, ranking::TrainRanker(source_, tables_, options_.ranker, options_.objectives, train,
                                      pool_, progress));
  }
  return Ok();
}

Result<evaluation::Report> Pipeline::Evaluate(const evaluation::EvaluateOptions& options,
                                              const retrieval::CandidateModel* candidate,
                                              const ranking::Ranker* ranker,
                                              base::Progress& progress) const {
  ReturnFreedMemory();  // of training
  return evaluation::Evaluate({source_, tables_, candidate, ranker}, options, pool_, progress);
}

Result<evaluation::Report> Pipeline::Evaluate(const evaluation::EvaluateOptions& options,
                                              base::Progress& progress) const {
  return Evaluate(options, candidate_.model.get(), ranker_.ranker.get(), progress);
}

Status Pipeline::BuildIndex(base::Progress& progress) {
  const std::vector<float> queries =
      retrieval::SampleUserVectors(source_, tables_, *candidate_.model, kIndexQueries, pool_);
  UPNEXT_ASSIGN_OR_RETURN(
      index_, retrieval::BuildIndex(options_.index, candidate_.model->item_vectors(), queries,
                                    pool_, progress));
  return Ok();
}

Result<bundle::Parts> Pipeline::MakeParts(base::Progress& progress) {
  if (!popular_) {
    ReturnFreedMemory();  // of the evaluation
    if (candidate_.model != nullptr) UPNEXT_RETURN_IF_ERROR(BuildIndex(progress));
    ReturnFreedMemory();  // of building the index
    popular_ = retrieval::PopularItems::Learn(source_);
    co_watch_.emplace(source_, options_.co_watch, pool_);
  }
  bundle::Parts parts;
  parts.tables = &tables_;
  parts.rule = options_.rule;
  parts.candidate = candidate_.model.get();
  parts.index = index_.get();
  parts.popular = &*popular_;
  parts.co_watch = &*co_watch_;
  parts.ranker = ranker_.ranker.get();
  return parts;
}

}  // namespace upnext::studies
