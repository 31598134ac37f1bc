// Whether the predictions of a ranker are right on average: by decile of the prediction, for each
// objective (EV-05).
//
//   for (const TaskCalibration& task : CalibrationByTask(objectives, held_out)) ... task.slope
//
// Pure functions: any thread.
#ifndef UPNEXT_EVALUATION_CALIBRATION_H_
#define UPNEXT_EVALUATION_CALIBRATION_H_

#include <vector>

#include "evaluation/impressions.h"
#include "evaluation/ranker_report.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

// In the order of the objectives, without those that no impression observes. `scored` has
// predictions.
std::vector<TaskCalibration> CalibrationByTask(const std::vector<ranking::Objective>& objectives,
                                               const Impressions& scored);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_CALIBRATION_H_
