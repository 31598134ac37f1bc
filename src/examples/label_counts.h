// How often each row has been a label lately: what in-batch negatives are expected to hold, as
// estimated while training (Yi et al. 2019).
//
//   LabelCounts counts(vocabulary);
//   double expected = batch.size() * counts.Probability(row);   // times in the next batch
//   counts.Add(batch.label);
//
// Starts from the vocabulary's counts, as if of one label per row, and halves what it has once it
// knows 256 labels per row, so that newer batches weigh more. One thread.
#ifndef UPNEXT_EXAMPLES_LABEL_COUNTS_H_
#define UPNEXT_EXAMPLES_LABEL_COUNTS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "features/feature_statistics.h"

namespace upnext::examples {

class LabelCounts {
 public:
  explicit LabelCounts(const features::Vocabulary& vocabulary);
  void Add(std::span<const uint32_t> labels);
  // That a label is this row; above 0 except for row 0.
  double Probability(uint32_t row) const { return row == 0 ? 0.0 : counts_[row] / counts_[0]; }
  // Everything that it knows, to resume exactly.
  std::span<float> state() { return counts_; }
  // After rows of the state were replaced, but not the sum.
  void AddUp();

 private:
  std::vector<float> counts_;  // by row; in place of row 0, which is no label, their sum
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_LABEL_COUNTS_H_
