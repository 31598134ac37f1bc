#include "training/onnx_stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "base/file.h"
#include "features/feature_plan.h"
#include "onnx/inputs.h"
#include "onnx/manifest.h"

namespace upnext::training {

namespace fs = std::filesystem;

namespace {

// Whether the rows that `old` has are the first of `now`.
bool Grew(const features::FeatureStatistics& old, const features::FeatureStatistics& now) {
  if (old.plan.text() != now.plan.text() || old.quantiles != now.quantiles) return false;
  for (size_t i = 0; i < old.vocabularies.size(); ++i) {
    const std::span<const uint32_t> before = old.vocabularies[i].ids_by_row();
    const std::span<const uint32_t> after = now.vocabularies[i].ids_by_row();
    if (after.size() < before.size()) return false;
    if (!std::ranges::equal(before, after.first(before.size()))) return false;
  }
  for (size_t i = 0; i < old.plan.vocabularies().size(); ++i) {
    if (old.plan.vocabularies()[i].counts != features::VocabularyPlan::Counts::kTokens) continue;
    if (now.rows(i) < old.rows(i)) return false;
    for (uint32_t row = 0; row < old.rows(i); ++row) {
      if (old.tokens.token(row) != now.tokens.token(row)) return false;
    }
  }
  return true;
}

}  // namespace

fs::path StatisticsOfExamples(const fs::path& examples) {
  return fs::path(examples).replace_extension(".features.uxs");
}

fs::path ManifestOfNetwork(const fs::path& network) {
  return fs::path(network).replace_extension(".json");
}

Result<OnnxStage> OnnxStage::Read(const project::Project& project, const std::string& onnx,
                                  const log::EventLog& log) {
  project.UseOnnxRuntime();
  const fs::path file = project.Beside(onnx);
  const fs::path manifest = ManifestOfNetwork(file);
  OnnxStage stage;
  stage.parts.name = file.filename().string();
  UPNEXT_ASSIGN_OR_RETURN(stage.parts.network, base::ReadFile(file));
  UPNEXT_ASSIGN_OR_RETURN(stage.parts.manifest, base::ReadFile(manifest));
  UPNEXT_ASSIGN_OR_RETURN(
      const onnx::Manifest parsed,
      onnx::Manifest::Parse(stage.parts.manifest, manifest.string(), onnx::Of::kRanker));
  const fs::path features = parsed.features;
  const fs::path statistics = features.is_absolute() ? features : manifest.parent_path() / features;
  UPNEXT_ASSIGN_OR_RETURN(stage.examples, features::FeatureStatistics::Load(statistics));
  stage.parts.rows = onnx::RowsOf(stage.examples);
  if (std::ranges::find(log.lineage(), stage.examples.log_digest) == log.lineage().end()) {
    return FailedPrecondition(
        "{}: of examples of another log, in which items and users have other numbers than in {}; "
        "export the examples again and train the network on them",
        statistics.string(), log.directory().filename().string());
  }
  UPNEXT_RETURN_IF_ERROR(stage.examples.CheckIds(log));
  if (stage.examples.plan.reads_reference()) {
    return FailedPrecondition(
        "{}: the examples have request.retrieval_score or request.user_vector, which a network of "
        "[ranking] onnx cannot read; leave these features out and export the examples again",
        statistics.string());
  }
  return stage;
}

Status OnnxStage::Open(const std::vector<ranking::Objective>& objectives,
                       const features::FeatureStatistics& tables) {
  if (!Grew(examples, tables)) {
    return FailedPrecondition(
        "{}: the examples that it learned from have other vocabularies or quantiles than the bundle "
        "that the training continues from; train without --continue",
        parts.name);
  }
  ranking::OnnxRankerParts with = parts;
  with.objectives = objectives;
  UPNEXT_ASSIGN_OR_RETURN(ranker, ranking::OnnxRanker::Open(std::move(with), tables.plan));
  return Ok();
}

Status OnnxStage::NothingToRank() const {
  return FailedPrecondition(
      "{}: expected impressions, on which a ranker is evaluated, found none in the log; leave "
      "[ranking] onnx out",
      parts.name);
}

std::string OnnxStage::Note() const {
  return fmt::format(
      "the ranker is {} of [ranking] onnx; it is evaluated and served, not trained. Which events it "
      "has learned from is not known here: figures of a network that has learned from rows whose "
      "part is test mean nothing",
      parts.name);
}

}  // namespace upnext::training
