// Checkpoints of a running training: all state that is needed to continue later, in one section
// file (docs/formats/training_checkpoint.md).
//
//   TrainingCheckpoints checkpoints(options);
//   UPNEXT_RETURN_IF_ERROR(checkpoints.Save(state, parameters));
//   UPNEXT_ASSIGN_OR_RETURN(std::optional<TrainingState> state,
//                           checkpoints.Load(tasks, model_parameters, optimiser_parameters));
//
// FOLDER/NAME.uxs is the newest checkpoint; FOLDER/NAME.best.uxs the one of the best epoch, if that
// is another. A checkpoint replaces the one before in one step. Parameters are written without a
// copy. One thread, and one process per folder.
#ifndef UPNEXT_NN_TRAINING_CHECKPOINT_H_
#define UPNEXT_NN_TRAINING_CHECKPOINT_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "nn/losses.h"
#include "nn/parameter.h"

namespace upnext::nn {

struct CheckpointOptions {
  std::filesystem::path folder;  // empty: no checkpoints
  std::string name;              // of the files, e.g. "retrieval"
  double minutes = 10;  // between checkpoints within an epoch; 0: only at the end of each epoch
  bool resume = false;  // continue from the existing checkpoint, if any
  // "key = value": the settings that two trainings must share to give the same bytes.
  std::vector<std::string> binding;
};

struct EpochReport {
  uint32_t epoch = 0;     // from 0
  double loss = 0;        // mean over the training examples: the weighted sum over tasks
  double validation = 0;  // metric used by early stopping; NaN without validation data
  double seconds = 0, examples_per_s = 0;  // of training, without validation and checkpoints
  double dead_units = 0;                   // largest share of dead ReLU units over layers (TR-05)
  // By task. Of validation, NaN where nothing was observed, and empty when tasks are not measured.
  std::vector<double> task_loss, task_validation;
};

// The position of a training, without its parameters.
struct TrainingState {
  uint32_t epoch = 0;                // current one, from 0
  uint64_t steps = 0, examples = 0;  // completed in this epoch
  double seconds = 0;                // spent on these steps
  std::vector<LossValue> losses;     // of these steps, by task
  std::vector<EpochReport> reports;  // of the completed epochs
  uint32_t best_epoch = 0;           // index into reports
  bool finished = false;             // if true, the parameters are those of the best epoch
  std::array<uint64_t, 4> rng{};     // base::Rng::state()
  std::vector<uint64_t> activity;    // of nn::Save(), see dead_units.h

  // Whether the parameters of the best epoch differ from the current ones.
  bool needs_best() const;
  bool at_best() const;  // whether the last completed epoch is the best
};

// What differs between two lists of "key = value": "retrieval.dim was 64 and is 128; ...".
std::string Differences(std::span<const std::string> before, std::span<const std::string> now);

class TrainingCheckpoints {
 public:
  explicit TrainingCheckpoints(CheckpointOptions options) : options_(std::move(options)) {}

  const CheckpointOptions& options() const { return options_; }
  bool enabled() const { return !options_.folder.empty(); }
  std::filesystem::path path() const { return options_.folder / (options_.name + ".uxs"); }

  // Creates the folder and removes files that a killed writer left incomplete.
  Status Prepare() const;
  bool Exists() const;
  // Replaces the newest checkpoint. Keeps the replaced one if it is that of the best epoch.
  Status Save(const TrainingState& state, std::span<const Parameter> parameters);
  // Fills `model`, and `optimiser` unless the training is finished, from the newest checkpoint;
  // returns nothing when there is none. kFailedPrecondition, with the differences, when its binding
  // differs; kDataLoss when it is damaged.
  Result<std::optional<TrainingState>> Load(size_t tasks, std::span<const Parameter> model,
                                            std::span<const Parameter> optimiser);
  // Fills `model` from the best epoch's checkpoint of the training that `state` belongs to.
  Status LoadBest(const TrainingState& state, std::span<const Parameter> model) const;
  // Removes the checkpoints of this name, and the folder if it is empty afterwards.
  Status Remove() const;

 private:
  std::filesystem::path best_path() const {
    return options_.folder / (options_.name + ".best.uxs");
  }
  Status CheckBinding(const base::SectionFile& file) const;

  CheckpointOptions options_;
  bool newest_is_best_ = false;  // path() holds the best epoch, best_path() is obsolete
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_TRAINING_CHECKPOINT_H_
