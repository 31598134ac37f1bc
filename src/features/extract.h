// State + context (+ item) -> model inputs. The only place where features are made: training,
// evaluation and serving all call it (design, idea 1).
//
//   CandidateExtractor extractor(tables, catalogue);
//   extractor.Append(state, user, context, /*example_age_ms=*/0, &batch);
//   RankingExtractor ranking(tables, catalogue);
//   ranking.AppendQuery(state, user, context, &query);                 once per request (RK-01)
//   for (candidate) ranking.AppendImpression(state, user, context, candidate, &impressions);
//
// Extractors are immutable: any number of threads.
#ifndef UPNEXT_FEATURES_EXTRACT_H_
#define UPNEXT_FEATURES_EXTRACT_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "events/schema.h"
#include "features/catalogue.h"
#include "features/tables.h"
#include "features/user_state.h"

namespace upnext::features {

// The circumstances of a request; ids of the catalogue or kNone.
struct Context {
  int64_t time_ms = 0;
  uint32_t device = events::kNone,
           region = events::kNone;  // region: of the request, else the user's
  uint32_t seed = events::kNone;    // the item being watched
};

// Lists of rows, one list per example: row e is ids[offsets[e] .. offsets[e+1]).
struct Bags {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> offsets{0};
  size_t size() const { return offsets.size() - 1; }
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
// root as shares of the training window, 0 at serving (CG-09).
inline constexpr size_t kCandidateDense = 8;

struct CandidateBatch {
  Bags watches;  // rows of kItem (CG-02)
  Bags tokens;   // rows of the query tokens (CG-03, CG-21: order carries nothing)
  std::vector<uint32_t> region, device;  // rows (CG-07)
  std::vector<float> dense;              // [size, kCandidateDense]
  std::vector<uint32_t> label;           // row of the next complete watch; empty at serving
  size_t size() const { return region.size(); }
  void Clear();
};

class CandidateExtractor {
 public:
  CandidateExtractor(const FeatureTables& tables, const Catalogue& catalogue);  // both outlive this
  void Append(const UserState& state, const events::User& user, const Context& context,
              int64_t example_age_ms, CandidateBatch* batch) const;

 private:
  const FeatureTables& tables_;
  const Catalogue& catalogue_;
  uint32_t dropped_ = 0;
};

// ---- Ranker
// ---------------------------------------------------------------------------------------

enum class Side : uint8_t { kQuery, kImpression };  // per request / per candidate
enum class FieldKind : uint8_t { kUnivalent, kMultivalent, kContinuous };
struct Field {
  std::string_view name;  // "since_channel_watch"
  FieldKind kind;
  Side side;
  VocabularyId
      vocabulary;  // of categorical fields; fields that share one share the embedding (RK-02)
  std::string_view help;  // one line for reports and the console
};
// Every field of the ranker, in the order in which blocks hold them. Part of the format.
std::span<const Field> RankingFields();

// Continuous values are fed as normalised x, x^2, sqrt(x) and "is missing" (RK-06).
inline constexpr size_t kPowers = 4;

// One side's features of n rows: queries (requests) or impressions (candidates).
struct RankingBlock {
  std::vector<Bags>
      categorical;  // by categorical field of the side; univalent: one id, or none when absent
  std::vector<float> raw;    // [n, continuous fields of the side], NaN = missing
  std::vector<float> dense;  // [n, kPowers * continuous fields of the side]
  size_t rows = 0;
  explicit RankingBlock(Side side);
  void Clear();
};
size_t CategoricalFields(Side side);
size_t ContinuousFields(Side side);

struct Candidate {
  uint32_t item = events::kNone;
  uint32_t source = events::kNone;  // id of IdSpace::kSource
};

class RankingExtractor {
 public:
  RankingExtractor(const FeatureTables& tables, const Catalogue& catalogue);  // both outlive this
  void AppendQuery(const UserState& state, const events::User& user, const Context& context,
                   RankingBlock* queries) const;
  void AppendImpression(const UserState& state, const events::User& user, const Context& context,
                        const Candidate& candidate, RankingBlock* impressions) const;

 private:
  const FeatureTables& tables_;
  const Catalogue& catalogue_;
  uint64_t dropped_ = 0;  // bit per field
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_EXTRACT_H_
