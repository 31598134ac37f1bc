#include "training/onnx_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/npy.h"
#include "bundle/manifest.h"
#include "bundle/part.h"
#include "features/feature_plan.h"
#include "onnx/given_network.h"
#include "onnx/inputs.h"
#include "onnx/manifest.h"

namespace upnext::training {

namespace fs = std::filesystem;

namespace {

constexpr char kNetworkNote[] =
    "Which events it has learned from is not known here: figures of a network that has learned from "
    "rows whose part is test mean nothing";

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

// The files of one network.
struct Network {
  std::string name, bytes, manifest_text;
  onnx::Manifest manifest;
  fs::path folder;      // of the manifest: what it names is relative to that
  fs::path statistics;  // of the examples
  features::FeatureStatistics examples;

  // What it names; a path that is absolute stays as it is.
  fs::path Beside(const std::string& file) const { return folder / file; }
  onnx::GivenNetwork Given() const {
    return {
        .name = name, .bytes = bytes, .manifest = manifest_text, .rows = onnx::RowsOf(examples)};
  }
};

// `section`: of the project file, for messages.
Status CheckExamples(const Network& network, std::string_view section, const log::EventLog& log) {
  const std::string file = network.statistics.string();
  if (std::ranges::find(log.lineage(), network.examples.log_digest) == log.lineage().end()) {
    return FailedPrecondition(
        "{}: of examples of another log, in which items and users have other numbers than in {}; "
        "export the examples again and train the network on them",
        file, log.directory().filename().string());
  }
  UPNEXT_RETURN_IF_ERROR(network.examples.CheckIds(log));
  if (!network.examples.plan.reads_reference()) return Ok();
  return FailedPrecondition(
      "{}: the examples have request.retrieval_score or request.user_vector, which a network of "
      "[{}] onnx cannot read; leave these features out and export the examples again",
      file, section);
}

bool SameNetwork(const onnx::GivenNetwork& a, const onnx::GivenNetwork& b) {
  return a.bytes == b.bytes && a.manifest == b.manifest;
}

// But for row 0, which is no item.
bool SameVectors(const base::NpyMatrix& a, const base::NpyMatrix& b) {
  const auto items = [](const base::NpyMatrix& of) {
    return std::span(of.values).subspan(of.columns);
  };
  return a.columns == b.columns && std::ranges::equal(items(a), items(b));
}

Result<Network> ReadNetwork(const project::Project& project, const std::string& onnx, onnx::Of of,
                            const log::EventLog& log) {
  const fs::path file = project.Beside(onnx), manifest = ManifestOfNetwork(file);
  Network network;
  network.name = file.filename().string();
  network.folder = manifest.parent_path();
  UPNEXT_ASSIGN_OR_RETURN(network.bytes, base::ReadFile(file));
  Result<std::string> text = base::ReadFile(manifest);
  if (!text) return WithContext(text.error(), "the manifest of " + network.name);
  network.manifest_text = *std::move(text);
  UPNEXT_ASSIGN_OR_RETURN(network.manifest,
                          onnx::Manifest::Parse(network.manifest_text, manifest.string(), of));
  network.statistics = network.Beside(network.manifest.features);
  UPNEXT_ASSIGN_OR_RETURN(network.examples, features::FeatureStatistics::Load(network.statistics));
  const bool ranks = of == onnx::Of::kRanker;
  UPNEXT_RETURN_IF_ERROR(CheckExamples(network, ranks ? "ranking" : "retrieval", log));
  return network;
}

}  // namespace

fs::path StatisticsOfExamples(const fs::path& examples) {
  return fs::path(examples).replace_extension(".features.uxs");
}

fs::path ManifestOfNetwork(const fs::path& network) {
  return fs::path(network).replace_extension(".json");
}

Result<OnnxModels> OnnxModels::Read(const project::Project& project, const Options& options,
                                    const log::EventLog& log) {
  const TrainOptions& train = options.train;
  OnnxModels models;
  fs::path statistics;
  if (!train.retrieval_onnx.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(
        Network network, ReadNetwork(project, train.retrieval_onnx, onnx::Of::kUserEncoder, log));
    UPNEXT_ASSIGN_OR_RETURN(base::NpyMatrix items,
                            base::ReadNpy(network.Beside(network.manifest.items)));
    models.encoder_parts_ = {.network = network.Given(), .items = std::move(items)};
    statistics = network.statistics;
    models.examples_ = std::move(network.examples);
  }
  if (!train.ranking_onnx.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(Network network,
                            ReadNetwork(project, train.ranking_onnx, onnx::Of::kRanker, log));
    models.ranker_parts_ = {.network = network.Given(), .objectives = {}};
    const auto* const other = models.examples();
    if (other != nullptr && !(Grew(*other, network.examples) && Grew(network.examples, *other))) {
      return FailedPrecondition(
          "the networks of [retrieval] onnx and [ranking] onnx have learned from examples with other "
          "vocabularies or quantiles, {} and {}; export the examples of both stages from one log, "
          "with one [features], and train both networks on them",
          statistics.string(), network.statistics.string());
    }
    models.examples_ = std::move(network.examples);
  }
  if (models.examples() == nullptr) return models;
  project.UseOnnxRuntime();
  UPNEXT_ASSIGN_OR_RETURN(const features::FeaturePlan plan,
                          features::FeaturePlan::Compile(options.dataset.features, log.schema()));
  if (plan.reads_reference()) {  // before one is trained
    return FailedPrecondition(
        "a [[feature]] reads request.retrieval_score or request.user_vector, which no examples of a "
        "network of others have; leave it out, or leave [retrieval] onnx and [ranking] onnx out");
  }
  return models;
}

Status OnnxModels::CheckGrew(const features::FeatureStatistics& tables) const {
  if (!examples_ || Grew(*examples_, tables)) return Ok();
  return FailedPrecondition(
      "{}: the examples that it learned from have other vocabularies or quantiles than the bundle "
      "that the training continues from; train without --continue",
      has_encoder() ? encoder_parts_->network.name : ranker_parts_->network.name);
}

bool OnnxModels::AreThoseOf(const fs::path& folder) const {
  const Result<bundle::Manifest> manifest = bundle::ReadManifest(folder);
  if (!manifest) return false;
  const auto file = [&](const bundle::PartType& type) -> std::optional<fs::path> {
    const bundle::PartEntry* const part = bundle::FindPart(*manifest, type);
    if (part == nullptr) return std::nullopt;
    return folder / part->file;
  };
  const auto encoder = file(bundle::OnnxEncoderType()), ranker = file(bundle::OnnxRankerType());
  if (encoder.has_value() != has_encoder() || ranker.has_value() != has_ranker()) return false;
  const uint64_t digest = manifest->features_digest;
  if (encoder) {
    const auto parts = retrieval::OnnxEncoder::ReadParts(*encoder, digest);
    if (!parts || !SameNetwork(parts->network, encoder_parts_->network) ||
        !SameVectors(parts->items, encoder_parts_->items)) {
      return false;
    }
  }
  if (!ranker) return true;
  const auto parts = ranking::OnnxRanker::ReadParts(*ranker, digest);
  return parts && SameNetwork(parts->network, ranker_parts_->network);
}

Error OnnxModels::OthersThanContinued() {
  return {
      Code::kFailedPrecondition,
      "the log has nothing to continue with, but the networks of [retrieval] onnx or [ranking] onnx "
      "are others than those of the bundle; train without --continue"};
}

Status OnnxModels::OpenEncoder(const features::FeatureStatistics& tables) {
  encoder_.reset();
  if (!has_encoder()) return Ok();
  UPNEXT_RETURN_IF_ERROR(CheckGrew(tables));
  UPNEXT_ASSIGN_OR_RETURN(encoder_, retrieval::OnnxEncoder::Open(*encoder_parts_, tables));
  return Ok();
}

Status OnnxModels::OpenRanker(const std::vector<ranking::Objective>& objectives,
                              const features::FeatureStatistics& tables) {
  UPNEXT_RETURN_IF_ERROR(CheckGrew(tables));
  ranking::OnnxRankerParts with = *ranker_parts_;
  with.objectives = objectives;
  UPNEXT_ASSIGN_OR_RETURN(ranker_, ranking::OnnxRanker::Open(std::move(with), tables.plan));
  return Ok();
}

Status OnnxModels::CheckImpressions(bool has_impressions) const {
  if (has_impressions || !has_ranker()) return Ok();
  return FailedPrecondition(
      "{}: expected impressions, on which a ranker is evaluated, found none in the log; leave "
      "[ranking] onnx out",
      ranker_parts_->network.name);
}

std::string OnnxModels::EncoderNote() const {
  if (!has_encoder()) return "";
  return fmt::format(
      "the candidate model is {} of [retrieval] onnx, with vectors of {} items; it is evaluated and "
      "served, not trained. {}",
      encoder_parts_->network.name, encoder_parts_->items.rows - 1, kNetworkNote);
}

std::string OnnxModels::RankerNote() const {
  if (!has_ranker()) return "";
  return fmt::format(
      "the ranker is {} of [ranking] onnx; it is evaluated and served, not trained. {}",
      ranker_parts_->network.name, kNetworkNote);
}

}  // namespace upnext::training
