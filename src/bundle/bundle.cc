#include "bundle/bundle.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/section_file.h"
#include "bundle/bundle_statistics.h"
#include "onnx/runtime.h"
#include "ranking/onnx_ranker.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"
#include "retrieval/indexed_items.h"
#include "retrieval/onnx_encoder.h"

namespace upnext::bundle {

namespace fs = std::filesystem;

namespace {

// Models read rows of their tables by the numbers that the vocabularies give.
Status CheckShape(bool fits, const fs::path& file) {
  if (fits) return Ok();
  return DataLoss(
      "{}: the model has other numbers of rows than the vocabularies in {}; train again",
      file.string(), FeaturesType().file);
}

}  // namespace

// The parts that a reader opens or needs, in an order in which each finds what it refers to.
struct Bundle::Reader {
  PartType type;
  bool required;
  Status (Bundle::*open)(const fs::path& file);  // null: read by others
};

std::span<const Bundle::Reader> Bundle::Readers() {
  static const auto kReaders = std::to_array<Reader>({
      {FeaturesType(), true, &Bundle::OpenFeatures},
      {CandidateType(), false, &Bundle::OpenCandidate},
      {OnnxEncoderType(), false, &Bundle::OpenOnnxEncoder},
      {IndexType(), false, &Bundle::OpenIndex},
      {RankerType(), false, &Bundle::OpenRanker},
      {OnnxRankerType(), false, &Bundle::OpenOnnxRanker},
      {ReferenceFeaturesType(), false, nullptr},
      {ReferenceModelType(), false, nullptr},
      {ProjectType(), true, nullptr},
      {ReportType(), true, nullptr},
      {ValidatedFeaturesType(), false, nullptr},
      {ValidatedCandidateType(), false, nullptr},
      {ValidatedRankerType(), false, nullptr},
      {RankerStateType(), false, nullptr},
      {ValidatedRankerStateType(), false, nullptr},
      {CandidateStateType(), false, nullptr},
      {ValidatedCandidateStateType(), false, nullptr},
  });
  return kReaders;
}

Status WriteBundle(const fs::path& staged, const Parts& parts, Manifest* manifest) {
  manifest->log_digest = parts.tables().log_digest;
  manifest->labels = parts.rule().ToText(parts.tables().plan.schema());
  manifest->parts.clear();
  for (const Part& part : parts.all()) {
    const fs::path file = staged / part.type.file;
    UPNEXT_RETURN_IF_ERROR(part.write(file, manifest->features_digest));
    if (part.type.name == FeaturesType().name) {
      UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile features,
                              base::SectionFile::Open(file, part.type.kind, part.type.version));
      manifest->features_digest = features.digest();
    }
    PartEntry entry{part.type.name, part.type.file, part.type.kind, part.type.version, 0, 0};
    UPNEXT_RETURN_IF_ERROR(MeasurePart(staged, &entry));
    manifest->parts.push_back(std::move(entry));
  }
  return WriteManifest(staged, *manifest);
}

bool Bundle::Has(const PartType& type) const { return FindPart(manifest_, type) != nullptr; }

// Every part that is listed is one that this program reads, and none is missing that it needs.
Status Bundle::CheckParts(const fs::path& directory, retrieval::GeneratorRegistry registry) const {
  std::vector<PartType> known;
  for (const Reader& reader : Readers()) {
    known.push_back(reader.type);
    if (!reader.required || Has(reader.type)) continue;
    return DataLoss("{}: expected a manifest that lists the part {}, found none; train again",
                    directory.string(), reader.type.name);
  }
  for (const retrieval::GeneratorEntry& entry : registry) {
    if (entry.learner != nullptr) known.push_back(GeneratorType(entry.name, entry.version));
  }
  for (const PartEntry& part : manifest_.parts) {
    const auto type = std::ranges::find(known, part.name, &PartType::name);
    if (type == known.end()) {
      return FailedPrecondition(
          "{}: has a part {}, which this upnext does not know; use the upnext {} that trained it, "
          "or train again",
          directory.string(), part.name, manifest_.upnext_version);
    }
    UPNEXT_RETURN_IF_ERROR(CheckPart(part, *type, directory));
  }
  return Ok();
}

// They must be those that the manifest and the models speak of.
Status Bundle::OpenFeatures(const fs::path& file) {
  const PartType type = FeaturesType();
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile sections,
                          base::SectionFile::Open(file, type.kind, type.version));
  if (sections.digest() != manifest_.features_digest) {
    return FailedPrecondition(
        "{}: features with digest {:016x}, but the bundle was written with {:016x}; train again",
        file.string(), sections.digest(), manifest_.features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(tables_, OpenStatistics(file.parent_path(), manifest_, type));
  if (tables_.log_digest != manifest_.log_digest) {
    return FailedPrecondition("{}: learned from another log than the manifest says; train again",
                              file.string());
  }
  return Ok();
}

Status Bundle::OpenCandidate(const fs::path& file) {
  UPNEXT_ASSIGN_OR_RETURN(retrieval::CandidateModel model,
                          retrieval::CandidateModel::Load(file, manifest_.features_digest));
  UPNEXT_RETURN_IF_ERROR(CheckShape(model.shape() == retrieval::ShapeOf(tables_), file));
  candidate_ = std::make_unique<retrieval::CandidateModel>(std::move(model));
  return Ok();
}

Status Bundle::OpenOnnxEncoder(const fs::path& file) {
  if (candidate_ != nullptr) {
    return DataLoss("{}: a second candidate model, next to the part {}; train again", file.string(),
                    CandidateType().name);
  }
  UPNEXT_ASSIGN_OR_RETURN(candidate_,
                          retrieval::OnnxEncoder::Load(file, manifest_.features_digest, tables_));
  return Ok();
}

Status Bundle::OpenIndex(const fs::path& file) {
  if (candidate_ == nullptr) {
    return DataLoss("{}: an index, but no part {} whose vectors it holds; train again",
                    file.string(), CandidateType().name);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      index_,
      ann::LoadIndex(file, retrieval::IndexedItems(*candidate_,
                                                   tables_.vocabulary(features::kItemVocabulary))));
  return Ok();
}

Status Bundle::OpenRanker(const fs::path& file) {
  UPNEXT_ASSIGN_OR_RETURN(ranking::Ranker ranker,
                          ranking::Ranker::Load(file, manifest_.features_digest));
  UPNEXT_RETURN_IF_ERROR(CheckShape(ranker.shape() == ranking::ShapeOf(tables_), file));
  ranker_ = std::make_unique<ranking::Ranker>(std::move(ranker));
  return Ok();
}

Status Bundle::OpenOnnxRanker(const fs::path& file) {
  if (ranker_ != nullptr) {
    return DataLoss("{}: a second ranker, next to the part {}; train again", file.string(),
                    RankerType().name);
  }
  UPNEXT_ASSIGN_OR_RETURN(ranker_,
                          ranking::OnnxRanker::Load(file, manifest_.features_digest, tables_));
  return Ok();
}

Status Bundle::OpenGenerators(const fs::path& directory, retrieval::GeneratorRegistry registry) {
  for (const retrieval::GeneratorEntry& entry : registry) {
    retrieval::LoadInput input{.part = std::nullopt,
                               .items = tables_.vocabulary(features::kItemVocabulary).ids(),
                               .tables = tables_,
                               .candidate = candidate(),
                               .index = index()};
    if (entry.learner != nullptr) {
      const PartType type = GeneratorType(entry.name, entry.version);
      if (!Has(type)) continue;
      UPNEXT_ASSIGN_OR_RETURN(
          input.part, base::SectionFile::Open(directory / type.file, type.kind, type.version));
    }
    UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<const retrieval::Generator> generator,
                            entry.load(std::move(input)));
    if (generator == nullptr) continue;
    generators_.push_back({entry.name, entry.candidates, std::move(generator)});
  }
  return Ok();
}

Result<std::unique_ptr<Bundle>> Bundle::Open(const fs::path& directory,
                                             std::span<const uint64_t> log_lineage,
                                             retrieval::GeneratorRegistry registry) {
  std::unique_ptr<Bundle> bundle(new Bundle);
  UPNEXT_ASSIGN_OR_RETURN(bundle->manifest_, VerifyBundle(directory));
  const Manifest& manifest = bundle->manifest_;
  if (std::ranges::find(log_lineage, manifest.log_digest) == log_lineage.end()) {
    return FailedPrecondition(
        "{}: trained on log {} with digest {:016x}, but the log at hand has {:016x} and does not "
        "go on from that: their item numbers differ; open it with its own log, or train again",
        directory.string(), manifest.log_version, manifest.log_digest,
        log_lineage.empty() ? 0 : log_lineage.back());
  }
  UPNEXT_RETURN_IF_ERROR(bundle->CheckParts(directory, registry));
  for (const Reader& reader : Readers()) {
    if (reader.open == nullptr || !bundle->Has(reader.type)) continue;
    UPNEXT_RETURN_IF_ERROR((*bundle.*reader.open)(directory / reader.type.file));
  }
  UPNEXT_RETURN_IF_ERROR(bundle->OpenGenerators(directory, registry));
  return bundle;
}

void UseOnnxRuntime(const fs::path& library) { onnx::SetRuntimeLibrary(library); }

ScoreWeights ScoreWeightsFromConfig(const base::Config& config) {
  return ranking::ScoreWeightsFromConfig(config.Table("ranking"));
}

std::vector<std::string> ApplyScoreWeights(const ScoreWeights& weights,
                                           ranking::RankingModel* ranker) {
  std::vector<std::string> notes;
  if (weights.empty()) return notes;
  for (const std::string& name : ranker->SetScoreWeights(weights)) {
    notes.push_back(
        fmt::format("the score_weight of the objective '{}' has no effect: this bundle was trained "
                    "without that objective",
                    name));
  }
  return notes;
}

void Bundle::SetScoreWeights(const ScoreWeights& weights) {
  if (ranker_ == nullptr) return;
  for (std::string& note : ApplyScoreWeights(weights, ranker_.get()))
    notes_.push_back(std::move(note));
}

}  // namespace upnext::bundle
