// Feature statistics, learned in one pass before training and kept with the bundle: vocabularies,
// query tokens, quantiles, item statistics. Extraction reads them; nothing here changes after
// learning.
#ifndef UPNEXT_FEATURES_TABLES_H_
#define UPNEXT_FEATURES_TABLES_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/section_file.h"
#include "base/status.h"
#include "features/catalogue.h"

namespace upnext::features {

// Dense ids -> rows of an embedding table. Row 0 is "out of vocabulary" and embeds to zero (CG-01,
// RK-04).
class Vocabulary {
 public:
  Vocabulary() = default;
  // The `limit` ids with the highest counts (> 0, >= min_count), ties to the smaller id; row 1 is
  // the most frequent.
  static Vocabulary Learn(std::span<const uint64_t> counts, size_t limit, uint64_t min_count = 1);

  uint32_t rows() const { return static_cast<uint32_t>(ids_.size()); }  // including row 0
  uint32_t Row(uint32_t id) const { return id < rows_.size() ? rows_[id] : 0; }
  uint32_t Id(uint32_t row) const { return ids_[row]; }  // kNone for row 0
  uint64_t count(uint32_t row) const {
    return counts_[row];
  }                         // occurrences; row 0: all that fell out
  double coverage() const;  // share of occurrences that have a row

  Status Save(base::SectionWriter& writer, std::string_view name) const;
  static Result<Vocabulary> Load(const base::SectionFile& file, std::string_view name);

 private:
  std::vector<uint32_t> rows_;    // by id
  std::vector<uint32_t> ids_;     // by row
  std::vector<uint64_t> counts_;  // by row
};

// The vocabularies of a model set. kItem is the candidate model's (by complete watches);
// kRankedItem is the ranker's (by clicked impressions, paper 4.1). Numbers are part of the format.
enum class VocabularyId : uint8_t {
  kItem = 0,
  kToken = 1,
  kRegion = 2,
  kDevice = 3,
  kRankedItem = 4,
  kChannel = 5,
  kTopic = 6,
  kLanguage = 7,
  kSource = 8
};
inline constexpr size_t kVocabularies = 9;
std::string_view VocabularyName(VocabularyId id);

// Lower-cased words of a query and its neighbouring pairs: "taylor swift live" ->
// taylor, swift, live, "taylor swift", "swift live" (CG-03). Bytes >= 0x80 count as letters.
void Tokenize(std::string_view query, std::vector<std::string>* tokens);

// Token rows of every query. Queries newer than the log are tokenised on the spot.
class QueryTokens {
 public:
  // Counts tokens over the log's queries weighted by `query_counts`, keeps the `limit` most
  // frequent.
  static QueryTokens Learn(const Catalogue& catalogue, std::span<const uint64_t> query_counts,
                           size_t limit);
  // Appends the rows (0 for unknown tokens) of a query, unigrams then bigrams.
  void AppendRows(uint32_t query, const Catalogue& catalogue, std::vector<uint32_t>* rows) const;
  uint32_t rows() const;  // including row 0
  std::string_view token(uint32_t row) const;

  Status Save(base::SectionWriter& writer) const;
  static Result<QueryTokens> Load(const base::SectionFile& file);

 private:
  std::vector<uint64_t> offsets_;  // by query id of the log
  std::vector<uint32_t> token_rows_;
  std::vector<std::string> tokens_;            // by row
  std::vector<uint64_t> sorted_fingerprints_;  // of tokens_, for queries newer than the log
  std::vector<uint32_t> fingerprint_rows_;
};

// x -> its empirical cumulative share in [0, 1), by linear interpolation between quantiles (RK-05,
// paper 4.1).
class Quantiles {
 public:
  static constexpr size_t kBoundaries = 1000;
  Quantiles() = default;
  static Quantiles Learn(std::vector<float> sample);  // NaNs are left out; may be empty
  float Normalize(float x) const;                     // clamped to [0, 1); NaN stays NaN
  Status Save(base::SectionWriter& writer, std::string_view name) const;
  static Result<Quantiles> Load(const base::SectionFile& file, std::string_view name);

 private:
  std::vector<float> boundaries_;  // ascending
};

// What happened to each item, as running totals at the start of each UTC day: an example at time t
// sees only what was counted before t's day, so no example sees its future.
struct ItemCounts {
  float impressions = 0, clicks = 0, watches = 0, complete = 0, likes = 0, dislikes = 0,
        watch_s = 0;
};
class ItemStatistics {
 public:
  class Builder;  // in item_statistics.h
  // Totals over days before the day of `time_ms`; after the last learned day, all of it.
  ItemCounts At(uint32_t item, int64_t time_ms) const;
  ItemCounts Prior() const;  // the mean over items, for smoothing
  Status Save(base::SectionWriter& writer) const;
  static Result<ItemStatistics> Load(const base::SectionFile& file);

 private:
  friend class Builder;
  std::vector<uint64_t> offsets_;   // by item: its entries, one per day with events
  std::vector<int32_t> days_;       // days since the epoch
  std::vector<ItemCounts> totals_;  // up to and including that day
  ItemCounts prior_;
};

// [features] of the project file.
struct FeatureSpec {
  uint32_t max_items = 1'000'000, max_tokens = 1'000'000, max_channels = 1'000'000;
  uint32_t min_item_count = 1;
  std::vector<std::string>
      drop;  // names of fields to leave out, for ablations: "searches", "item_age"
  static FeatureSpec FromConfig(const base::ConfigTable& features);
};

inline constexpr char kTablesKind[] = "features";  // of the section file, see docs/formats/features.md
inline constexpr uint32_t kTablesVersion = 1;

// Everything extraction needs beside the state. Saved as one section file of kind kTablesKind.
struct FeatureTables {
  FeatureSpec spec;
  std::array<Vocabulary, kVocabularies> vocabularies;  // [kToken] stays empty: see tokens
  QueryTokens tokens;
  std::vector<Quantiles> quantiles;  // by continuous ranking field
  ItemStatistics item_statistics;
  int64_t train_begin_ms = 0,
          train_end_ms = 0;  // span of the training events: example age (paper 3.3)
  uint64_t log_digest = 0;   // of the log they were learned from (SV-03)

  const Vocabulary& vocabulary(VocabularyId id) const {
    return vocabularies[static_cast<size_t>(id)];
  }
  Status Save(const std::filesystem::path& path) const;
  static Result<FeatureTables> Load(const std::filesystem::path& path);
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TABLES_H_
