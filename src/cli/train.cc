#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/clock.h"
#include "base/section_file.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "report/render.h"

namespace upnext::cli {
namespace {

struct TrainFlags {
  project::Location project;
  std::string only;
  bool force = false, json = false, resume = false;
  int64_t seed = -1;
  std::optional<uint32_t> shard;
};

Result<uint64_t> FeaturesDigest(const std::filesystem::path& features_file) {
  UPNEXT_ASSIGN_OR_RETURN(
      const auto file,
      base::SectionFile::Open(features_file, features::kTablesKind, features::kTablesVersion));
  return file.digest();
}

// With --only, the other stage's model comes from the current bundle, provided that it speaks of
// the same vocabularies. Without a bundle there is none: the first one may hold a single stage.
Result<bundle::OpenedBundle> OtherStage(const project::Project& project, uint64_t features_digest,
                                        const TrainFlags& flags) {
  const Result<std::string> version = project.bundles().Current();
  if (!version && version.error().code == Code::kNotFound) return bundle::OpenedBundle{};
  Result<bundle::OpenedBundle> current = project.OpenBundle(bundle::LogChoice::kTrainedOn);
  if (!current) {
    return FailedPrecondition(
        "--only {} keeps the other stage's model of the current bundle, which cannot be opened "
        "({}); train without --only",
        flags.only, current.error().message);
  }
  if (features_digest != current->bundle->manifest().features_digest) {
    return FailedPrecondition(
        "--only {}: the log or the [features] changed since bundle {}, so its other model "
        "no longer fits; train without --only",
        flags.only, current->bundle->manifest().version);
  }
  return current;
}

// The report, and what became of the bundle.
void PrintOutcome(const bundle::Manifest& manifest, const evaluation::Report& report,
                  bool published, bool json) {
  if (json) {
    nlohmann::json out = nlohmann::json::parse(report::RenderJson(report));
    out["bundle"] = {{"published", published},
                     {"version", manifest.version},
                     {"log", manifest.log_version},
                     {"forced", manifest.forced},
                     {"gate", manifest.gate}};
    Print("{}\n", out.dump(2));
    return;
  }
  Print("{}\n", report::RenderTable(report));
  if (published) Print("published bundle {}\n", manifest.version);
}

double CoverageOf(const features::QueryTokens& tokens) {
  double with_row = 0;
  for (uint32_t row = 1; row < tokens.rows(); ++row) {
    with_row += static_cast<double>(tokens.count(row));
  }
  return with_row / (with_row + static_cast<double>(tokens.count(0)));
}

// Which share of what the log holds has a row of its own; the rest is out of vocabulary (CG-01).
void NoteCoverage(const features::FeatureStatistics& tables, base::Progress& progress) {
  std::string note;
  for (size_t id = 0; id < features::kVocabularies; ++id) {
    const auto vocabulary = static_cast<features::VocabularyId>(id);
    if (tables.rows(vocabulary) <= 1) continue;
    const double coverage = vocabulary == features::VocabularyId::kToken
                                ? CoverageOf(tables.tokens)
                                : tables.vocabulary(vocabulary).coverage();
    note += fmt::format("{}{} {:.2f} %", note.empty() ? "" : ", ",
                        features::VocabularyName(vocabulary), 100 * coverage);
  }
  progress.Note("covered by the vocabularies: " + note);
}

// The figures that the new bundle has to match; none when there is no bundle yet. Read before
// training, so that a damaged file does not cost a training run.
Result<std::optional<evaluation::Report>> CurrentReport(const project::Project& project,
                                                        bool force) {
  const Result<std::string> version = project.bundles().Current();
  if (!version && version.error().code == Code::kNotFound) return std::nullopt;
  const auto read = [&]() -> Result<std::optional<evaluation::Report>> {
    if (!version) return std::unexpected(version.error());
    const std::filesystem::path file = project.bundles().Path(*version) / "report.json";
    UPNEXT_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(file));
    Result<evaluation::Report> report = report::ParseJson(json);
    if (!report) return WithContext(std::move(report).error(), file.string());
    return *std::move(report);
  };
  Result<std::optional<evaluation::Report>> report = read();
  if (report || force) return report ? std::move(report) : std::nullopt;
  report.error().message += "; --force trains and publishes without comparing";
  return report;
}

// Removes the folder that a version is written into, unless it became a version.
class Staged {
 public:
  explicit Staged(std::filesystem::path path) : path_(std::move(path)) {}
  ~Staged() { (void)base::RemoveAll(path_); }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

Status Publish(const project::Project& project, const std::filesystem::path& staged,
               const bundle::Parts& parts, bundle::Manifest* manifest) {
  UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(staged, parts, manifest));
  base::VersionedRoot bundles = project.bundles();
  UPNEXT_ASSIGN_OR_RETURN(manifest->version, bundles.Publish(staged));
  UPNEXT_RETURN_IF_ERROR(bundles.SetCurrent(manifest->version));
  return project.Prune();
}

// The models of this run, and with --only the other stage's of the current bundle.
struct Models {
  const retrieval::CandidateModel* candidate;
  const ranking::Ranker* ranker;
};

Models ModelsOf(const studies::Pipeline& run, const TrainFlags& flags,
                const bundle::OpenedBundle& other) {
  Models models{run.candidate().model.get(), run.ranker().ranker.get()};
  if (other.bundle == nullptr) return models;
  if (flags.only == "ranking") models.candidate = other.bundle->candidate();
  if (flags.only == "retrieval") models.ranker = other.bundle->ranker();
  return models;
}

Result<bundle::Parts> PartsOf(const Models& models, const TrainFlags& flags,
                              const bundle::OpenedBundle& other, studies::Pipeline& run,
                              base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(bundle::Parts parts, run.MakeParts(progress));
  parts.candidate = models.candidate;
  parts.ranker = models.ranker;
  if (flags.only == "ranking" && other.bundle != nullptr) parts.index = other.bundle->index();
  return parts;
}

Status RunTrain(const TrainFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(Settings settings, Settings::Load(flags.project));
  const project::Project& project = settings.project;
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock, project.Lock());
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, project.OpenLog(flags.shard));
  UPNEXT_ASSIGN_OR_RETURN(const auto current, CurrentReport(project, flags.force));
  if (flags.seed >= 0) settings.pipeline.SetSeed(static_cast<uint64_t>(flags.seed));
  settings.pipeline.train_retrieval = flags.only != "ranking";
  settings.pipeline.train_ranking = flags.only != "retrieval";

  base::ThreadPool pool(settings.threads);
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(auto run,
                          studies::Pipeline::Prepare(log, settings.pipeline, pool, progress));
  NoteCoverage(run->tables(), progress);
  base::VersionedRoot bundles = project.bundles();
  UPNEXT_ASSIGN_OR_RETURN(std::filesystem::path folder, bundles.Begin());
  const Staged staged(std::move(folder));
  UPNEXT_RETURN_IF_ERROR(run->tables().Save(staged.path() / "features.uxs"));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t features_digest,
                          FeaturesDigest(staged.path() / "features.uxs"));
  bundle::OpenedBundle other;
  if (!flags.only.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(other, OtherStage(project, features_digest, flags));
  }
  const studies::CheckpointFolder checkpoints{project.checkpoints(), flags.resume, features_digest};
  UPNEXT_RETURN_IF_ERROR(run->Train(progress, checkpoints));
  const Models models = ModelsOf(*run, flags, other);
  UPNEXT_ASSIGN_OR_RETURN(
      evaluation::Report report,
      run->Evaluate(settings.pipeline.evaluate, models.candidate, models.ranker, progress));

  bundle::Manifest manifest;
  manifest.created = base::FormatTime(base::SystemClock().NowMs());
  UPNEXT_ASSIGN_OR_RETURN(manifest.log_version, project.logs().Current());
  manifest.upnext_version = UPNEXT_VERSION;
  manifest.split = report.split;
  manifest.machine = report.machine;
  manifest.seed = settings.pipeline.seed;
  if (flags.shard) {
    report.notes.push_back(fmt::format("trained and judged on shard {} of {} alone (from 0)",
                                       *flags.shard, log.shards()));
  }
  if (current) manifest.gate = evaluation::WorseThan(report, *current, settings.publish_margin);
  manifest.forced = !manifest.gate.empty() && flags.force;
  if (!manifest.gate.empty() && !flags.force) {
    PrintOutcome(manifest, report, /*published=*/false, flags.json);
    return FailedPrecondition(
        "not published: {}. The current bundle stays; --resume --force publishes all the same, "
        "without training again",
        manifest.gate);
  }
  if (manifest.forced) report.notes.push_back("published with --force although " + manifest.gate);
  UPNEXT_ASSIGN_OR_RETURN(bundle::Parts parts, PartsOf(models, flags, other, *run, progress));
  parts.project_toml = project.config().text();
  parts.report_json = report::RenderJson(report);
  UPNEXT_RETURN_IF_ERROR(Publish(project, staged.path(), parts, &manifest));
  UPNEXT_RETURN_IF_ERROR(run->RemoveCheckpoints(checkpoints));
  PrintOutcome(manifest, report, /*published=*/true, flags.json);
  return Ok();
}

}  // namespace

std::function<Status()> MakeTrain(CLI::App& app) {
  auto flags = std::make_shared<TrainFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--only", flags->only,
                 "Train one stage and keep the other's model of the current bundle")
      ->check(CLI::IsMember({"retrieval", "ranking"}));
  app.add_option("--shard", flags->shard,
                 "Learn from one shard of the log alone, from 0: a sample of the users, of which "
                 "only that shard's event files are read (import --shards makes them)");
  app.add_flag("--resume", flags->resume,
               "Go on from the checkpoint of a training that was interrupted or diverged; the same "
               "bundle comes of it. Without a checkpoint, start afresh");
  app.add_flag("--force", flags->force,
               "Publish even if the figures are worse than the current bundle's");
  app.add_option("--seed", flags->seed, "Seed (default: [train] seed, else 1)")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunTrain(*flags); };
}

}  // namespace upnext::cli
