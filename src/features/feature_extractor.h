// State + request (+ candidate) -> model inputs. The only place where features are made: training,
// evaluation and serving all call it (design, idea 1).
//
//   FeatureExtractor retrieval(tables, catalogue, Model::kRetrieval);
//   retrieval.AppendQuery(state, user, context, &block);
//   FeatureExtractor ranking(tables, catalogue, Model::kRanking);
//   ranking.AppendQuery(state, user, context, &query);                 once per request (RK-01)
//   const FeatureExtractor::Request request = ranking.For(state, user, context);
//   for (candidate) request.AppendImpression(candidate, &impressions);
//
// Immutable: any number of threads. The state keeps what tables.plan asks for, for the candidate
// model at least retrieval_state(); one of another spec reads as that of a user without events.
// Attributes, tables and histories may all be absent; features made from them are then missing.
#ifndef UPNEXT_FEATURES_FEATURE_EXTRACTOR_H_
#define UPNEXT_FEATURES_FEATURE_EXTRACTOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "catalogue/catalogue.h"
#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/feature_statistics.h"
#include "features/request_context.h"
#include "features/text_words.h"
#include "features/user_state.h"

namespace upnext::features {

class FeatureExtractor {
 public:
  // Both outlive this. As long as the quantiles of `tables` are not learned, numbers by quantiles
  // have their raw value and read as missing.
  FeatureExtractor(const FeatureStatistics& tables, const catalogue::Catalogue& catalogue,
                   Model model);
  ~FeatureExtractor();
  // Appends a row of what depends on user and request alone. `user`: catalogue id or kNone.
  void AppendQuery(const UserState& state, uint32_t user, const Context& context,
                   FeatureBlock* queries) const;

  // Makes the rows of a request's candidates. What they share, the words of the request, is made once,
  // when it is created. The extractor, the state and the context must outlive it.
  class Request {
   public:
    // Appends a row of what depends on the candidate, with its duration.
    void AppendImpression(const Candidate& candidate, FeatureBlock* impressions) const;

   private:
    friend class FeatureExtractor;
    Request(const FeatureExtractor& extractor, const UserState& state, uint32_t user,
            const Context& context);

    const FeatureExtractor& extractor_;
    const UserState& state_;
    const Context& context_;
    uint32_t user_;
    std::vector<WordSet> words_;
  };
  Request For(const UserState& state, uint32_t user, const Context& context) const;
  // The same for one candidate.
  void AppendImpression(const UserState& state, uint32_t user, const Context& context,
                        const Candidate& candidate, FeatureBlock* impressions) const {
    For(state, user, context).AppendImpression(candidate, impressions);
  }

 private:
  struct Steps;  // of one side
  // The state, or that of nobody when it is of another spec.
  const UserState& Fitting(const UserState& state) const {
    return state.spec().Equals(narrow_) || state.spec().Equals(nobody_.spec()) ? state : nobody_;
  }

  const StateSpec narrow_;  // what the model needs of a state
  const UserState nobody_;
  const std::unique_ptr<const Steps> queries_, impressions_;
  const catalogue::AttributeColumn durations_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_EXTRACTOR_H_
