// Feature statistics, learned in one pass before training and kept with the bundle: vocabularies,
// query tokens, quantiles, item statistics. Extraction reads them; nothing here changes after
// learning, so any number of threads may.
//
//   UPNEXT_ASSIGN_OR_RETURN(FeatureStatistics tables, FeatureStatistics::Load(bundle / "features.bin"));
//   uint32_t row = tables.vocabulary(VocabularyId::kItem).Row(item);
#ifndef UPNEXT_FEATURES_FEATURE_STATISTICS_H_
#define UPNEXT_FEATURES_FEATURE_STATISTICS_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/section_file.h"
#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/item_statistics.h"
#include "features/quantiles.h"
#include "features/query_tokens.h"
#include "features/vocabulary.h"
#include "log/event_log.h"

namespace upnext::features {

// [features] of the project file.
struct FeatureSpec {
  uint32_t max_items = 1'000'000, max_tokens = 1'000'000, max_channels = 1'000'000;
  uint32_t min_item_count = 1;
  // Names of fields to leave out, for ablations: "searches", "item_age_days". Dropped fields read
  // as missing; a name that both models have (FieldNames in fields.h) is dropped from both.
  std::vector<std::string> drop;
  // Unknown names in `drop` fail the config's Check() with the nearest right one.
  static FeatureSpec FromConfig(const base::ConfigTable& features);
  friend bool operator==(const FeatureSpec&, const FeatureSpec&) = default;
};

inline constexpr char kTablesKind[] = "features";  // of the section file they are saved as
inline constexpr uint32_t kTablesVersion = 1;

// Everything extraction needs beside the state. Saved as one section file of kind "features"
// (docs/formats/features.md).
struct FeatureStatistics {
  FeatureSpec spec;
  std::array<Vocabulary, kVocabularies> vocabularies;  // [kToken] stays empty: see tokens
  QueryTokens tokens;
  // By continuous ranking field, in the order of RankingFields(). Empty while they are being
  // learned: then extraction gives raw values, and dense ones as if all were missing.
  std::vector<Quantiles> quantiles;
  ItemStatistics item_statistics;
  int64_t train_begin_ms = 0,
          train_end_ms = 0;  // span of the training events: example age (paper 3.3)
  uint64_t log_digest = 0;   // of the log they were learned from (SV-03)

  const Vocabulary& vocabulary(VocabularyId id) const {
    return vocabularies[static_cast<size_t>(id)];
  }
  // Rows of the embedding table of a vocabulary, row 0 included; kToken too.
  uint32_t rows(VocabularyId id) const {
    return id == VocabularyId::kToken ? tokens.rows() : vocabulary(id).rows();
  }
  Status Save(const std::filesystem::path& path) const;
  // kNotFound, or kDataLoss with file and section named: a file that was damaged, or whose fields
  // are not this program's.
  static Result<FeatureStatistics> Load(const std::filesystem::path& path);
  // kDataLoss when a vocabulary speaks of ids that `log`, whose digest is log_digest, does not
  // have.
  Status CheckIds(const log::EventLog& log) const;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_STATISTICS_H_
