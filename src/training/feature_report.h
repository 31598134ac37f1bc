// What `upnext features` prints: every compiled feature, what a user's state keeps for it, and how
// often it is missing in the training examples of a log.
//
//   std::vector<FeatureRow> rows = DescribeFeatures(plan, schema);
//   MeasureFeatures(dataset, options.train, pool, &rows);
#ifndef UPNEXT_TRAINING_FEATURE_REPORT_H_
#define UPNEXT_TRAINING_FEATURE_REPORT_H_

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "features/feature_plan.h"
#include "schema/schema.h"
#include "training/dataset.h"
#include "training/options.h"

namespace upnext::training {

struct FeatureRow {
  std::string model, name, from, help;  // "ranking"
  std::string kind, side;               // "univalent", "multivalent", "continuous"; "query"
  std::string vocabulary;               // of categorical ones
  std::string keeps;                    // in a user's state, "" for nothing
  bool dropped = false, reads_reference = false;
  uint32_t rows = 0, dim = 0;  // of the embedding table; of numbers, dim is the floats they give
  // Of the examples that were read: without a value; of the ids in them: with a row of their own.
  double missing = std::nan(""), coverage = std::nan("");
};

// In the order in which blocks hold the features: retrieval, then ranking.
std::vector<FeatureRow> DescribeFeatures(const features::FeaturePlan& plan,
                                         const schema::Schema& schema);

// Fills tables and shares from the dataset's statistics and about `examples` training examples of
// each model. A model without examples keeps its shares as NaN, and so does a feature that reads a
// reference candidate model, if the statistics have none. Of one that has seen examples, those are not
// counted.
void MeasureFeatures(const Dataset& dataset, const TrainOptions& options, uint32_t examples,
                     base::ThreadPool& pool, std::vector<FeatureRow>* rows);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_FEATURE_REPORT_H_
