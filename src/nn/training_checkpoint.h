// Checkpoints of a training at work: everything that going on later needs, in one section file
// (docs/formats/training_checkpoint.md).
//
//   TrainingCheckpoints checkpoints(options);
//   UPNEXT_RETURN_IF_ERROR(checkpoints.Save(state, parameters));
//   UPNEXT_ASSIGN_OR_RETURN(std::optional<TrainingState> state,
//                           checkpoints.Load(tasks, model_parameters, optimiser_parameters));
//
// FOLDER/NAME.uxs is the newest checkpoint; FOLDER/NAME.best.uxs the one of the best epoch, when
// that is another. A checkpoint is under its name whole or not at all, and the one before stays
// until then. Parameters are written from where they lie. One thread, and one process per folder.
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
  bool resume = false;  // go on from the checkpoint that is there, if one is
  // "key = value": what two trainings must have in common to give the same bytes.
  std::vector<std::string> binding;
};

struct EpochReport {
  uint32_t epoch = 0;     // from 0
  double loss = 0;        // mean of training: the weighted sum over tasks
  double validation = 0;  // the figure that early stopping looks at; NaN without a validation part
  double seconds = 0, examples_per_s = 0;  // of training, validation and checkpoints left out
  double dead_units = 0;                   // largest share of dead ReLU units over layers (TR-05)
  // By task; of validation NaN where nothing was observed, and empty where tasks are not measured.
  std::vector<double> task_loss, task_validation;
};

// Where a training stands, its parameters left out.
struct TrainingState {
  uint32_t epoch = 0;                // at work, from 0
  uint64_t steps = 0, examples = 0;  // done in it
  double seconds = 0;                // spent on them
  std::vector<LossValue> losses;     // of them, by task
  std::vector<EpochReport> reports;  // of the epochs before
  uint32_t best_epoch = 0;           // among reports
  bool finished = false;             // then the parameters are those of the best epoch
  std::array<uint64_t, 4> rng{};     // base::Rng::state()
  std::vector<uint64_t> activity;    // nn::Tower::Activity()

  // Whether there is a best epoch whose parameters are not the present ones.
  bool needs_best() const;
  bool at_best() const;  // whether the best epoch has just ended
};

class TrainingCheckpoints {
 public:
  explicit TrainingCheckpoints(CheckpointOptions options) : options_(std::move(options)) {}

  const CheckpointOptions& options() const { return options_; }
  bool enabled() const { return !options_.folder.empty(); }
  std::filesystem::path path() const { return options_.folder / (options_.name + ".uxs"); }

  // Makes the folder and removes what a killed writer has left half-written in it.
  Status Prepare() const;
  bool Exists() const;
  // Replaces the newest checkpoint, and keeps the replaced one while it is the best epoch's.
  Status Save(const TrainingState& state, std::span<const Parameter> parameters);
  // Fills `model`, and `optimiser` unless the training was finished, from the newest checkpoint;
  // nothing when there is none. kFailedPrecondition when its binding is another, and says what
  // differs; kDataLoss when it is damaged.
  Result<std::optional<TrainingState>> Load(size_t tasks, std::span<const Parameter> model,
                                            std::span<const Parameter> optimiser);
  // Fills `model` from the best epoch of the training that `state` belongs to.
  Status LoadBest(const TrainingState& state, std::span<const Parameter> model) const;
  // Removes the checkpoints of this name, and the folder when it is empty then.
  Status Remove() const;

 private:
  std::filesystem::path best_path() const {
    return options_.folder / (options_.name + ".best.uxs");
  }
  Status CheckBinding(const base::SectionFile& file) const;

  CheckpointOptions options_;
  bool newest_is_best_ = false;  // path() holds the best epoch, best_path() nothing of use
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_TRAINING_CHECKPOINT_H_
