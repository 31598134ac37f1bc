// Configurations of the candidate model that are good on some logs: [retrieval] preset names one, or
// "auto" lets a training choose. Keys of [retrieval] in the project file override those of each.
//
//   const PresetOptions options = PresetOptions::FromConfig(config.Table("retrieval"));
//   options.presets[0].model, options.presets[0].train
//
// A plain value: any number of threads may read it.
#ifndef UPNEXT_RETRIEVAL_PRESETS_H_
#define UPNEXT_RETRIEVAL_PRESETS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/config.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_training.h"

namespace upnext::retrieval {

struct CandidatePreset {
  std::string name;  // "watch"
  CandidateModelOptions model;
  CandidateTrainOptions train;
};

struct PresetOptions {
  // One, or those to choose from: the first is taken without a search.
  std::vector<CandidatePreset> presets;
  // Of a search, all trainings together, in training examples; 0: no search.
  uint64_t search_examples = 4'000'000;
  // After these seconds the search ends with the best so far; 0: only by its examples, so that it
  // chooses alike on every machine.
  double search_seconds = 0;

  // Mistakes wait in config.Check().
  static PresetOptions FromConfig(const base::ConfigTable& retrieval);
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_PRESETS_H_
