// State + request (+ candidate) -> model inputs. The only place where features are made: training,
// evaluation and serving all call it (design, idea 1).
//
//   FeatureExtractor retrieval(tables, catalogue, Model::kRetrieval);
//   retrieval.AppendQuery(state, user, context, &block);
//   FeatureExtractor ranking(tables, catalogue, Model::kRanking);
//   ranking.AppendQuery(state, user, context, &query);                 once per request (RK-01)
//   for (candidate) ranking.AppendImpression(state, user, context, candidate, &impressions);
//
// Immutable: any number of threads. The state keeps what tables.plan asks for, for the candidate
// model at least retrieval_state(); one of another spec reads as that of a user without events. Attributes, tables and histories may all be absent; features made
// from them are then missing.
#ifndef UPNEXT_FEATURES_FEATURE_EXTRACTOR_H_
#define UPNEXT_FEATURES_FEATURE_EXTRACTOR_H_

#include <cstdint>
#include <span>
#include <vector>

#include "catalogue/catalogue.h"
#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/feature_statistics.h"
#include "features/request_context.h"
#include "features/user_state.h"

namespace upnext::features {

class FeatureExtractor {
 public:
  // Both outlive this. As long as the quantiles of `tables` are not learned, numbers by quantiles
  // have their raw value and read as missing.
  FeatureExtractor(const FeatureStatistics& tables, const catalogue::Catalogue& catalogue,
                   Model model);
  // Appends a row of what depends on user and request alone. `user`: catalogue id or kNone.
  void AppendQuery(const UserState& state, uint32_t user, const Context& context,
                   FeatureBlock* queries) const;
  // Appends a row of what depends on the candidate.
  void AppendImpression(const UserState& state, uint32_t user, const Context& context,
                        const Candidate& candidate, FeatureBlock* impressions) const;

 private:
  struct Subject;
  class Rows;
  struct CategoryStep {
    CategoryOp op;
    const Vocabulary* vocabulary;
    bool dropped;
  };
  struct NumberStep {
    NumberOp op;
    const Quantiles* quantiles;  // null while they are not learned
    size_t dense, raw;           // offsets in a row
    double prior;
  };
  // Numbers that read the same rows: those of one table by the ids of one attribute, or none.
  struct Group {
    bool dropped = false, everybody = false;
    uint32_t table = 0;
    AttributePath key;
    std::vector<NumberStep> steps;
  };
  struct SideSteps {
    std::vector<CategoryStep> categories;
    std::vector<Group> groups;
    size_t dense_width = 0, raw_width = 0;
  };
  SideSteps StepsOf(Model model, Side side) const;
  double PriorOf(const NumberOp& op) const;
  // The state, or that of nobody when it is of another spec.
  const UserState& Fitting(const UserState& state) const {
    return state.spec().Equals(nobody_.spec()) || state.spec().Equals(narrow_) ? state : nobody_;
  }
  void Append(const SideSteps& steps, const Subject& subject, FeatureBlock* block) const;
  void AppendCategory(const CategoryStep& step, const Subject& subject,
                      std::vector<uint32_t>* ids) const;
  void AppendBag(const CategoryStep& step, const Subject& subject,
                 std::vector<uint32_t>* ids) const;
  bool FindRows(const Group& group, const Subject& subject, Rows* rows) const;
  float Value(const NumberStep& step, const Subject& subject, const Rows& rows, bool has_key) const;
  void Encode(const NumberStep& step, float value, float* raw, float* dense) const;

  const FeatureStatistics& tables_;
  const catalogue::Catalogue& catalogue_;
  const StateSpec narrow_;  // also enough for the model
  const UserState nobody_;
  bool powers_;  // false: squares and roots are 0, for ablation
  SideSteps sides_[2];
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_EXTRACTOR_H_
