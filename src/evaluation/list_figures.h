// Figures of the lists of all held-out users together, and the same lists by groups of users and of
// targets (EV-07).
//
//   const ListFigures figures(source, cases, seed);
//   figures.AddTo(ranks, &row.metrics);                        "coverage@10", "gini@10", ...
//   report.slices = figures.Slices(names, ranks_of_models);
//
// Immutable: any number of threads. Source and cases outlive it. Only this room includes it.
#ifndef UPNEXT_EVALUATION_LIST_FIGURES_H_
#define UPNEXT_EVALUATION_LIST_FIGURES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "evaluation/case_ranks.h"
#include "evaluation/report.h"
#include "examples/holdout.h"
#include "examples/replay.h"

namespace upnext::evaluation {

inline constexpr int64_t kNewItemDays = 7;

class ListFigures {
 public:
  ListFigures(const examples::ReplaySource& source, std::span<const examples::HoldoutCase> cases,
              uint64_t seed);
  // Of lists, by case: coverage@10, gini@10, new@10 (the share of places whose item was at most
  // kNewItemDays old; not there if no item has an age) and debiased_recall@k (metrics.h), a ratio of
  // sums over all targets.
  void AddTo(std::span<const CaseRanks> ranks, Metrics* metrics) const;
  // Of several models, by tenths of the users ordered by their events before the list, and by the
  // age of targets when the list is made. models[m] names ranks[m].
  std::vector<RetrievalSlice> Slices(std::span<const std::string> models,
                                     std::span<const std::vector<CaseRanks>> ranks) const;

 private:
  void AddSlicesByActivity(std::span<const std::string> models,
                           std::span<const std::vector<CaseRanks>> ranks,
                           std::vector<RetrievalSlice>* slices) const;
  void AddSlicesByAge(std::span<const std::string> models,
                      std::span<const std::vector<CaseRanks>> ranks,
                      std::vector<RetrievalSlice>* slices) const;
  double AgeDays(uint32_t item, const examples::HoldoutCase& held_out) const;  // NaN: not known

  const examples::ReplaySource& source_;
  const std::span<const examples::HoldoutCase> cases_;
  const uint64_t seed_;
  std::vector<double> weights_;  // TargetWeight by item
  bool any_age_ = false;
};

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_LIST_FIGURES_H_
