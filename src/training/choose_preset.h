// Chooses among configurations of the candidate model by validation, on a sample of the users: all
// are trained for a few epochs, and the better half of them again for more, until one is left
// (successive halving; Jamieson and Talwalkar 2016).
//
//   UPNEXT_ASSIGN_OR_RETURN(const PresetChoice choice,
//                           ChoosePreset(*dataset, options.presets, seed, pool, progress));
//   options.candidate = choice.preset.model;
//
// One search at a time per pool. Same seed, data and number of threads: the same choice, unless
// search_seconds ended it.
#ifndef UPNEXT_TRAINING_CHOOSE_PRESET_H_
#define UPNEXT_TRAINING_CHOOSE_PRESET_H_

#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "retrieval/presets.h"
#include "training/dataset.h"
#include "training/options.h"

namespace upnext::training {

// With fewer cases to validate on, or fewer examples to train on, a search would choose at random.
inline constexpr size_t kSearchCases = 100;
inline constexpr uint64_t kSearchTrainingExamples = 1000;

struct PresetChoice {
  retrieval::CandidatePreset preset;
  // What was chosen, and the figures of the others; one line each, empty with a single preset.
  std::vector<std::string> notes;
};

// The first of the presets without a search: when there is one, the budget is 0, or the log is
// small. A preset whose training diverges loses. kCancelled on request, kFailedPrecondition as
// TrainCandidateModel.
Result<PresetChoice> ChoosePreset(const Dataset& dataset, const retrieval::PresetOptions& options,
                                  uint64_t seed, base::ThreadPool& pool, base::Progress& progress);

// Sets what `train` has of the candidate model to the choice, and says its notes.
void UsePreset(const PresetChoice& choice, TrainOptions* train, base::Progress& progress);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_CHOOSE_PRESET_H_
