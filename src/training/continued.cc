#include "training/continued.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/section_file.h"
#include "base/time_text.h"
#include "bundle/bundle.h"
#include "bundle/bundle_statistics.h"
#include "bundle/validated_models.h"
#include "examples/split.h"
#include "nn/training_checkpoint.h"
#include "schema/event.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using Kind = examples::SplitOptions::Kind;

// Settings that weights and inputs of the models that continue depend on. How long they learn may
// change, and how predictions are weighted.
std::vector<std::string> SettingsOfModels(const base::Config& config, bool candidate, bool ranker) {
  std::vector<std::string> settings = SettingsOf(config);
  std::erase_if(settings, [&](const std::string& line) {
    const std::string_view key = std::string_view(line).substr(0, line.find(" = "));
    const bool of_others = (!candidate && key.starts_with("retrieval.")) ||
                           (!ranker && key.starts_with("ranking.")) || key.starts_with("split.") ||
                           key.starts_with("serving.");
    return of_others || key.ends_with(".epochs") || key.ends_with(".patience") ||
           key.ends_with(".score_weight");
  });
  return settings;
}

Result<int64_t> LastTrainingEvent(const fs::path& file, const bundle::PartType& type) {
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile features,
                          base::SectionFile::Open(file, type.kind, type.version));
  UPNEXT_ASSIGN_OR_RETURN(const auto span, features.Get<int64_t>("train_span_ms", 2));
  return span[1];
}

// Of the training part, or of all events: impressions, if a ranker continues, and events that may be
// positive, if a candidate model does.
bool HasNewsAfter(const Dataset& dataset, int64_t time_ms, bool all, bool ranker, bool candidate) {
  const log::EventLog& log = dataset.log();
  const auto counts = [&](schema::EventType type) {
    return (ranker && type == schema::EventType::kImpression) ||
           (candidate && dataset.rule().MayBePositive(type));
  };
  for (uint32_t user = 0; user < log.users(); ++user) {
    uint64_t row = all ? log.end(user) : dataset.split().train_end(user);
    while (row > log.begin(user) && log.time_ms(row - 1) > time_ms) {
      if (counts(log.type(--row))) return true;
    }
  }
  return false;
}

}  // namespace

Result<Continued> Continued::Open(const project::Project& project, const Options& options,
                                  const log::EventLog& log) {
  Continued from;
  const Result<std::string> version = project.bundles().Current();
  if (!version) {
    return MakeError(version.error().code,
                     "there is no bundle to continue from; train without --continue first");
  }
  from.folder_ = project.bundles().Path(*version);
  UPNEXT_ASSIGN_OR_RETURN(from.manifest_, bundle::VerifyBundle(from.folder_));
  from.ranker_ = from.HasState(bundle::RankerStateType(), bundle::ValidatedRankerStateType());
  from.candidate_ =
      from.HasState(bundle::CandidateStateType(), bundle::ValidatedCandidateStateType());
  UPNEXT_RETURN_IF_ERROR(from.Check(project, options, log));
  for (const Models models : {Models::kValidated, Models::kPublished}) {
    const bundle::PartType type = from.FeaturesOf(models);
    UPNEXT_ASSIGN_OR_RETURN(from.seen_ms_[static_cast<size_t>(models)],
                            LastTrainingEvent(from.folder_ / type.file, type));
  }
  return from;
}

Status Continued::Check(const project::Project& project, const Options& options,
                        const log::EventLog& log) const {
  const auto refuse = [&](std::string_view why) -> Status {
    return FailedPrecondition("cannot continue from bundle {}: {}; train without --continue",
                              manifest_.version, why);
  };
  const bool validated = bundle::KeepsValidated(manifest_);
  if (!ranker_ && !candidate_) {
    return refuse(
        "it has no state of the ranker's training, which is kept with [ranking] order = \"time\" "
        "when a ranker was trained, nor of the candidate model's, which is kept with [retrieval] "
        "keep_state = true");
  }
  if (std::ranges::find(log.lineage(), manifest_.log_digest) == log.lineage().end()) {
    return refuse(fmt::format("items and users have other numbers in log {} than in its log {}",
                              log.directory().filename().string(), manifest_.log_version));
  }
  // Its rows may be of the searches of a user who was deleted, and its weights have learned from them.
  const auto own = log::EventLog::ReadLineage(project.logs().Path(manifest_.log_version));
  if (!own || own->empty() || own->back() != manifest_.log_digest) {
    return refuse(fmt::format("users were forgotten since, or its log {} is no longer there",
                              manifest_.log_version));
  }
  const Result<examples::SplitOptions> split = examples::SplitOptions::Parse(manifest_.split);
  if (!split || split->kind != options.dataset.split.kind || split->kind == Kind::kLeaveOneOut) {
    return refuse(fmt::format(
        "both need a [split] by time, or both kind = \"none\", but it was trained with {}",
        manifest_.split));
  }
  if (options.final_fit != validated && split->kind != Kind::kNone) {
    return refuse("[train] final_fit changed since");
  }
  if (options.train.seed != manifest_.seed) {
    return refuse(fmt::format("its seed was {} and is {}", manifest_.seed, options.train.seed));
  }
  const std::string labels = options.dataset.RuleFor(log).ToText(log.schema());
  if (labels != manifest_.labels) {
    return refuse(
        fmt::format("[labels] or [history] meant {} and mean {}", manifest_.labels, labels));
  }
  UPNEXT_ASSIGN_OR_RETURN(const base::Config before, bundle::ReadProject(folder_));
  const std::string differences =
      nn::Differences(SettingsOfModels(before, candidate_, ranker_),
                      SettingsOfModels(project.config(), candidate_, ranker_));
  return differences.empty() ? Ok() : refuse(differences);
}

Status Continued::CheckObjectives(const std::vector<ranking::Objective>& objectives,
                                  const ranking::Ranker& ranker) const {
  if (std::ranges::equal(objectives, ranker.objectives(), {}, &ranking::Objective::name,
                         &ranking::Objective::name)) {
    return Ok();
  }
  return FailedPrecondition(
      "cannot continue from bundle {}: this log has labels for other objectives than its log had; "
      "train without --continue",
      manifest_.version);
}

Result<PresetChoice> Continued::PresetOf(const Chain& chain,
                                         const retrieval::PresetOptions& options) const {
  const auto same =
      std::ranges::find(options.presets, chain.state.preset(), &retrieval::CandidatePreset::name);
  if (same != options.presets.end()) return PresetChoice{.preset = *same, .notes = {}};
  return FailedPrecondition(
      "cannot continue from bundle {}: its candidate model has the preset {}, which [retrieval] does "
      "not name; train without --continue",
      manifest_.version, chain.state.preset());
}

Result<bundle::PartType> Continued::PartOf(Models models, const bundle::PartType& published,
                                           const bundle::PartType& validated) const {
  const bool kept = models == Models::kValidated && bundle::KeepsValidated(manifest_);
  const bundle::PartType& type = kept ? validated : published;
  const bundle::PartEntry* const part = bundle::FindPart(manifest_, type);
  if (part == nullptr) {
    return FailedPrecondition(
        "cannot continue from bundle {}: it has no {}; train without --continue", manifest_.version,
        type.name);
  }
  UPNEXT_RETURN_IF_ERROR(bundle::CheckPart(*part, type, folder_));
  return type;
}

Result<Continued::Chain> Continued::Load(Models models, const TrainOptions& train,
                                         base::ThreadPool& pool) const {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::PartType features,
                          PartOf(models, bundle::FeaturesType(), bundle::ValidatedFeaturesType()));
  Chain chain;
  UPNEXT_ASSIGN_OR_RETURN(
      const base::SectionFile file,
      base::SectionFile::Open(folder_ / features.file, features.kind, features.version));
  UPNEXT_ASSIGN_OR_RETURN(chain.statistics, bundle::OpenStatistics(folder_, manifest_, features));
  if (ranker_) {
    UPNEXT_RETURN_IF_ERROR(LoadRanker(models, train, file.digest(), pool, chain));
  }
  if (candidate_) UPNEXT_RETURN_IF_ERROR(LoadCandidate(models, file.digest(), chain));
  return chain;
}

Status Continued::LoadRanker(Models models, const TrainOptions& train, uint64_t digest,
                             base::ThreadPool& pool, Chain& chain) const {
  UPNEXT_ASSIGN_OR_RETURN(const bundle::PartType ranker,
                          PartOf(models, bundle::RankerType(), bundle::ValidatedRankerType()));
  UPNEXT_ASSIGN_OR_RETURN(const bundle::PartType state, PartOf(models, bundle::RankerStateType(),
                                                               bundle::ValidatedRankerStateType()));
  UPNEXT_ASSIGN_OR_RETURN(ranking::Ranker loaded,
                          ranking::Ranker::Load(folder_ / ranker.file, digest));
  ranking::ScoreWeights weights;
  for (const ranking::Objective& one : train.objectives) weights[one.name] = one.score_weight;
  loaded.SetScoreWeights(weights);
  chain.ranker = std::make_unique<ranking::Ranker>(std::move(loaded));
  chain.trainer =
      std::make_unique<ranking::RankerTrainer>(chain.ranker.get(), train.ranker_train, pool);
  return chain.trainer->LoadState(folder_ / state.file, digest);
}

Status Continued::LoadCandidate(Models models, uint64_t digest, Chain& chain) const {
  UPNEXT_ASSIGN_OR_RETURN(
      const bundle::PartType candidate,
      PartOf(models, bundle::CandidateType(), bundle::ValidatedCandidateType()));
  UPNEXT_ASSIGN_OR_RETURN(
      const bundle::PartType state,
      PartOf(models, bundle::CandidateStateType(), bundle::ValidatedCandidateStateType()));
  UPNEXT_ASSIGN_OR_RETURN(retrieval::CandidateModel loaded,
                          retrieval::CandidateModel::Load(folder_ / candidate.file, digest));
  chain.candidate = std::make_unique<retrieval::CandidateModel>(std::move(loaded));
  UPNEXT_ASSIGN_OR_RETURN(chain.state,
                          retrieval::CandidateState::Load(folder_ / state.file, digest));
  return Ok();
}

std::string Continued::WhyNothingNew(const Dataset& dataset, bool fits_on_all) const {
  const auto seen_ms = [&](Models models) { return seen_ms_[static_cast<size_t>(models)]; };
  const std::string_view news = !candidate_ ? "impression"
                                : ranker_   ? "impression and no positive event"
                                            : "positive event";
  const auto has_news = [&](Models models, bool all) {
    return HasNewsAfter(dataset, seen_ms(models), all, ranker_, candidate_);
  };
  if (!has_news(Models::kValidated, /*all=*/false)) {
    return fmt::format(
        "the training part has no {} after {}, the last event that the models of bundle {} were "
        "validated with",
        news, base::FormatTime(seen_ms(Models::kValidated)), manifest_.version);
  }
  if (fits_on_all && !has_news(Models::kPublished, /*all=*/true)) {
    return fmt::format("the log has no {} after {}, the last event that bundle {} has seen", news,
                       base::FormatTime(seen_ms(Models::kPublished)), manifest_.version);
  }
  return "";
}

std::string Continued::Name() const {
  return fmt::format("{} (features {:016x})", manifest_.version, manifest_.features_digest);
}

std::string Continued::Describe(bool encoder_given, bool ranker_given) const {
  const std::string from =
      fmt::format("from bundle {} with what is later than {}", manifest_.version,
                  base::FormatTime(seen_ms_[static_cast<size_t>(Models::kValidated)]));
  if (!candidate_) {
    return "the ranker continues " + from + ", in the order of days" +
           (encoder_given ? "" : "; the candidate model is trained anew");
  }
  if (!ranker_) {
    return "the candidate model continues " + from +
           (ranker_given ? "" : "; a ranker is trained anew");
  }
  return "candidate model and ranker continue " + from + ", the ranker in the order of days";
}

bool Continued::HasState(const bundle::PartType& published,
                         const bundle::PartType& validated) const {
  return Has(published) && (!bundle::KeepsValidated(manifest_) || Has(validated));
}

bool Continued::Has(const bundle::PartType& part) const {
  return bundle::FindPart(manifest_, part) != nullptr;
}

bundle::PartType Continued::FeaturesOf(Models models) const {
  return models == Models::kValidated && bundle::KeepsValidated(manifest_)
             ? bundle::ValidatedFeaturesType()
             : bundle::FeaturesType();
}

}  // namespace upnext::training
