#include "cli/bench_index.h"

#include <fmt/format.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "project/project.h"
#include "retrieval/indexed_items.h"
#include "retrieval/user_vectors.h"

namespace upnext::cli {
namespace {

struct BenchIndexFlags {
  project::Location project;
  uint32_t users = 20'000;
  std::string export_to;
};

// Rows as a file of floats without a header.
Status WriteFloats(const std::filesystem::path& path, std::span<const float> values) {
  UPNEXT_ASSIGN_OR_RETURN(base::AtomicFileWriter file, base::AtomicFileWriter::Create(path));
  UPNEXT_RETURN_IF_ERROR(file.Append(std::as_bytes(values)));
  return file.Commit();
}

Status RunBenchIndex(const BenchIndexFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  const catalogue::Catalogue catalogue(opened.log);
  examples::SplitOptions none;
  none.kind = examples::SplitOptions::Kind::kNone;
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          examples::Split::Make(none, opened.log, opened.rule));
  const examples::ReplaySource source{opened.log, catalogue, opened.rule, split};
  base::ThreadPool pool(settings.threads);
  const std::vector<float> users = retrieval::SampleUserVectors(
      source, opened.bundle->tables(), *opened.bundle->candidate(), flags.users, pool);
  const ann::Vectors items =
      retrieval::IndexedItems(opened.bundle->candidate()->item_vectors(),
                              opened.bundle->tables().vocabulary(features::kItemVocabulary));
  const std::filesystem::path folder = flags.export_to;
  UPNEXT_RETURN_IF_ERROR(
      WriteFloats(folder / "items.f32", std::span(items.data, items.count * items.dim)));
  UPNEXT_RETURN_IF_ERROR(WriteFloats(folder / "queries.f32", users));
  Print("{} items, {} users, dim {}\n", items.count, users.size() / items.dim, items.dim);
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchIndex(CLI::App& app) {
  auto flags = std::make_shared<BenchIndexFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--users", flags->users, "Users whose vectors are queries")->capture_default_str();
  app.add_option("--export", flags->export_to, "Folder for the vectors, for other programs");
  return [flags] { return RunBenchIndex(*flags); };
}

}  // namespace upnext::cli
