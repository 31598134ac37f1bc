// Declared features, compiled: what each reads, where it lies in the block of its side, which
// vocabularies and counts it needs, and what a user's state keeps for it. Both models and the
// extractor read the plan; it is stored with the feature statistics.
//
//   UPNEXT_ASSIGN_OR_RETURN(FeaturePlan plan, FeaturePlan::Compile(spec, catalogue.schema()));
//   for (const Feature& feature : plan.side(Model::kRanking, Side::kQuery).numbers) ...
//   UserState state(plan.state());
//
// A value, immutable and cheap to copy: any number of threads.
#ifndef UPNEXT_FEATURES_FEATURE_PLAN_H_
#define UPNEXT_FEATURES_FEATURE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "features/default_features.h"
#include "features/feature_expression.h"
#include "features/feature_spec.h"
#include "features/request_context.h"
#include "features/state_spec.h"
#include "schema/schema.h"

namespace upnext::features {

enum class Side : uint8_t { kQuery, kImpression };  // per request / per candidate
enum class FeatureKind : uint8_t { kUnivalent, kMultivalent, kContinuous };

// Numbers by quantiles are fed as normalised x, x^2, sqrt(x) and "is missing" (RK-06; paper 2.3); a
// missing one is 0, 0, 0, 1.
inline constexpr size_t kPowers = 4;

// An attribute of the candidate, the user or the request; kItself: the candidate item. Or an
// attribute of another item, the one that the request has as its attribute `through`.
inline constexpr uint32_t kItself = UINT32_MAX;
struct AttributePath {
  schema::Entity entity = schema::Entity::kItem;
  uint32_t attribute = kItself;
  schema::Kind kind = schema::Kind::kCategory;
  uint32_t through = kItself;
  friend bool operator==(const AttributePath&, const AttributePath&) = default;
};

inline bool IsSourceScore(const AttributePath& path) {
  return path.entity == schema::Entity::kRequest &&
         path.attribute == schema::request_attribute::kSourceScore;
}

// What makes the ids of a categorical feature.
struct CategoryOp {
  enum class Code : uint8_t {
    kPath,    // the first of `paths` that is present
    kBag,     // the newest `newest` ids of a list of the state, or what `paths` says of each
    kTokens,  // tokens of the newest `newest` queries of a list
    kWords,   // words and pairs of words of the text of `paths`, hashed to `rows` rows
    kCross    // all pairs of `paths` and `others`, hashed to `rows` rows
  } code = Code::kPath;
  std::vector<AttributePath> paths = {}, others = {};
  uint32_t bag = 0, newest = 0;
  // Of kBag: the id of an entry, the type of its event, or how much of the item was watched
  // (ShareRow); the last two are rows of embeddings as they are, less than `rows`.
  enum class Says : uint8_t { kId, kType, kShare } says = Says::kId;
  bool aligned =
      false;            // of kBag with `paths`: row 0 stands for an entry of which they say nothing
  bool sorted = false;  // by id, so that their order in time cannot be told
  // Of kBag and kTokens: an id this much older than the newest has half of its weight (CG-05). 0: age
  // does not matter.
  double half_life_days = 0;
  uint32_t rows = 0;
};

// Columns of one table whose counts stand for the same thing: the largest counts.
using Cells = std::vector<uint8_t>;

// What makes the value of a continuous feature.
struct NumberOp {
  enum class Code : uint8_t {
    kNumber,          // a flag or number
    kSourceScore,     // share of its source's scores that are below the candidate's
    kRetrievalScore,  // dot product of the user and the candidate (retrieval_reference.h)
    kUserVector,      // the user vector of the same model, `floats` numbers
    kGivenVector,     // vector `path` of an item or user, `floats` numbers
    kAge,             // days since a time
    kHour,            // of the request's time, UTC, 0 to 24
    kWeekday,         // of the request's time, UTC, 0 (Monday) to 6
    kExampleAge,      // share of the training window, see Context::example_age_ms
    kMatch,           // 1 when two categories have an id in common, missing when either has none
    kOverlap,         // ids in common as a share of those of the shorter list, likewise
    kWordOverlap,     // the same of the words of text `path` and of text `other`, or of the newest
                      // `newest` queries of list `bag`
    kCount,           // cells `part`
    kSince,           // seconds since the newest of `part`
    kRatio            // (part + weight * prior) / (whole + weight)
  } code = Code::kNumber;
  AttributePath path = {}, other = {};
  uint32_t bag = 0, newest = 0;
  bool everybody = false;  // of everybody's events before today, else of the user's
  uint32_t table = 0;      // of the plan's state or everybody's counts
  Cells part = {}, whole = {};
  bool sum = false;          // kRatio: `part` are sums, not counts
  uint32_t prior_table = 0;  // of everybody's counts: where the prior's cells are; 0: `prior` is it
  Cells prior_part = {}, prior_whole = {};
  double weight = 0, prior = 0;
  float limit = 0;  // not 0: the value is kept within 0 and this
  enum class Encoding : uint8_t {
    kQuantiles,  // see kPowers
    kPlain,      // value as a share of its limit, "is missing"
    kHats,       // the share, its root, and `hats` hat functions with knots at equal distances
    kVector      // `floats` numbers as they are, all 0 when missing
  } encoding = Encoding::kQuantiles;
  uint32_t hats = 0, floats = 0;
  size_t width() const {
    switch (encoding) {
      case Encoding::kQuantiles:
        return kPowers;
      case Encoding::kPlain:
        return 2;
      case Encoding::kHats:
        return 2 + size_t{hats};
      case Encoding::kVector:
        return floats;
    }
    return 0;
  }
};

struct Feature {
  std::string name, from, help;
  FeatureKind kind = FeatureKind::kContinuous;
  Side side = Side::kQuery;
  bool dropped = false;     // reads as missing
  uint32_t vocabulary = 0;  // in FeaturePlan::vocabularies(), of categorical ones
  CategoryOp category;
  NumberOp number;
  size_t dense = 0;  // offset in a row of FeatureBlock::dense
  size_t raw = 0;    // in a row of FeatureBlock::raw, of those by quantiles
  // Whether it is a list with one id for each entry of a list of the state, oldest first.
  bool has_id_of_each_entry() const {
    return kind == FeatureKind::kMultivalent && category.code == CategoryOp::Code::kBag &&
           !category.sorted && (category.paths.empty() || category.aligned);
  }
  bool by_quantiles() const {
    return kind == FeatureKind::kContinuous && number.encoding == NumberOp::Encoding::kQuantiles;
  }
  // Whether it is made by a candidate model (retrieval_reference.h).
  bool reads_reference() const {
    return kind == FeatureKind::kContinuous && !dropped &&
           (number.code == NumberOp::Code::kRetrievalScore ||
            number.code == NumberOp::Code::kUserVector);
  }
};

// The features of one side of one model, in the order in which blocks hold them.
struct SidePlan {
  std::vector<Feature> categories, numbers;
  size_t dense_width = 0, raw_width = 0;  // floats of a row
};

// Dense ids -> rows of one embedding table. Features of one vocabulary share the embedding (RK-02).
struct VocabularyPlan {
  std::string name;       // "ranked_item"
  schema::IdSpace space;  // of its ids
  enum class Counts : uint8_t {
    kPositives,  // positive events, by item
    kClicked,    // clicked impressions, by item
    kPaths,      // what `paths` say of each event
    kTokens,     // of queries
    kHashed,     // nothing: `rows` is fixed
    kWords,      // nothing: `rows` is fixed, and a row is of words, whatever the numbers of ids
    kDetails     // nothing: `rows` is fixed, and a row is a type of events or a share
  } counts = Counts::kPaths;
  std::vector<std::vector<AttributePath>> paths;
  uint32_t rows = 0;
};
// Always there: the candidate model's labels, and the devices of requests.
inline constexpr std::string_view kItemVocabulary = "item", kRankedItemVocabulary = "ranked_item",
                                  kDeviceVocabulary = "device", kTokenVocabulary = "token";
// Of what is said of the events of a list.
inline constexpr std::string_view kTypeVocabulary = "event_type",
                                  kShareVocabulary = "watched_share";

class FeaturePlan {
 public:
  FeaturePlan();  // the default features over the built-in attributes
  // kInvalidArgument with the feature and the column of the first mistake.
  static Result<FeaturePlan> Compile(const FeatureSpec& spec, const schema::Schema& schema);

  const SidePlan& side(Model model, Side side) const {
    return rep_->sides[static_cast<size_t>(model)][static_cast<size_t>(side)];
  }
  const std::vector<VocabularyPlan>& vocabularies() const { return rep_->vocabularies; }
  // Index in vocabularies(); their size when there is none of this name.
  size_t FindVocabulary(std::string_view name) const;
  std::vector<std::string> VocabularyNames() const;
  // What a user's state keeps: for both models and the filters of serving, and the part of it that
  // the candidate model reads, for replays that make nothing else.
  const StateSpec& state() const { return rep_->state; }
  const StateSpec& retrieval_state() const { return rep_->retrieval_state; }
  // What is counted of everybody, see event_counts.h.
  const StateSpec& everybody() const { return rep_->everybody; }

  // Whether a feature of the ranker reads a reference candidate model, and how many numbers those
  // that list its user vector expect it to have; 0: there is none of these. Compile sees to it that
  // all expect the same.
  bool reads_reference() const;
  uint32_t user_vector_floats() const;

  // Every feature of both models, a line each, and what of the schema they read: equal texts mean
  // that models of one plan may read blocks of the other.
  const std::string& text() const { return rep_->text; }
  const schema::Schema& schema() const { return rep_->schema; }  // that it was compiled for
  uint64_t digest() const { return rep_->digest; }

 private:
  friend class PlanCompiler;
  struct Rep {
    schema::Schema schema;
    SidePlan sides[kModels][2];
    std::vector<VocabularyPlan> vocabularies;
    StateSpec state, retrieval_state, everybody;
    std::string text;
    uint64_t digest = 0;
  };
  explicit FeaturePlan(std::shared_ptr<const Rep> rep) : rep_(std::move(rep)) {}
  std::shared_ptr<const Rep> rep_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_PLAN_H_
