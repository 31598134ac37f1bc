// Examples of users with their features, as training makes them, and what a log says of each.
//
//   const RowMaker maker(source, tables, Stage::kRanking, {.parts = {SplitPart::kTrain}});
//   ExampleRows rows;
//   maker.AppendUser(user, &rows);
//
// RowMaker is immutable: any number of threads. Its arguments outlive it.
#ifndef UPNEXT_INTERCHANGE_EXAMPLE_ROWS_H_
#define UPNEXT_INTERCHANGE_EXAMPLE_ROWS_H_

#include <cstdint>
#include <vector>

#include "examples/replay.h"
#include "examples/split.h"
#include "features/feature_block.h"
#include "features/feature_extractor.h"
#include "features/feature_statistics.h"

namespace upnext::interchange {

enum class Stage : uint8_t { kRetrieval, kRanking };

struct ExampleOptions {
  Stage stage = Stage::kRanking;
  std::vector<examples::SplitPart> parts = {examples::SplitPart::kTrain};
  uint32_t min_history = 1;  // kRetrieval: complete watches before one that is a label
  uint64_t limit = 0;  // examples, about, of users chosen at random; 0: all, in order of users
  uint64_t seed = 1;   // of that choice
};

struct ExampleRows {
  struct Origin {
    uint32_t user, item;
    int64_t time_ms;
    examples::SplitPart part;
    uint64_t request = 0;   // kRanking
    uint16_t position = 0;  // kRanking; 0: unknown
    float weight = 1;       // kRetrieval: of the loss
  };
  features::FeatureBlock queries, impressions;  // impressions: of kRanking
  std::vector<uint32_t> query_of;               // [size()]: row of `queries`
  std::vector<Origin> origins;
  std::vector<examples::Labels> labels;  // kRanking
  size_t size() const { return origins.size(); }
  void Clear();
};

class RowMaker {
 public:
  RowMaker(const examples::ReplaySource& source, const features::FeatureStatistics& tables,
           const ExampleOptions& options);
  // In the order of the user's events. The same features and labels as the streams of examples/;
  // of kRetrieval every label, where training may draw some of a user's.
  void AppendUser(uint32_t user, ExampleRows* rows) const;

 private:
  void AppendImpressions(uint32_t user, ExampleRows* rows) const;
  void AppendWatches(uint32_t user, ExampleRows* rows) const;
  bool Wanted(examples::SplitPart part) const;

  const examples::ReplaySource& source_;
  const features::FeatureStatistics& tables_;
  const ExampleOptions options_;
  const features::FeatureExtractor extractor_;
};

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_EXAMPLE_ROWS_H_
