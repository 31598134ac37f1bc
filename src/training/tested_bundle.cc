#include "training/tested_bundle.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/scratch_name.h"
#include "bundle/validated_models.h"
#include "training/dataset.h"
#include "training/serving_parts.h"

namespace upnext::training {
namespace {

// Removed at the end, whatever happened.
struct ScratchFolder {
  std::filesystem::path path;
  ~ScratchFolder() { (void)base::RemoveAll(path); }
};

}  // namespace

Result<bundle::OpenedBundle> OpenTestedBundle(const project::Project& project,
                                              const Options& options, base::ThreadPool& pool,
                                              base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedModels validated, project.OpenValidated());
  bundle::Manifest manifest = validated.models->manifest();
  UPNEXT_RETURN_IF_ERROR(SplitOf(options.dataset, manifest, validated.log));
  if (!bundle::KeepsValidated(manifest)) {
    return project.OpenBundle(bundle::LogChoice::kTrainedOn);
  }
  UPNEXT_ASSIGN_OR_RETURN(
      const std::unique_ptr<Dataset> dataset,
      Dataset::With(validated.log, options.dataset, validated.models->tables()));
  const Models models{validated.models->candidate(), validated.models->ranker()};
  UPNEXT_ASSIGN_OR_RETURN(const ServingParts serving,
                          ServingParts::Learn(*dataset, models, options.train, pool, progress));
  const ScratchFolder scratch{project.directory() / base::ScratchName(".tested")};
  const std::filesystem::path folder = scratch.path / manifest.version;
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(folder, serving.Of(models), &manifest));
  bundle::OpenedBundle tested;
  UPNEXT_ASSIGN_OR_RETURN(tested.bundle, bundle::Bundle::Open(folder, validated.log.lineage()));
  tested.log = std::move(validated.log);
  tested.rule = validated.rule;
  return tested;
}

}  // namespace upnext::training
