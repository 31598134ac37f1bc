#include "training/choose_preset.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "base/numbers.h"
#include "examples/candidate_stream.h"
#include "examples/holdout.h"

namespace upnext::training {
namespace {

constexpr uint32_t kFirstEpochs = 4;  // of each preset in the first round; then twice as many
constexpr uint32_t kMaxValidationUsers = 3000;

// Shows the training of presets as one stage and leaves out what each of them says.
class Quiet : public base::Progress {
 public:
  explicit Quiet(base::Progress& shown) : shown_(shown) {}
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return shown_.stop_requested(); }

 private:
  base::Progress& shown_;
};

struct Arm {
  const retrieval::CandidatePreset* preset;
  double ndcg = std::nan("");  // best of its last training
  uint32_t epochs = 0;         // of that
};

// Trainings of a whole search, in epochs of all users: each round trains its presets anew.
uint64_t EpochsOf(size_t presets) {
  uint64_t epochs = 0, length = kFirstEpochs;
  for (size_t left = presets; left > 1; left = (left + 1) / 2, length *= 2) epochs += left * length;
  return epochs;
}

class Search {
 public:
  Search(const Dataset& dataset, const retrieval::PresetOptions& options, uint64_t seed,
         base::ThreadPool& pool, base::Progress& progress)
      : dataset_(dataset), options_(options), seed_(seed), pool_(pool), progress_(progress) {
    for (const retrieval::CandidatePreset& preset : options.presets) arms_.push_back({&preset});
  }

  Result<PresetChoice> Run(uint64_t examples_per_epoch) {
    const double all = static_cast<double>(examples_per_epoch * EpochsOf(arms_.size()));
    share_ = std::min(1.0, static_cast<double>(options_.search_examples) / all);
    size_t left = arms_.size();
    base::ProgressStage stage(progress_, "choose a preset", "trainings", 0);
    uint64_t trainings = 0;
    for (uint32_t epochs = kFirstEpochs; left > 1 && !out_of_time_; epochs *= 2) {
      for (size_t i = 0; i < left && !out_of_time_; ++i) {
        UPNEXT_RETURN_IF_ERROR(TrainArm(epochs, &arms_[i]));
        stage.Update(++trainings, arms_[i].preset->name);
        out_of_time_ = options_.search_seconds > 0 && Seconds() >= options_.search_seconds;
      }
      // NaN: diverged, or not trained in time.
      const auto figure = [](const Arm& arm) { return std::isnan(arm.ndcg) ? -1.0 : arm.ndcg; };
      std::stable_sort(arms_.begin(), arms_.begin() + static_cast<std::ptrdiff_t>(left),
                       [&](const Arm& a, const Arm& b) { return figure(a) > figure(b); });
      left = (left + 1) / 2;
    }
    return PresetChoice{.preset = *arms_[0].preset, .notes = Notes()};
  }

 private:
  Status TrainArm(uint32_t epochs, Arm* arm) {
    retrieval::CandidateTrainOptions train = arm->preset->train;
    train.epochs = std::min(train.epochs, epochs);
    train.user_share = share_;
    train.validation_users = std::min(train.validation_users, kMaxValidationUsers);
    train.seed = seed_;
    train.checkpoints = {};
    retrieval::CandidateModelOptions model = arm->preset->model;
    model.ensemble = 1;
    train.distill = 0;
    Quiet quiet(progress_);
    const auto trained = retrieval::TrainCandidateModel(dataset_.source(), dataset_.statistics(),
                                                        model, train, pool_, quiet);
    if (!trained && trained.error().code != Code::kInternal) {
      return std::unexpected(trained.error());
    }
    arm->epochs = epochs;
    arm->ndcg = trained ? trained->epochs[trained->best_epoch].validation : std::nan("");
    return Ok();
  }

  double Seconds() const {
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    return passed.count();
  }

  std::vector<std::string> Notes() const {
    std::vector<std::string> notes = {fmt::format(
        "[retrieval] preset = \"{}\" was chosen by validation on {:.3g} % of the users{}",
        arms_[0].preset->name, 100 * share_, out_of_time_ ? ", until search_seconds ended" : "")};
    for (const Arm& arm : arms_) {
      const std::string name = arm.preset->name;
      if (arm.epochs == 0) {
        notes.push_back(fmt::format("preset {}: not tried", name));
      } else if (std::isnan(arm.ndcg)) {
        notes.push_back(fmt::format("preset {}: its training diverged", name));
      } else {
        notes.push_back(fmt::format("preset {}: validation NDCG@10 {:.4f} within {} epochs", name,
                                    arm.ndcg, arm.epochs));
      }
    }
    return notes;
  }

  const Dataset& dataset_;
  const retrieval::PresetOptions& options_;
  const uint64_t seed_;
  base::ThreadPool& pool_;
  base::Progress& progress_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::vector<Arm> arms_;  // the best first, after each round
  double share_ = 1;
  bool out_of_time_ = false;
};

}  // namespace

Result<PresetChoice> ChoosePreset(const Dataset& dataset, const retrieval::PresetOptions& options,
                                  uint64_t seed, base::ThreadPool& pool, base::Progress& progress) {
  const retrieval::CandidatePreset& first = options.presets.front();
  if (options.presets.size() == 1) return PresetChoice{.preset = first, .notes = {}};
  const auto without = [&](std::string_view why) {
    return PresetChoice{.preset = first,
                        .notes = {fmt::format("[retrieval] preset = \"{}\", without a search: {}",
                                              first.name, why)}};
  };
  if (options.search_examples == 0) return without("search_examples is 0");
  const size_t cases =
      examples::HoldoutCases(dataset.source(), examples::SplitPart::kValidation, pool).size();
  if (cases < kSearchCases) {
    return without(
        fmt::format("the validation part has {} cases, fewer than {}", cases, kSearchCases));
  }
  const uint64_t per_epoch = examples::CandidateStream(dataset.source(), dataset.statistics(),
                                                       {.max_per_user = first.train.max_per_user,
                                                        .labels = first.train.labels,
                                                        .min_history = first.train.min_history},
                                                       pool)
                                 .examples_per_epoch();
  if (per_epoch < kSearchTrainingExamples) {
    return without(fmt::format("the training part has {} examples, fewer than {}", per_epoch,
                               kSearchTrainingExamples));
  }
  return Search(dataset, options, seed, pool, progress).Run(per_epoch);
}

void UsePreset(const PresetChoice& choice, TrainOptions* train, base::Progress& progress) {
  const uint64_t seed = train->candidate_train.seed;
  if (choice.preset.name != train->presets.presets.front().name) {
    train->candidate = choice.preset.model;
    train->candidate_train = choice.preset.train;
    train->candidate_train.seed = seed;
  }
  train->settings.push_back("retrieval.preset that was chosen = " + choice.preset.name);
  for (const std::string& note : choice.notes) progress.Note(note);
}

}  // namespace upnext::training
