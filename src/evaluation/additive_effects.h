// Additive effects of groupings, such as user and item: t ~ mean + effect of the user + effect of the
// item, fitted together by least squares with a penalty on the effects (ridge regression).
//
//   const GroupedRows train{{users, items}, ratings}, validation{...};
//   const AdditiveEffects effects = AdditiveEffects::Choose({log.users(), log.items()}, train,
//                                                           validation);
//   const double rating = effects.Predict(test.keys, i);
//
// Immutable values: any number of threads. Only this room includes it.
#ifndef UPNEXT_EVALUATION_ADDITIVE_EFFECTS_H_
#define UPNEXT_EVALUATION_ADDITIVE_EFFECTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace upnext::evaluation {

using GroupKeys = std::vector<std::vector<uint32_t>>;  // [groupings][rows], the group of each row

struct GroupedRows {
  GroupKeys keys;
  std::vector<double> values;  // [rows]
};

class AdditiveEffects {
 public:
  // groups: the number of groups of each grouping. An effect is the sum of what mean and other
  // effects leave of its rows, over (their number + shrinkage), computed grouping by grouping in
  // kRounds rounds. Groups without rows have effect 0. There must be a row.
  AdditiveEffects(const std::vector<size_t>& groups, const GroupedRows& rows, double shrinkage);
  // With the shrinkage of kShrinkages that has the least squared error on the validation rows;
  // kUsualShrinkage if there are none.
  static AdditiveEffects Choose(const std::vector<size_t>& groups, const GroupedRows& train,
                                const GroupedRows& validation);

  double Predict(const GroupKeys& keys, size_t row) const;
  double shrinkage() const { return shrinkage_; }

  static constexpr size_t kRounds = 5;
  static constexpr double kShrinkages[] = {1, 2, 5, 10, 20, 50, 100, 200};
  static constexpr double kUsualShrinkage = 20;

 private:
  double mean_ = 0, shrinkage_;
  std::vector<std::vector<double>> effects_;  // [groupings][groups]
};

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_ADDITIVE_EFFECTS_H_
