// State + context (+ item) -> model inputs. The only place where features are made: training,
// evaluation and serving all call it (design, idea 1).
//
//   CandidateExtractor extractor(tables, catalogue);
//   extractor.Append(state, user, context, /*example_age_ms=*/0, &batch);
//   RankingExtractor ranking(tables, catalogue);
//   ranking.AppendQuery(state, user, context, &query);                 once per request (RK-01)
//   for (candidate) ranking.AppendImpression(state, user, context, candidate, &impressions);
//
// Extractors are immutable: any number of threads. Attributes, tables and histories may all be
// absent; features made from them are then missing.
#ifndef UPNEXT_FEATURES_EXTRACT_H_
#define UPNEXT_FEATURES_EXTRACT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "catalogue/catalogue.h"
#include "features/feature_statistics.h"
#include "features/fields.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::features {

// The circumstances of a request; ids of the catalogue or kNone.
struct Context {
  int64_t time_ms = 0;
  uint32_t device = schema::kNone,
           region = schema::kNone;        // region: of the request, else the user's
  uint32_t current_item = schema::kNone;  // the item being watched
};

// Lists of rows, one list per example: row e is ids[offsets[e] .. offsets[e+1]).
struct Bags {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> offsets{0};
  size_t size() const { return offsets.size() - 1; }
  std::span<const uint32_t> operator[](size_t e) const& {
    return std::span(ids).subspan(offsets[e], offsets[e + 1] - offsets[e]);
  }
  std::span<const uint32_t> operator[](size_t e) && = delete;  // would dangle
  void Close() { offsets.push_back(static_cast<uint32_t>(ids.size())); }
  void Clear() {
    ids.clear();
    offsets.assign(1, 0);
  }
  friend bool operator==(const Bags&, const Bags&) = default;
};

// ---- Candidate model
// ------------------------------------------------------------------------------

// age, gender, logged-in: value in [0, 1] and "is missing" each (CG-08); example age and its square
// root as shares of the training window, 0 at serving (CG-09); and the share once more as kAgeKnots
// hat functions with knots at equal distances, which are 1 at their own knot, 0 from the neighbours
// on, and sum to 1. A burst of days stands out of them at once; of a line and a root it would take
// steep ReLUs.
inline constexpr size_t kAgeKnots = 32;
inline constexpr size_t kCandidateDense = 8 + kAgeKnots;
inline constexpr float kMaxAgeYears = 100;  // maps to 1

struct CandidateBatch {
  Bags watches;  // rows of kItem, oldest watch first (CG-02)
  // Rows of the query tokens. Ordered by query id, so neither the order of the searches nor which
  // came last can be told (CG-03, CG-21).
  Bags tokens;
  std::vector<uint32_t> region, device;  // rows (CG-07); 0 when unknown
  std::vector<float> dense;              // [size, kCandidateDense]
  std::vector<uint32_t> label;           // row of the next complete watch; empty at serving
  size_t size() const { return region.size(); }
  void Clear();  // keeps memory
};

class CandidateExtractor {
 public:
  CandidateExtractor(const FeatureStatistics& tables,
                     const catalogue::Catalogue& catalogue);  // both outlive this
  // Appends one example, without its label.
  void Append(const UserState& state, const schema::User& user, const Context& context,
              int64_t example_age_ms, CandidateBatch* batch) const;

 private:
  const FeatureStatistics& tables_;
  const catalogue::Catalogue& catalogue_;
  uint32_t dropped_ = 0;  // bit per CandidateField
};

// ---- Ranker
// ---------------------------------------------------------------------------------------

// Continuous values are fed as normalised x, x^2, sqrt(x) and "is missing" (RK-06; paper 2.3). A
// missing one is 0, 0, 0, 1.
inline constexpr size_t kPowers = 4;

// One side's features of n rows: queries (requests) or impressions (candidates).
struct RankingBlock {
  std::vector<Bags>
      categorical;  // by categorical field of the side; univalent: one id, or none when absent
  std::vector<float> raw;    // [n, continuous fields of the side], NaN = missing
  std::vector<float> dense;  // [n, kPowers * continuous fields of the side]
  size_t rows = 0;
  explicit RankingBlock(Side side) : categorical(CategoricalFields(side)) {}
  void Clear();  // keeps memory
};

// Equal digests: equal bytes, missing values included. For parity checks between training and
// serving.
uint64_t Digest(const RankingBlock& block);
uint64_t Digest(const CandidateBatch& batch);

struct Candidate {
  uint32_t item = schema::kNone;
  uint32_t source = schema::kNone;  // id of IdSpace::kSource
};

// Rates are smoothed towards the whole log's: (successes + weight * rate) / (trials + weight).
// These are the weights, in trials. Watch shares have no rate in the tables; they lean to one half.
inline constexpr double kUserPriorWeight = 10, kItemPriorWeight = 20, kAffinityPriorWeight = 3;
inline constexpr double kPriorWatchShare = 0.5;

class RankingExtractor {
 public:
  RankingExtractor(const FeatureStatistics& tables,
                   const catalogue::Catalogue& catalogue);  // both outlive this
  // What depends on user and request alone. `queries` is a block of Side::kQuery.
  void AppendQuery(const UserState& state, const schema::User& user, const Context& context,
                   RankingBlock* queries) const;
  // What depends on the candidate. `impressions` is a block of Side::kImpression.
  void AppendImpression(const UserState& state, const schema::User& user, const Context& context,
                        const Candidate& candidate, RankingBlock* impressions) const;

 private:
  // Rates of the whole log, NaN where it has no trials.
  struct Rates {
    double click, complete, like, mean_watch_s;
  };
  void AppendDense(Side side, std::span<const float> raw, RankingBlock* block) const;
  void FillUserNumbers(const UserState& state, const Context& context, std::span<float> raw) const;
  void FillAffinity(const UserState& state, const Context& context, const schema::Item& item,
                    std::span<float> raw) const;
  void FillItemHistory(const UserState& state, const Context& context, uint32_t item,
                       std::span<float> raw) const;
  void FillItemStatistics(const Context& context, uint32_t item, std::span<float> raw) const;
  bool Dropped(Side side, FieldKind kind, size_t slot) const;

  const FeatureStatistics& tables_;
  const catalogue::Catalogue& catalogue_;
  uint64_t dropped_ = 0;  // bit per field
  bool powers_;           // false: squares and roots are 0, for ablation
  Rates prior_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_EXTRACT_H_
