// Scores of generators on one scale. Each generator scores in units of its own (counts, dot products,
// shares), so a score is read as its share among those of the same source in training (RK-08).
//
//   SourceScores scores;
//   scores.Learn(std::move(by_source));                   by id of IdSpace::kSource
//   float share = scores.ShareOf({.item = 7, .source = 2, .source_score = 31.5f});
//
// Immutable after Learn or Load: any number of threads.
#ifndef UPNEXT_FEATURES_SOURCE_SCORES_H_
#define UPNEXT_FEATURES_SOURCE_SCORES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "features/quantiles.h"
#include "features/request_context.h"

namespace upnext::features {

class SourceScores {
 public:
  // More are no generators; of the others, those with the fewest scores have no scale.
  static constexpr size_t kMaxSources = 256;
  // Gives every source without a scale one, of its finite scores; a source without any has none.
  // Returns how many sources with scores have no scale, because there are kMaxSources already.
  size_t Learn(std::vector<std::vector<float>> by_source);
  // In [0, 1), not falling as the score rises. NaN without a finite score, without a source, and for a
  // source without a scale.
  float ShareOf(const Candidate& candidate) const;
  // Sources with a scale have ids below this.
  size_t ids() const { return scales_.empty() ? 0 : scales_.rbegin()->first + size_t{1}; }
  // The same under other ids, of which `old_ids` has the ones here, or kNone.
  SourceScores Renumbered(std::span<const uint32_t> old_ids) const;

  // Sections source_scores.sources and source_scores.N of each source N; none when there is no scale.
  Status Save(base::SectionWriter& writer) const;
  static Result<SourceScores> Load(const base::SectionFile& file);

  friend bool operator==(const SourceScores&, const SourceScores&) = default;

 private:
  std::map<uint32_t, Quantiles> scales_;  // by source; none is empty
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_SOURCE_SCORES_H_
