#include "training/train.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "nn/training_checkpoint.h"
#include "training/freed_memory.h"

namespace upnext::training {
namespace {

constexpr std::string_view kRetrieval = "retrieval", kRanking = "ranking";

// `options` with the folder and the binding of one stage, whose settings begin with `stage`.
nn::CheckpointOptions CheckpointsOf(nn::CheckpointOptions options, std::string_view stage,
                                    const Dataset& dataset, const TrainOptions& train,
                                    const base::ThreadPool& pool, const CheckpointFolder& folder) {
  options.folder = folder.path;
  options.name = folder.prefix + std::string(stage);
  options.resume = folder.resume;
  options.binding = {fmt::format("log = {:016x}", dataset.log().content_digest()),
                     fmt::format("features = {:016x}", folder.features_digest),
                     fmt::format("train.seed = {}", train.seed),
                     fmt::format("train.threads = {}", pool.threads())};
  if (const uint32_t epochs =
          stage == kRetrieval ? train.candidate_train.stop_after : train.ranker_train.stop_after) {
    options.binding.push_back(fmt::format("epochs that validation chose = {}", epochs));
  }
  if (const auto shard = dataset.log().shard()) {
    options.binding.push_back(fmt::format("log.shard = {}", *shard));
  }
  if (!folder.continued.empty()) options.binding.push_back("continued = " + folder.continued);
  for (const std::string& setting : train.settings) {
    const bool of_other = (setting.starts_with("retrieval.") && stage != kRetrieval) ||
                          (setting.starts_with("ranking.") && stage != kRanking);
    if (!of_other) options.binding.push_back(setting);
  }
  return options;
}

// Of the models of the stage that these options train.
std::vector<std::string> CheckpointNames(const TrainOptions& options) {
  const uint32_t models =
      options.candidate.ensemble + (options.candidate_train.distill > 0 ? 1 : 0);
  std::vector<std::string> names;
  for (uint32_t i = 0; i < models; ++i) {
    names.push_back(retrieval::CheckpointName(std::string(kRetrieval), i));
  }
  return names;
}

// Those of the stage, also of models that other options train, but those named in `kept`.
Status RemoveStage(const CheckpointFolder& checkpoints, std::string_view stage,
                   const std::vector<std::string>& kept = {}) {
  if (checkpoints.path.empty()) return Ok();
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(checkpoints.path, error)) {
    const std::string file = entry.path().filename().string();
    if (!file.starts_with(checkpoints.prefix)) continue;
    const std::string name =
        file.substr(checkpoints.prefix.size(), file.find('.') - checkpoints.prefix.size());
    const bool of_stage = name == stage || name.starts_with(std::string(stage) + "-");
    if (of_stage && !std::ranges::count(kept, name)) files.push_back(entry.path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return base::OsError(error.value(), checkpoints.path, "list");
  }
  for (const std::filesystem::path& file : files) UPNEXT_RETURN_IF_ERROR(base::RemoveAll(file));
  std::error_code not_empty;
  std::filesystem::remove(checkpoints.path, not_empty);
  return Ok();
}

}  // namespace

TrainOptions FitOptions(TrainOptions options, const TrainedModels& trained) {
  options.candidate_train.stop_after = trained.candidate.chosen_epochs;
  options.candidate_train.teacher_stop_after = trained.candidate.teacher_epochs;
  options.ranker_train.stop_after = trained.ranker.best_epoch + 1;
  return options;
}

Result<TrainedModels> Train(const Dataset& dataset, const TrainOptions& options,
                            base::ThreadPool& pool, base::Progress& progress,
                            const CheckpointFolder& checkpoints, const Start& start) {
  ReturnFreedMemory();  // of learning the statistics
  TrainedModels trained;
  if (options.train_retrieval) {
    if (!checkpoints.resume) {  // its own are replaced
      UPNEXT_RETURN_IF_ERROR(RemoveStage(checkpoints, kRetrieval, CheckpointNames(options)));
    }
    retrieval::CandidateTrainOptions train = options.candidate_train;
    train.checkpoints =
        CheckpointsOf(train.checkpoints, kRetrieval, dataset, options, pool, checkpoints);
    UPNEXT_ASSIGN_OR_RETURN(
        trained.candidate,
        retrieval::TrainCandidateModel(dataset.source(), dataset.statistics(), options.candidate,
                                       train, pool, progress, start.candidate));
  }
  if (options.train_ranking && dataset.has_impressions()) {
    ranking::RankerTrainOptions train = options.ranker_train;
    train.checkpoints =
        CheckpointsOf(train.checkpoints, kRanking, dataset, options, pool, checkpoints);
    UPNEXT_ASSIGN_OR_RETURN(
        trained.ranker,
        ranking::TrainRanker(dataset.source(), dataset.statistics(), options.ranker,
                             options.objectives, train, pool, progress, start.ranker));
  }
  return trained;
}

Status RemoveCheckpoints(const TrainOptions& options, const CheckpointFolder& checkpoints) {
  if (options.train_retrieval) UPNEXT_RETURN_IF_ERROR(RemoveStage(checkpoints, kRetrieval));
  return options.train_ranking ? RemoveStage(checkpoints, kRanking) : Ok();
}

Result<evaluation::Report> Evaluate(const Dataset& dataset, const Models& models,
                                    const evaluation::EvaluateOptions& options,
                                    base::ThreadPool& pool, base::Progress& progress,
                                    evaluation::DecidingFigures* deciding) {
  ReturnFreedMemory();  // of training
  return evaluation::Evaluate(
      {dataset.source(), dataset.statistics(), models.candidate, models.ranker}, options, pool,
      progress, deciding);
}

}  // namespace upnext::training
