#include "evaluation/calibration.h"

#include <utility>

namespace upnext::evaluation {

std::vector<TaskCalibration> CalibrationByTask(const std::vector<ranking::Objective>& objectives,
                                               const Impressions& scored) {
  std::vector<TaskCalibration> tasks;
  for (size_t k = 0; k < objectives.size(); ++k) {
    const ranking::Targets targets = TargetsOf(objectives[k], scored);
    std::vector<float> predictions, observed;
    for (size_t i = 0; i < scored.size(); ++i) {
      if (targets.mask[i] == 0) continue;
      predictions.push_back(scored.predictions[i * objectives.size() + k]);
      observed.push_back(targets.value[i]);
    }
    if (predictions.empty()) continue;
    TaskCalibration task{.objective = objectives[k].name,
                         .bins = Calibration(predictions, observed)};
    task.slope = CalibrationSlope(task.bins);
    task.error = CalibrationError(task.bins);
    tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace upnext::evaluation
