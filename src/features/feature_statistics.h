// Feature statistics, learned in one pass before training and kept with the bundle: the plan of the
// features, and its vocabularies, query tokens, quantiles and everybody's counts. Extraction reads
// them; nothing here changes after learning, so any number of threads may.
//
//   UPNEXT_ASSIGN_OR_RETURN(FeatureStatistics tables, FeatureStatistics::Load(bundle / "features.uxs"));
//   uint32_t row = tables.vocabulary(kItemVocabulary).Row(item);
#ifndef UPNEXT_FEATURES_FEATURE_STATISTICS_H_
#define UPNEXT_FEATURES_FEATURE_STATISTICS_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "features/event_counts.h"
#include "features/feature_plan.h"
#include "features/feature_spec.h"
#include "features/quantiles.h"
#include "features/query_tokens.h"
#include "features/source_scores.h"
#include "features/vocabulary.h"
#include "log/event_log.h"

namespace upnext::features {

inline constexpr char kTablesKind[] = "features";  // of the section file they are saved as
inline constexpr uint32_t kTablesVersion = 2;

class RetrievalReference;

// Which reference candidate model the features read; of one that has seen no event from `end_ms` on.
struct ReferenceStamp {
  uint64_t digest = 0;  // of its file (retrieval_reference.h); 0: none
  int64_t end_ms = 0;
  friend bool operator==(const ReferenceStamp&, const ReferenceStamp&) = default;
};

// Everything extraction needs next to the state. Saved as one section file of kind "features"
// (docs/formats/features.md).
struct FeatureStatistics {
  FeatureSpec spec;
  FeaturePlan plan;  // of `spec`
  // By plan.vocabularies(); those of tokens and of hashed ids stay empty.
  std::vector<Vocabulary> vocabularies;
  QueryTokens tokens;
  // Of every number by quantiles: retrieval's, then ranking's, those of the query side first. Empty
  // while they are being learned: then extraction gives raw values, and dense ones as if all were
  // missing.
  std::vector<Quantiles> quantiles;
  SourceScores source_scores;  // none unless a feature reads `request.source_score`
  // Of features that read one: the stamp is saved, the model itself is a part of the bundle, and
  // who loads these statistics gives it to them. Without one such features are missing.
  ReferenceStamp reference_stamp;
  std::shared_ptr<const RetrievalReference> reference;
  EventCounts counts;
  int64_t train_begin_ms = 0,
          train_end_ms = 0;  // span of the training events: example age (paper 3.3)
  uint64_t log_digest = 0;   // of the log they were learned from (SV-03)

  FeatureStatistics() : FeatureStatistics({}, FeaturePlan()) {}
  FeatureStatistics(FeatureSpec features, FeaturePlan compiled);

  // Of a vocabulary that the plan has; an empty one otherwise.
  const Vocabulary& vocabulary(std::string_view name) const;
  // Rows of the embedding table of plan.vocabularies()[index], row 0 included.
  uint32_t rows(size_t index) const;
  // Sets reference and stamp.
  void Refer(std::shared_ptr<const RetrievalReference> to);
  // Of one side of one model; empty while they are not learned.
  std::span<const Quantiles> QuantilesOf(Model model, Side side) const;

  Status Save(const std::filesystem::path& path) const;
  // kNotFound, or kDataLoss with file and section named: a file that was damaged, or whose features
  // this program does not read.
  static Result<FeatureStatistics> Load(const std::filesystem::path& path);
  // kDataLoss when a vocabulary speaks of ids that `log`, whose digest is log_digest, does not
  // have.
  Status CheckIds(const log::EventLog& log) const;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_STATISTICS_H_
