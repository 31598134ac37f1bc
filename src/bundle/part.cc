#include "bundle/part.h"

#include <algorithm>
#include <utility>

#include "ann/index_file.h"
#include "base/file.h"
#include "base/section_file.h"
#include "features/retrieval_reference.h"
#include "ranking/onnx_ranker.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_reference.h"
#include "retrieval/onnx_encoder.h"

namespace upnext::bundle {

namespace fs = std::filesystem;

namespace {

Part TextPart(PartType type, std::string text) {
  return {std::move(type), [text = std::move(text)](const fs::path& file, uint64_t) {
            return base::WriteFileAtomic(file, text);
          }};
}

PartType Validated(PartType type) {
  type.name = "validated." + type.name;
  type.file = "validated." + type.file;
  return type;
}

}  // namespace

PartType FeaturesType() {
  return {"features", "features.uxs", features::kTablesKind, features::kTablesVersion};
}
PartType CandidateType() {
  return {"candidate", "candidate.uxs", std::string(retrieval::kCandidateModelKind),
          retrieval::kCandidateModelVersion};
}
PartType OnnxEncoderType() {
  return {"onnx_encoder", "onnx_encoder.uxs", std::string(retrieval::kOnnxEncoderKind),
          retrieval::kOnnxEncoderVersion};
}
PartType IndexType() {
  return {"index", "index.uxs", std::string(ann::kIndexFileKind), ann::kIndexFileVersion};
}
PartType RankerType() {
  return {"ranker", "ranker.uxs", std::string(ranking::kRankerKind), ranking::kRankerVersion};
}
PartType OnnxRankerType() {
  return {"onnx_ranker", "onnx_ranker.uxs", std::string(ranking::kOnnxRankerKind),
          ranking::kOnnxRankerVersion};
}
PartType RankerStateType() {
  return {"ranker_state", "ranker_state.uxs", std::string(ranking::kRankerStateKind),
          ranking::kRankerStateVersion};
}
PartType ReferenceFeaturesType() {
  PartType type = FeaturesType();
  return {"reference.features", "reference.features.uxs", type.kind, type.version};
}
PartType ReferenceModelType() {
  PartType type = CandidateType();
  return {"reference.candidate", "reference.candidate.uxs", type.kind, type.version};
}
PartType CandidateStateType() {
  return {"candidate_state", "candidate_state.uxs", std::string(retrieval::kCandidateStateKind),
          retrieval::kCandidateStateVersion};
}
PartType GeneratorType(std::string_view generator, uint32_t version) {
  const std::string name = "generator." + std::string(generator);
  return {name, name + ".uxs", name, version};
}
PartType ProjectType() { return {"project", "project.toml", "toml", 1}; }
PartType ReportType() { return {"report", "report.json", "json", 1}; }
PartType ValidatedFeaturesType() { return Validated(FeaturesType()); }
PartType ValidatedCandidateType() { return Validated(CandidateType()); }
PartType ValidatedRankerType() { return Validated(RankerType()); }
PartType ValidatedRankerStateType() { return Validated(RankerStateType()); }
PartType ValidatedCandidateStateType() { return Validated(CandidateStateType()); }

const PartEntry* FindPart(const Manifest& manifest, const PartType& type) {
  const auto found = std::ranges::find(manifest.parts, type.name, &PartEntry::name);
  return found == manifest.parts.end() ? nullptr : &*found;
}

Result<base::Config> ReadProject(const fs::path& directory) {
  const fs::path file = directory / ProjectType().file;
  UPNEXT_ASSIGN_OR_RETURN(const std::string text, base::ReadFile(file));
  return base::Config::Parse(text, file.string());
}

Status CheckPart(const PartEntry& part, const PartType& type, const fs::path& directory) {
  if (part.file == type.file && part.kind == type.kind && part.version == type.version) return Ok();
  return FailedPrecondition(
      "{}: the part {} is {}, kind {}, version {}, but this upnext reads {}, kind {}, version "
      "{}; train again",
      directory.string(), part.name, part.file, part.kind, part.version, type.file, type.kind,
      type.version);
}

Part CandidatePart(const retrieval::UserItemModel& model) {
  return {model.trained() != nullptr ? CandidateType() : OnnxEncoderType(),
          [&model](const fs::path& file, uint64_t features_digest) {
            return model.Save(file, features_digest);
          }};
}

Part CandidateStatePart(const retrieval::CandidateState& state) {
  return {CandidateStateType(), [&state](const fs::path& file, uint64_t features_digest) {
            return state.Save(file, features_digest);
          }};
}

Part IndexPart(const ann::Index& index) {
  return {IndexType(), [&index](const fs::path& file, uint64_t) { return index.Save(file); }};
}

Part RankerPart(const ranking::RankingModel& ranker) {
  return {ranker.trained() != nullptr ? RankerType() : OnnxRankerType(),
          [&ranker](const fs::path& file, uint64_t features_digest) {
            return ranker.Save(file, features_digest);
          }};
}

Part RankerStatePart(ranking::RankerTrainer& trainer) {
  return {RankerStateType(), [&trainer](const fs::path& file, uint64_t features_digest) {
            return trainer.SaveState(file, features_digest);
          }};
}

Part GeneratorPart(const retrieval::ConfiguredLearner& learner,
                   const retrieval::LearnInput& input) {
  const PartType type = GeneratorType(learner.name, learner.version);
  return {type, [type, learner, input](const fs::path& file, uint64_t) -> Status {
            UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                                    base::SectionWriter::Create(file, type.kind, type.version));
            UPNEXT_RETURN_IF_ERROR(learner.learn(input, writer));
            return writer.Commit();
          }};
}

Part ProjectPart(std::string toml) { return TextPart(ProjectType(), std::move(toml)); }
Part ReportPart(std::string text) { return TextPart(ReportType(), std::move(text)); }
Part WrittenPart(PartType type) {
  return {std::move(type), [](const fs::path&, uint64_t) { return Ok(); }};
}

Parts::Parts(const features::FeatureStatistics& tables, const features::PositiveRule& rule)
    : tables_(tables), rule_(rule) {
  Set({FeaturesType(), [&tables](const fs::path& file, uint64_t) { return tables.Save(file); }});
  if (tables.reference != nullptr) {
    Set({ReferenceFeaturesType(), [reference = tables.reference](const fs::path& file, uint64_t) {
           return retrieval::SaveReference(reference->tables(), *reference->model(), file,
                                           file.parent_path() / ReferenceModelType().file);
         }});
    Set(WrittenPart(ReferenceModelType()));
  }
  Set(ProjectPart(""));
  Set(ReportPart(""));
}

void Parts::Set(Part part) {
  const auto same = [&](const Part& other) { return other.type.name == part.type.name; };
  const auto found = std::ranges::find_if(parts_, same);
  if (found == parts_.end()) {
    parts_.push_back(std::move(part));
  } else {
    *found = std::move(part);
  }
}

}  // namespace upnext::bundle
