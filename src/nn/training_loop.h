// The training loop of both models: epochs, early stopping, restoring the best epoch, checkpoints,
// resuming, and checks that stop a training that diverges (TR-04, TR-05).
//
//   class Training : public nn::Trainable { ... };            // defines a step
//   UPNEXT_ASSIGN_OR_RETURN(nn::TrainingReport report,
//                           nn::RunTraining(training, options, progress));
//
// On return the model, and with keep_optimiser the optimiser, has the parameters of the best epoch. A training that was interrupted and
// resumed, any number of times, gives the same bytes as one that was not. One thread.
#ifndef UPNEXT_NN_TRAINING_LOOP_H_
#define UPNEXT_NN_TRAINING_LOOP_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/rng.h"
#include "base/status.h"
#include "nn/dead_units.h"
#include "nn/losses.h"
#include "nn/parameter.h"
#include "nn/training_checkpoint.h"

namespace upnext::nn {

// A model with its optimiser and its examples. The batches of an epoch must depend only on its
// number; any other state that a step depends on must be returned by the second group of functions.
class Trainable {
 public:
  virtual ~Trainable() = default;

  virtual uint64_t examples_per_epoch() const = 0;
  // Called once before the first epoch, and not when resuming.
  virtual void Begin() {}
  virtual void StartEpoch(uint32_t epoch) = 0;
  // Prepares the next batch. Returns its number of examples, 0 at the end of the epoch.
  virtual size_t NextBatch() = 0;
  // Trains on the batch. Adds each task's loss before the update to `losses`, and the loss of a
  // constant prediction to `guessing`. `share_left` of the whole training falls from 1 to 0.
  virtual void Step(double share_left, std::span<LossValue> losses,
                    std::span<LossValue> guessing) = 0;
  // Sets report->validation (NaN without validation data), and task_validation if tasks are
  // measured. kCancelled after a request to stop.
  virtual Status Validate(EpochReport* report) = 0;
  // The weighted sum of the tasks' means.
  virtual double Total(std::span<const LossValue> losses) const = 0;
  virtual std::string Describe(const EpochReport& report) const = 0;

  virtual std::vector<Parameter> ModelParameters() = 0;
  virtual void AppendOptimiserState(std::vector<Parameter>& state) = 0;
  virtual base::Rng& rng() = 0;
  virtual std::vector<DeadUnits*> ReluLayers() = 0;  // TR-05
};

struct TrainingOptions {
  std::string model;               // in messages: "candidate model"
  std::vector<std::string> tasks;  // names, in messages; a single task may have an empty name
  uint32_t epochs = 1;             // at most; schedules span them
  uint32_t patience = 1;           // epochs without a better validation metric before stopping
  uint32_t stop_after = 0;         // epochs to train, whatever validation says; 0: as it says
  bool less_is_better = false;     // whether a smaller validation metric is better
  // Training stops when this share of the ReLU units of a layer is zero for all examples of an
  // epoch.
  double max_dead_units = 0.9;
  // The optimiser's state is part of the result: of the best epoch, like the model. The random state is
  // that of the end.
  bool keep_optimiser = false;
  std::string advice;  // if training diverges: "lower retrieval.tower_learning_rate (now 1)"
  CheckpointOptions checkpoints;
};

struct TrainingReport {
  std::vector<EpochReport> epochs;
  uint32_t best_epoch = 0;
};

// kInternal when training diverges: a loss or a parameter that is not finite, a loss far above that
// of a constant prediction, too many dead units. kCancelled on request, kFailedPrecondition when
// the checkpoint to resume belongs to another training. The message names the checkpoint from which
// to continue. Errors of writing checkpoints are returned.
Result<TrainingReport> RunTraining(Trainable& training, const TrainingOptions& options,
                                   base::Progress& progress);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_TRAINING_LOOP_H_
