#include "bundle/bundle.h"

#include <algorithm>

#include "base/file.h"
#include "base/section_file.h"

namespace upnext::bundle {

namespace fs = std::filesystem;

namespace {

constexpr char kFeatures[] = "features.uxs", kCandidate[] = "candidate.uxs", kIndex[] = "index.uxs",
               kGenerators[] = "generators.uxs", kRanker[] = "ranker.uxs",
               kProject[] = "project.toml", kReport[] = "report.json";
constexpr char kGeneratorsKind[] = "generators";
constexpr uint32_t kGeneratorsVersion = 3;

Status WriteGenerators(const fs::path& path, const Parts& parts) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kGeneratorsKind, kGeneratorsVersion));
  const retrieval::PopularItems no_items;
  UPNEXT_RETURN_IF_ERROR((parts.popular != nullptr ? *parts.popular : no_items).Save(writer));
  UPNEXT_RETURN_IF_ERROR(parts.co_watch != nullptr ? parts.co_watch->Write(writer)
                                                   : retrieval::CoWatch::WriteNone(writer));
  return writer.Commit();
}

bool Holds(const Manifest& manifest, std::string_view name) {
  return std::ranges::any_of(manifest.files,
                             [&](const FileEntry& file) { return file.name == name; });
}

// Files that every bundle has must be in the list, or nobody would have verified them.
Status CheckRequired(const fs::path& directory, const Manifest& manifest) {
  for (const char* name : {kFeatures, kGenerators, kProject, kReport}) {
    if (Holds(manifest, name)) continue;
    return DataLoss("{}: expected a manifest that lists {}, found none; train again",
                    directory.string(), name);
  }
  return Ok();
}

// The feature tables, which must be those that the manifest and the models speak of.
Result<features::FeatureStatistics> LoadTables(const fs::path& directory,
                                               const Manifest& manifest) {
  const fs::path path = directory / kFeatures;
  UPNEXT_ASSIGN_OR_RETURN(
      const base::SectionFile file,
      base::SectionFile::Open(path, features::kTablesKind, features::kTablesVersion));
  if (file.digest() != manifest.features_digest) {
    return FailedPrecondition(
        "{}: features with digest {:016x}, but the bundle was written with {:016x}; train again",
        path.string(), file.digest(), manifest.features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(features::FeatureStatistics tables,
                          features::FeatureStatistics::Load(path));
  if (tables.log_digest != manifest.log_digest) {
    return FailedPrecondition("{}: learned from another log than the manifest says; train again",
                              path.string());
  }
  return tables;
}

// What each file is right about by itself must fit the others too: a model reads rows of its tables
// by the numbers that the vocabularies give, and items are told apart by the item vocabulary.
Status CheckShapes(const fs::path& directory, const features::FeatureStatistics& tables,
                   const retrieval::CandidateModel* candidate, const ranking::Ranker* ranker) {
  const bool fits = (candidate == nullptr || candidate->shape() == retrieval::ShapeOf(tables)) &&
                    (ranker == nullptr || ranker->shape() == ranking::ShapeOf(tables));
  if (fits) return Ok();
  return DataLoss("{}: a model has other numbers of rows than the vocabularies in {}; train again",
                  directory.string(), kFeatures);
}

Status CheckItems(const fs::path& directory, uint32_t items, const retrieval::PopularItems& popular,
                  const retrieval::CoWatch& co_watch) {
  if (popular.counts().size() <= items && co_watch.items() <= items) return Ok();
  return DataLoss("{}: counts {} and {} items, where the vocabularies in {} know {}; train again",
                  (directory / kGenerators).string(), popular.counts().size(), co_watch.items(),
                  kFeatures, items);
}

}  // namespace

Status WriteBundle(const fs::path& staged, const Parts& parts, Manifest* manifest) {
  UPNEXT_RETURN_IF_ERROR(parts.tables->Save(staged / kFeatures));
  UPNEXT_ASSIGN_OR_RETURN(
      const base::SectionFile features,
      base::SectionFile::Open(staged / kFeatures, features::kTablesKind, features::kTablesVersion));
  manifest->features_digest = features.digest();
  manifest->log_digest = parts.tables->log_digest;
  manifest->labels = LabelsOf(parts.rule);
  std::vector<std::string> names{kFeatures};
  if (parts.candidate != nullptr) {
    UPNEXT_RETURN_IF_ERROR(parts.candidate->Save(staged / kCandidate, manifest->features_digest));
    names.emplace_back(kCandidate);
    if (parts.index != nullptr) {
      UPNEXT_RETURN_IF_ERROR(parts.index->Save(staged / kIndex));
      names.emplace_back(kIndex);
    }
  }
  if (parts.ranker != nullptr) {
    UPNEXT_RETURN_IF_ERROR(parts.ranker->Save(staged / kRanker, manifest->features_digest));
    names.emplace_back(kRanker);
  }
  UPNEXT_RETURN_IF_ERROR(WriteGenerators(staged / kGenerators, parts));
  UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(staged / kProject, parts.project_toml));
  UPNEXT_RETURN_IF_ERROR(base::WriteFileAtomic(staged / kReport, parts.report_json));
  names.insert(names.end(), {kGenerators, kProject, kReport});
  manifest->files.clear();
  for (const std::string& name : names) {
    UPNEXT_ASSIGN_OR_RETURN(FileEntry entry, DescribeFile(staged, name));
    manifest->files.push_back(std::move(entry));
  }
  return WriteManifest(staged, *manifest);
}

Result<std::unique_ptr<Bundle>> Bundle::Open(const fs::path& directory,
                                             std::span<const uint64_t> log_lineage) {
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
  UPNEXT_RETURN_IF_ERROR(CheckRequired(directory, manifest));
  UPNEXT_ASSIGN_OR_RETURN(bundle->tables_, LoadTables(directory, manifest));
  if (Holds(manifest, kCandidate)) {
    UPNEXT_ASSIGN_OR_RETURN(
        bundle->candidate_,
        retrieval::CandidateModel::Load(directory / kCandidate, manifest.features_digest));
    if (Holds(manifest, kIndex)) {
      UPNEXT_ASSIGN_OR_RETURN(
          bundle->index_,
          retrieval::LoadIndex(directory / kIndex, bundle->candidate_->item_vectors()));
    }
  }
  if (Holds(manifest, kRanker)) {
    UPNEXT_ASSIGN_OR_RETURN(bundle->ranker_,
                            ranking::Ranker::Load(directory / kRanker, manifest.features_digest));
  }
  UPNEXT_ASSIGN_OR_RETURN(
      bundle->generators_,
      base::SectionFile::Open(directory / kGenerators, kGeneratorsKind, kGeneratorsVersion));
  UPNEXT_ASSIGN_OR_RETURN(bundle->popular_, retrieval::PopularItems::Load(*bundle->generators_));
  UPNEXT_ASSIGN_OR_RETURN(bundle->co_watch_, retrieval::CoWatch::Load(*bundle->generators_));
  UPNEXT_RETURN_IF_ERROR(
      CheckShapes(directory, bundle->tables_, bundle->candidate(), bundle->ranker()));
  UPNEXT_RETURN_IF_ERROR(CheckItems(directory,
                                    bundle->tables_.vocabulary(features::VocabularyId::kItem).ids(),
                                    bundle->popular_, bundle->co_watch_));
  return bundle;
}

}  // namespace upnext::bundle
