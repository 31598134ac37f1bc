#include "nn/training_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

namespace upnext::nn {
namespace {

// A loss this many times that of a constant prediction means divergence, well before values
// overflow.
constexpr double kDivergedTimes = 10.0;
// Steps that are checked together, so that one unusual batch does not end a training.
constexpr uint64_t kJudgedSteps = 16;

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
  }

 private:
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

class Loop {
 public:
  Loop(Trainable& training, const TrainingOptions& options, base::Progress& progress)
      : training_(training),
        options_(options),
        progress_(progress),
        checkpoints_(options.checkpoints),
        result_(training.ModelParameters()),
        stage_(progress, "train " + options.model, "examples",
               Most() * training.examples_per_epoch()) {
    training.AppendOptimiserState(options.keep_optimiser ? result_ : optimiser_);
    all_ = result_;
    all_.insert(all_.end(), optimiser_.begin(), optimiser_.end());
  }

  Result<TrainingReport> Run() {
    UPNEXT_RETURN_IF_ERROR(checkpoints_.Prepare());
    UPNEXT_RETURN_IF_ERROR(Start());
    while (!state_.finished && !Done()) {
      UPNEXT_RETURN_IF_ERROR(Epoch());
      if (Done()) break;
      UPNEXT_RETURN_IF_ERROR(Save());
    }
    if (!state_.finished) UPNEXT_RETURN_IF_ERROR(Finish());
    return TrainingReport{std::move(state_.reports), state_.best_epoch};
  }

 private:
  // Starts from the checkpoint, or from the beginning.
  Status Start() {
    if (options_.checkpoints.resume && checkpoints_.enabled()) {
      UPNEXT_ASSIGN_OR_RETURN(std::optional<TrainingState> state,
                              checkpoints_.Load(options_.tasks.size(), result_, optimiser_));
      if (state) return Resume(*std::move(state));
      progress_.Note(
          fmt::format("{}: no checkpoint to resume from, training starts over", options_.model));
    } else if (checkpoints_.Exists()) {
      progress_.Note(fmt::format(
          "{}: training starts over and will replace the checkpoint of an earlier one, {}; "
          "use --resume to continue from it",
          options_.model, checkpoints_.path().string()));
    }
    ClearSums();
    training_.Begin();
    return Ok();
  }

  Status Resume(TrainingState state) {
    ClearSums();
    state_ = std::move(state);
    saved_ = Position();
    training_.rng().set_state(state_.rng);
    if (state_.finished) {
      progress_.Note(fmt::format("{}: training is already finished", options_.model));
      stage_.Update(state_.epoch * training_.examples_per_epoch());
      return Ok();
    }
    progress_.Note(fmt::format("{}: resumes at {}", options_.model, *saved_));
    return Ok();
  }

  // Epochs of this training, unless validation ends it.
  uint32_t Most() const {
    return options_.stop_after > 0 ? std::min(options_.stop_after, options_.epochs)
                                   : options_.epochs;
  }

  bool Done() const {
    const auto past = static_cast<uint32_t>(state_.reports.size());
    return past >= Most() || (options_.stop_after == 0 && past > 0 &&
                              past - 1 - state_.best_epoch >= options_.patience);
  }

  // The rest of the current epoch: steps, validation, report.
  Status Epoch() {
    UPNEXT_RETURN_IF_ERROR(FindPlace());
    watch_ = last_save_ = Stopwatch();
    while (const size_t examples = training_.NextBatch()) {
      if (progress_.stop_requested()) return Stop();
      training_.Step(ShareLeft(), step_, guessing_);
      TakeStep(examples);
      UPNEXT_RETURN_IF_ERROR(JudgeStep());
      if (state_.steps % kJudgedSteps == 0) {
        UPNEXT_RETURN_IF_ERROR(JudgeLosses());
        UPNEXT_RETURN_IF_ERROR(SaveInTime());
        stage_.Update(
            state_.epoch * training_.examples_per_epoch() + state_.examples,
            fmt::format("epoch {}, loss {:.4f}", state_.epoch + 1, training_.Total(state_.losses)));
      }
    }
    AddSeconds();
    // At the end of a longer epoch the remaining steps are too few to check.
    if (state_.steps < kJudgedSteps) UPNEXT_RETURN_IF_ERROR(JudgeLosses());
    UPNEXT_RETURN_IF_ERROR(JudgeDeadUnits());
    UPNEXT_RETURN_IF_ERROR(JudgeParameters());
    return EndEpoch();
  }

  // Generates the examples again up to the position of the checkpoint. An epoch depends only on its
  // number, so they are the same.
  Status FindPlace() {
    training_.StartEpoch(state_.epoch);
    if (state_.steps == 0) {
      for (DeadUnits* layer : training_.ReluLayers()) layer->Reset();
    } else if (!Restore(training_.ReluLayers(), state_.activity)) {
      return DataLoss("{}: the activity of units belongs to another model; train without --resume",
                      checkpoints_.path().string());
    }
    for (uint64_t step = 0; step < state_.steps; ++step) {
      if (progress_.stop_requested()) {
        return Cancelled("training the {} was stopped before it resumed", options_.model);
      }
      if (training_.NextBatch() == 0) {
        return DataLoss("{}: records {} steps of epoch {}, which has {}; train without --resume",
                        checkpoints_.path().string(), state_.steps, state_.epoch + 1, step);
      }
    }
    return Ok();
  }

  Status EndEpoch() {
    EpochReport report;
    report.epoch = state_.epoch;
    report.loss = training_.Total(state_.losses);
    for (const LossValue& loss : state_.losses) report.task_loss.push_back(loss.mean());
    report.seconds = state_.seconds;
    report.examples_per_s = static_cast<double>(state_.examples) / std::max(state_.seconds, 1e-9);
    report.dead_units = LargestDeadShare();
    if (const Status valid = training_.Validate(&report); !valid) {
      return valid.error().code == Code::kCancelled ? Stop() : valid;
    }
    progress_.Note(training_.Describe(report));
    const double validation = report.validation;
    const bool better =
        options_.stop_after > 0 || state_.reports.empty() || std::isnan(validation) ||
        (options_.less_is_better ? validation < BestValidation() : validation > BestValidation());
    if (better) state_.best_epoch = state_.epoch;
    state_.reports.push_back(std::move(report));
    ++state_.epoch;
    ClearSums();
    stage_.Update(state_.epoch * training_.examples_per_epoch());
    if (better && !checkpoints_.enabled() && !std::isnan(validation)) TakeSnapshot();
    return Ok();
  }

  // Restores the best epoch, and keeps its checkpoint until the caller has published the model.
  Status Finish() {
    if (state_.reports.size() < Most()) {
      stage_.Update(state_.epoch * training_.examples_per_epoch(),
                    fmt::format("stopped early at epoch {}, best epoch {}", state_.reports.size(),
                                state_.best_epoch + 1));
    }
    if (state_.needs_best()) {
      if (checkpoints_.enabled()) {
        UPNEXT_RETURN_IF_ERROR(checkpoints_.LoadBest(state_, result_));
      } else {
        for (size_t i = 0; i < result_.size(); ++i) {
          WriteValues(result_[i], 0, snapshot_[i]);
        }
      }
    }
    state_.finished = true;
    state_.rng = training_.rng().state();
    return checkpoints_.enabled() ? checkpoints_.Save(state_, result_) : Ok();
  }

  void TakeSnapshot() {
    snapshot_.resize(result_.size());
    for (size_t i = 0; i < result_.size(); ++i) {
      const auto values = ReadValues(result_[i], 0, result_[i].size(), snapshot_[i]);
      if (result_[i].half.empty()) snapshot_[i].assign(values.begin(), values.end());
    }
  }

  void TakeStep(size_t examples) {
    ++state_.steps;
    state_.examples += examples;
    for (size_t k = 0; k < step_.size(); ++k) {
      state_.losses[k] += step_[k];
      recent_[k] += std::exchange(step_[k], {});
      recent_guessing_[k] += std::exchange(guessing_[k], {});
    }
  }

  void ClearSums() {
    const size_t tasks = options_.tasks.size();
    state_.steps = state_.examples = 0;
    state_.seconds = 0;
    state_.losses.assign(tasks, {});
    recent_.assign(tasks, {});
    recent_guessing_.assign(tasks, {});
    step_.assign(tasks, {});
    guessing_.assign(tasks, {});
  }

  double ShareLeft() const {
    const auto per_epoch = static_cast<double>(training_.examples_per_epoch());
    return 1.0 - (per_epoch * state_.epoch + static_cast<double>(state_.examples)) /
                     (per_epoch * options_.epochs);
  }

  double BestValidation() const { return state_.reports[state_.best_epoch].validation; }

  double LargestDeadShare() const {
    const std::vector<double> shares = Shares(training_.ReluLayers());
    return shares.empty() ? 0.0 : *std::ranges::max_element(shares);
  }

  void AddSeconds() {
    state_.seconds += watch_.seconds();
    watch_ = Stopwatch();
  }

  // --- checkpoints ---

  std::string Position() const {
    return state_.steps == 0 ? fmt::format("the beginning of epoch {}", state_.epoch + 1)
                             : fmt::format("epoch {}, step {}", state_.epoch + 1, state_.steps);
  }

  // Called only after a successful check, so that the newest checkpoint is always a good one.
  Status Save() {
    if (!checkpoints_.enabled()) return Ok();
    state_.rng = training_.rng().state();
    state_.activity = nn::Save(training_.ReluLayers());
    AddSeconds();
    const Status saved = checkpoints_.Save(state_, all_);
    if (!saved) {
      return MakeError(saved.error().code,
                       fmt::format("{}: {}. {}", options_.model, saved.error().message, Kept()));
    }
    saved_ = Position();
    watch_ = last_save_ = Stopwatch();
    return Ok();
  }

  Status SaveInTime() {
    const double minutes = options_.checkpoints.minutes;
    if (minutes <= 0 || !checkpoints_.enabled() || last_save_.seconds() < 60 * minutes) return Ok();
    UPNEXT_RETURN_IF_ERROR(JudgeParameters());
    // A layer without activity so far may be dead; then the previous checkpoint stays.
    return LargestDeadShare() < options_.max_dead_units ? Save() : Ok();
  }

  Status Stop() {
    if (JudgeLosses() && JudgeParameters() && LargestDeadShare() < options_.max_dead_units) {
      UPNEXT_RETURN_IF_ERROR(Save());
    }
    const std::string where = state_.steps == 0 ? std::string("at ") : std::string("in ");
    return Cancelled("training the {} was stopped {}{}{}", options_.model, where, Position(),
                     !checkpoints_.enabled() ? std::string() : ". " + Kept());
  }

  // Describes the checkpoint that remains when training ends here.
  std::string Kept() const {
    if (!saved_) return "No checkpoint was written yet";
    return fmt::format(
        "The checkpoint of {} is kept in {}; `upnext train --resume` continues "
        "from it, with --continue if this training had it",
        *saved_, checkpoints_.path().string());
  }

  // --- divergence ---

  template <typename... Args>
  Status Diverged(fmt::format_string<Args...> what, Args&&... args) const {
    std::string text = fmt::format("training the {} diverged in epoch {}, step {}: {}; {}",
                                   options_.model, state_.epoch + 1, state_.steps,
                                   fmt::format(what, std::forward<Args>(args)...), options_.advice);
    if (saved_) {
      text += fmt::format(
          ". The last good checkpoint, of {}, is kept in {}: lower the rate and continue from it "
          "with "
          "`upnext train --resume`, with --continue if this training had it",
          *saved_, checkpoints_.path().string());
    } else if (checkpoints_.enabled()) {
      text += ". There was no checkpoint yet: lower the rate and train again";
    }
    return Internal("{}", text);
  }

  std::string OfTask(size_t k) const {
    return options_.tasks[k].empty() ? std::string() : " of objective " + options_.tasks[k];
  }

  Status JudgeStep() const {
    for (size_t k = 0; k < state_.losses.size(); ++k) {
      if (std::isfinite(state_.losses[k].sum)) continue;
      return Diverged("the loss{} is no longer a finite number", OfTask(k));
    }
    return Ok();
  }

  // Compares the mean since the last check with the loss of a constant prediction.
  Status JudgeLosses() {
    for (size_t k = 0; k < recent_.size(); ++k) {
      const LossValue loss = std::exchange(recent_[k], {});
      const LossValue guessing = std::exchange(recent_guessing_[k], {});
      if (loss.mean() <= kDivergedTimes * std::max(guessing.mean(), 1.0)) continue;
      return Diverged(
          "the loss{} is {:.4g}, more than {:g} times that of a constant prediction "
          "({:.3g})",
          OfTask(k), loss.mean(), kDivergedTimes, guessing.mean());
    }
    return Ok();
  }

  Status JudgeDeadUnits() const {
    const double share = LargestDeadShare();
    if (share < options_.max_dead_units) return Ok();
    return Diverged(
        "{:.0f} % of the units of a layer were zero for every example, {:.0f} % are allowed",
        100 * share, 100 * options_.max_dead_units);
  }

  Status JudgeParameters() const {
    for (const Parameter& parameter : all_) {
      if (IsFinite(parameter)) continue;
      return Diverged("the parameter {} holds NaN or infinity", parameter.name);
    }
    return Ok();
  }

  Trainable& training_;
  const TrainingOptions& options_;
  base::Progress& progress_;
  TrainingCheckpoints checkpoints_;
  std::vector<Parameter> result_, optimiser_, all_;  // what stays, what does not, both
  base::ProgressStage stage_;

  TrainingState state_;
  std::vector<LossValue> step_, guessing_;  // of one step, and those of a constant prediction
  std::vector<LossValue> recent_, recent_guessing_;  // since the last check
  std::optional<std::string> saved_;          // where the newest checkpoint of this training is
  std::vector<std::vector<float>> snapshot_;  // the best epoch's model, without checkpoints
  Stopwatch watch_, last_save_;
};

}  // namespace

Result<TrainingReport> RunTraining(Trainable& training, const TrainingOptions& options,
                                   base::Progress& progress) {
  return Loop(training, options, progress).Run();
}

}  // namespace upnext::nn
