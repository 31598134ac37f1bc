// What another policy would have been worth on the pages of a log, from the probabilities with which the log's policy
// chose (off-policy estimates).
//
//   std::vector<LoggedPage> pages = ...;                 a page of each answer, with its places from the first one on
//   const OffPolicyReport report = EstimateOffPolicy(pages);
//   for (const PolicyEstimate& one : report.estimates) Print(one.name, one.mean, one.low, one.high);
//
// A page is filled from above, and a propensity is that of a place given those above it. The weight of place k is
//   w(k) = product over j <= k of target(j) / propensity(j),     w(0) = 1.
// A reward is taken to depend on its place and on the items up to it, not on those below (cascade; McInerney et al. 2020,
// "Counterfactual evaluation of slate recommendations with sequential reward interactions"). The mean of w(k) is 1 where
// propensities are right and the log's policy can show all that the other one would: any other mean says that one of
// the two does not hold.
//
// Errors are over users, since the pages of one are not independent. Pure functions.
#ifndef UPNEXT_EVALUATION_OFF_POLICY_H_
#define UPNEXT_EVALUATION_OFF_POLICY_H_

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace upnext::evaluation {

struct LoggedPlace {
  double propensity = 1;  // of the item that was shown here, in (0, 1]
  double target =
      0;  // the probability that the other policy shows it here, given the same items above
  double reward = 0;  // that followed from it
  // What a model expects of the item here, and of what the other policy would show here, given the same items above. Any
  // unit; 0 where there is no model.
  double expected = 0, expected_target = 0;
};
struct LoggedPage {
  uint32_t user = 0;
  std::vector<LoggedPlace> places;
};

struct PolicyEstimate {
  std::string_view name;
  double mean = 0, error = 0;  // rewards of a page; standard error
  double low = 0, high = 0;    // 95 %; NaN with fewer than kFewestUsers (metrics.h)
};
struct PlaceWeights {
  uint64_t pages = 0;  // of those that reach the place, as many
  double mean = 0,
         error = 0;  // of the weight; pages that end above count 0 and are not expected to
  double effective =
      0;  // (sum of weights)^2 / sum of squares: as many pages of the other policy say as much
};
struct OffPolicyReport {
  uint64_t pages = 0, users = 0;
  // In this order:
  //   logged    what the log's policy got
  //   ips       sum of w r: unbiased (Horvitz and Thompson 1952)
  //   clipped   the same with weights of at most sqrt(pages): less variance, biased down (Ionides 2008)
  //   snips     at each place, the sum of w r by the sum of w (Swaminathan and Joachims 2015)
  //   dr        sum of w(k-1) q(other's item) + w(k) (r - q(item)), with q the model times a factor of the place that is
  //             fitted on the other half of the users (Dudik et al. 2011, Kiyohara et al. 2022)
  std::vector<PolicyEstimate> estimates;
  std::vector<PlaceWeights> places;
};

// Places of a page: any number, at least one page has one.
OffPolicyReport EstimateOffPolicy(std::span<const LoggedPage> pages);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_OFF_POLICY_H_
