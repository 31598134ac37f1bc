// What an order of held-out pages would have been worth by what happened on them. The predictions are
// made once; an order is a product of their powers (ranking/score.h), so each further one costs a
// sort of every page.
//
//   const PageValues values(objectives, unwanted, scored, /*truth=*/{});
//   const std::vector<double> by_watch = values.Of({1, 0, 0});
//   const std::vector<double> milder = values.Of({1, 0, -0.5});     columns as values.columns()
//
// The value of an objective is the sum over places of its label, discounted by 1 / log2(1 + place), as
// a share of the way from the worst order of each page (0) to the best (1): a random order is near 0.5.
// Equal scores share their places. Labels depend on where the log showed an item; all orders are
// measured on the same. Immutable: any number of threads. Owns all it needs.
#ifndef UPNEXT_EVALUATION_PAGE_VALUES_H_
#define UPNEXT_EVALUATION_PAGE_VALUES_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evaluation/impressions.h"
#include "evaluation/metrics.h"
#include "evaluation/pages.h"
#include "ranking/objectives.h"
#include "schema/schema.h"

namespace upnext::evaluation {

// Of each objective: whether its label is something that users do not want (label "unwanted", events
// of a negative role). Its value is the higher, the lower such impressions are placed.
std::vector<uint8_t> UnwantedOf(const std::vector<ranking::Objective>& objectives,
                                const schema::Schema& schema);

// The logarithms that ranking::CombinedScore takes: [scored.size(), objectives].
std::vector<double> LogPredictions(size_t objectives, const Impressions& scored);

// What a simulated world knows of each impression: P(click | examined), that times the expected
// seconds, that times the satisfaction. And P(examined) by device and place, from 0; 0 beyond.
struct ImpressionTruth {
  std::array<std::vector<double>, 3> gains;
  std::vector<uint8_t> device;
  std::vector<std::vector<double>> examination;
};

inline constexpr const char* kTrueWatchSeconds = "true watch seconds";

// What is measured of an order.
struct ValueColumn {
  enum class Kind : uint8_t { kObjective, kTruth, kLoss };
  std::string name;
  Kind kind = Kind::kObjective;
  bool unwanted = false;  // of an objective
  bool measured = false;  // some page has two different labels
};

class PageValues {
 public:
  // `scored` has the predictions of these objectives and at least one impression; `unwanted` has a
  // value of each objective. `truth` has every impression, or none.
  PageValues(const std::vector<ranking::Objective>& objectives, std::span<const uint8_t> unwanted,
             const Impressions& scored, const ImpressionTruth& truth);

  // The objectives in their order, then with truth the expected clicks, watch seconds and satisfaction
  // of a page if it were shown in the order, then the weighted per-user loss (metrics.h).
  const std::vector<ValueColumn>& columns() const { return columns_; }
  size_t objectives() const { return objectives_; }
  size_t impressions() const { return log_predictions_.size() / objectives_; }
  size_t pages() const { return pages_.pages.size(); }
  uint32_t users() const { return users_.users; }
  bool by_request() const { return pages_.by_request; }

  // exponents [objectives] -> [columns]; 0 where nothing is measured, and for the loss, which takes
  // longer.
  std::vector<double> Of(std::span<const float> exponents) const;
  // The numerators of each user, the loss too: [users, columns]. A value is the sum over users by that
  // of their denominators.
  std::vector<double> ByUser(std::span<const float> exponents) const;
  const std::vector<double>& denominators() const { return denominators_; }

 private:
  struct Scratch;
  void SetPredictions(const Impressions& scored);
  void SetGains(const std::vector<ranking::Objective>& objectives,
                std::span<const uint8_t> unwanted, const Impressions& scored);
  void SetTruth(const ImpressionTruth& truth);
  void SetWorst();
  void SetLoss();
  // Sorts a page; discounts of its rows, equal scores with the mean of their places.
  void Order(size_t page, std::span<const float> exponents, Scratch* scratch) const;
  void AddObjectives(size_t page, const Scratch& scratch, double* sums) const;
  void AddTruth(size_t page, const Scratch& scratch, double* sums) const;

  const size_t objectives_;
  const Pages pages_;
  const UsersOfImpressions users_;
  const WatchOutcomes outcomes_;
  std::vector<ValueColumn> columns_;
  // By row of pages_.order.
  std::vector<double> log_predictions_;            // [rows, objectives]
  std::vector<float> gains_;                       // [rows, objectives]
  std::vector<std::array<double, 3>> true_gains_;  // or empty
  std::vector<uint8_t> device_;                    // by page
  std::vector<double> discounts_;                  // sums of the places before each
  std::vector<std::vector<double>> examined_;      // by device, the same
  std::vector<double> worst_, denominators_;       // [users, columns]
  std::vector<double> all_worst_, all_;            // [columns], their sums
};

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_PAGE_VALUES_H_
