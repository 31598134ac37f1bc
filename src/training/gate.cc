#include "training/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "bundle/validated_models.h"
#include "features/rebase.h"
#include "log/event_log.h"
#include "training/freed_memory.h"
#include "training/unseen.h"

namespace upnext::training {
namespace {

using evaluation::PairedDifference;

bool HasPart(const bundle::Manifest& manifest, const bundle::PartType& type) {
  return bundle::FindPart(manifest, type) != nullptr;
}

// The statistics as the log at hand numbers its ids.
Result<features::FeatureStatistics> StatisticsFor(const log::EventLog& log,
                                                  const bundle::ValidatedModels& models,
                                                  const base::VersionedRoot& logs) {
  const features::FeatureStatistics& statistics = models.tables();
  if (!(statistics.plan.schema() == log.schema())) {
    return FailedPrecondition("it was trained under another [schema]");
  }
  if (std::ranges::count(log.lineage(), models.manifest().log_digest) > 0) {
    UPNEXT_RETURN_IF_ERROR(statistics.CheckIds(log));
    return statistics;
  }
  const Result<log::EventLog> own = log::EventLog::Open(logs.Path(models.manifest().log_version));
  if (!own) {
    return FailedPrecondition("ids have other numbers now, and its log cannot be opened ({})",
                              own.error().message);
  }
  if (own->digest() != models.manifest().log_digest) {
    return FailedPrecondition("ids have other numbers now, and its log was replaced");
  }
  return features::Rebase(statistics, *own, log);
}

template <typename Model>
bool IsOfOthers(const Model* model) {
  return model != nullptr && model->trained() == nullptr;
}

bool HasNetworkOfOthers(const bundle::ValidatedModels& models) {
  return IsOfOthers(models.candidate()) || IsOfOthers(models.ranker());
}

// Sets report and deciding figures.
Status EvaluateOn(const Dataset& dataset, const std::filesystem::path& folder,
                  const project::Project& project, const evaluation::EvaluateOptions& options,
                  base::ThreadPool& pool, base::Progress& progress, CurrentFigures* current) {
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<bundle::ValidatedModels> models,
                          bundle::ValidatedModels::Open(folder));
  const std::string labels = dataset.rule().ToText(dataset.log().schema());
  if (models->manifest().labels != labels) {
    return FailedPrecondition("it was trained with other positives or another history ({}; now {})",
                              models->manifest().labels, labels);
  }
  UPNEXT_RETURN_IF_ERROR(CheckUnseen(dataset, models->manifest(), project.logs()));
  UPNEXT_ASSIGN_OR_RETURN(const features::FeatureStatistics statistics,
                          StatisticsFor(dataset.log(), *models, project.logs()));
  progress.Note(
      fmt::format("evaluates the current bundle {} on the new test part", current->version));
  evaluation::Subject subject{dataset.source(), statistics, models->candidate(), models->ranker()};
  auto report = evaluation::Evaluate(subject, options, pool, progress, &current->deciding);
  // The next training may be the one that replaces the network. upnext's own model is compared.
  if (!report && report.error().code == Code::kInternal && HasNetworkOfOthers(*models)) {
    current->left_out =
        fmt::format("its network fails on events of now ({})", report.error().message);
    if (IsOfOthers(subject.candidate)) subject.candidate = nullptr;
    if (IsOfOthers(subject.ranker)) subject.ranker = nullptr;
    current->deciding = {};
    report = evaluation::Evaluate(subject, options, pool, progress, &current->deciding);
  }
  if (!report) return std::unexpected(std::move(report).error());
  current->report = *std::move(report);
  return Ok();
}

// How much is lost for certain: what is left at the better end of the interval, 0 when that is no
// loss.
double CertainLoss(const PairedDifference& difference) {
  const evaluation::Interval& interval = difference.interval;
  if (std::isnan(interval.low)) return 0;
  return std::max(0.0, difference.less_is_better ? interval.low : -interval.high);
}

std::string WhyWorse(const PairedDifference& difference, const std::string& version,
                     double margin) {
  const double loss = CertainLoss(difference);
  if (loss == 0 || loss <= margin * std::abs(difference.current)) return "";
  return fmt::format(
      "{} {} is {:.4f}, and that of bundle {} on the same events is {:.4f}; the whole 95 % interval "
      "of the difference over {} users ({:+.4f} to {:+.4f}) is a loss of more than {:g} %",
      difference.stage, difference.metric, difference.next, version, difference.current,
      difference.users, difference.interval.low, difference.interval.high, 100 * margin);
}

std::string Lacks(const char* stage, const std::string& version) {
  return fmt::format("the new bundle has no {} model, and bundle {} has one", stage, version);
}

// Adds what is known of the stage to the report; "" or why it is worse.
template <typename StageReport>
std::string JudgeStage(const char* stage, const CurrentFigures& current,
                       const std::optional<StageReport>& before,
                       std::optional<PairedDifference> difference, double margin,
                       std::optional<StageReport>* now, evaluation::Report* report) {
  if (!*now || !before) return "";
  (*now)->current = before->model;
  (*now)->current->name = "current bundle " + current.version;
  if (!difference) {
    report->notes.push_back(fmt::format(
        "{}: not compared with bundle {}: no figure is measured on the same labels in both", stage,
        current.version));
    return "";
  }
  difference->stage = stage;
  report->differences.push_back(*difference);
  return WhyWorse(*difference, current.version, margin);
}

}  // namespace

Result<CurrentFigures> EvaluateCurrent(const project::Project& project, const Dataset& dataset,
                                       evaluation::EvaluateOptions options, base::ThreadPool& pool,
                                       base::Progress& progress) {
  CurrentFigures current;
  const base::VersionedRoot bundles = project.bundles();
  const Result<std::string> version = bundles.Current();
  if (!version && version.error().code == Code::kNotFound) return current;
  if (!version) return std::unexpected(version.error());
  current.version = *version;
  const std::filesystem::path folder = bundles.Path(*version);
  options.baselines = options.details = false;
  options.served = {};
  const Result<bundle::Manifest> manifest = bundle::ReadManifest(folder);
  Status evaluated = Ok();
  if (manifest) {
    current.has_candidate = HasPart(*manifest, bundle::CandidateType()) ||
                            HasPart(*manifest, bundle::OnnxEncoderType());
    current.has_ranker =
        HasPart(*manifest, bundle::RankerType()) || HasPart(*manifest, bundle::OnnxRankerType());
    if (dataset.has_events(options.part)) {
      evaluated = EvaluateOn(dataset, folder, project, options, pool, progress, &current);
    } else {
      current.incomparable = "no event is held out to compare on";
    }
  } else {
    evaluated = std::unexpected(manifest.error());
  }
  ReturnFreedMemory();
  if (evaluated) return current;
  if (evaluated.error().code != Code::kFailedPrecondition) {
    return std::unexpected(evaluated.error());
  }
  current.incomparable = evaluated.error().message;
  return current;
}

std::string Judge(const CurrentFigures& current, const evaluation::DecidingFigures& next,
                  const Models& models, double margin, evaluation::Report* report) {
  if (!report->retrieval && !report->ranking) {
    report->notes.push_back("nothing was measured: no event is held out to test on");
  }
  if (current.version.empty()) return "";
  if (current.has_candidate && models.candidate == nullptr) {
    return Lacks("retrieval", current.version);
  }
  if (current.has_ranker && models.ranker == nullptr) return Lacks("ranking", current.version);
  if (!current.incomparable.empty()) {
    report->notes.push_back(
        fmt::format("not compared with bundle {}: {}", current.version, current.incomparable));
    return "";
  }
  if (!current.left_out.empty()) {
    report->notes.push_back(fmt::format("networks of others are not compared with bundle {}: {}",
                                        current.version, current.left_out));
  }
  const std::string retrieval =
      JudgeStage("retrieval", current, current.report.retrieval,
                 evaluation::Difference(next.retrieval, current.deciding.retrieval, report->seed),
                 margin, &report->retrieval, report);
  const std::string ranking =
      JudgeStage("ranking", current, current.report.ranking,
                 evaluation::Difference(next.ranking, current.deciding.ranking, report->seed),
                 margin, &report->ranking, report);
  return retrieval.empty() ? ranking : retrieval;
}

}  // namespace upnext::training
