#include "nn/weight_average.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"

namespace upnext::nn {
namespace {

// A table and a vector that random steps change, and the averages of both by their definition.
class Averaged {
 public:
  explicit Averaged(double decay, uint64_t rows = 12)
      : table_({.rows = rows, .dim = 5}, rng_), decay_(decay), average_(All(), decay) {
    step_.set_average(average_.OfTable(table_));
    sums_.resize(table_.rows() * table_.dim() + dense_.size());
    totals_.resize(sums_.size());
  }

  void Step() {
    std::vector<uint32_t> ids;
    for (int i = 0; i < 3; ++i) ids.push_back(static_cast<uint32_t>(rng_.Below(table_.rows())));
    std::vector<float> gradients(ids.size() * table_.dim());
    for (float& g : gradients) g = static_cast<float>(rng_.Uniform()) - 0.3f;
    step_.AddRows(ids, gradients.data(), table_.dim());
    step_.Step();
    for (float& value : dense_) value += 0.1f * static_cast<float>(rng_.Uniform());
    base::Tasks tasks;
    average_.AppendStep(tasks);
    base::RunAll(tasks, nullptr);
    const std::vector<float> now = Values();
    for (size_t i = 0; i < now.size(); ++i) {
      sums_[i] = sums_[i] * decay_ + static_cast<double>(now[i]);
      totals_[i] = totals_[i] * decay_ + 1;
    }
  }
  // Takes up one of a smaller table, whose rows are the first of this one.
  void GrowFrom(Averaged& smaller) {
    smaller.average_.CatchUp(nullptr);
    const std::vector<std::vector<float>> saved = smaller.Saved();
    Restore(saved);
    const size_t before = smaller.table_.rows() * smaller.table_.dim();
    const size_t grown = table_.rows() * table_.dim();
    const auto copy = [&](const std::vector<double>& from, std::vector<double>& to) {
      std::copy_n(from.begin(), before, to.begin());
      std::copy(from.begin() + static_cast<std::ptrdiff_t>(before), from.end(),
                to.begin() + static_cast<std::ptrdiff_t>(grown));
    };
    copy(smaller.sums_, sums_);
    copy(smaller.totals_, totals_);
  }

  void ExpectAverages() {
    average_.CatchUp(nullptr);
    const std::vector<float> weights = Values();
    average_.Swap();
    const std::vector<float> averages = Values();
    for (size_t i = 0; i < averages.size(); ++i) {
      const double expected = sums_[i] / totals_[i];
      const double rounding = 1e-6 * std::max(1.0, std::abs(expected));
      ASSERT_NEAR(static_cast<double>(averages[i]), expected, rounding) << i;
    }
    average_.Swap();
    EXPECT_EQ(Values(), weights);
  }

  std::vector<float> Values() {
    std::vector<float> values;
    for (const Parameter& p : All()) values.insert(values.end(), p.value.begin(), p.value.end());
    return values;
  }
  // A copy of all that a checkpoint holds, and back.
  std::vector<std::vector<float>> Saved() {
    std::vector<std::vector<float>> saved;
    for (const Parameter& p : State()) saved.emplace_back(p.value.begin(), p.value.end());
    return saved;
  }
  void Restore(const std::vector<std::vector<float>>& saved) {
    std::vector<Parameter> state = State();
    for (size_t i = 0; i < state.size(); ++i) std::ranges::copy(saved[i], state[i].value.begin());
  }
  base::Rng& rng() { return rng_; }

 private:
  std::vector<Parameter> All() {
    std::vector<Parameter> parameters;
    table_.AppendParameters("table", parameters);
    parameters.push_back({"dense", {dense_.size()}, dense_, gradient_});
    return parameters;
  }
  std::vector<Parameter> State() {
    std::vector<Parameter> state = All();
    average_.AppendAverages(state);
    average_.AppendState(state);
    step_.AppendState("table", state);
    return state;
  }

  base::Rng rng_{3};
  EmbeddingTable table_;
  RowwiseAdagrad step_{&table_, {0.1f, 1e-8f}};
  std::vector<float> dense_ = std::vector<float>(7, 1.0f), gradient_ = dense_;
  const double decay_;
  WeightAverage average_;
  std::vector<double> sums_, totals_;  // of weights so far, by decay, and of their shares
};

TEST(WeightAverage, RowsThatSomeStepsDoNotTouchHaveTheAveragesOfADenseReference) {
  for (const double decay : {0.0, 0.5, 0.9, 0.999, 1.0}) {
    SCOPED_TRACE(decay);
    Averaged averaged(decay);
    for (int step = 1; step <= 300; ++step) {
      averaged.Step();
      if (step == 1 || step == 37 || step == 38 || step == 300) averaged.ExpectAverages();
    }
  }
}

// Their first weights, and the steps before there were such rows, have no part in it.
TEST(WeightAverage, RowsThatATableGrewByHaveTheAveragesOfADenseReferenceThatBeginsAtTheirGrowth) {
  for (const double decay : {0.0, 0.5, 0.999, 1.0}) {
    SCOPED_TRACE(decay);
    Averaged smaller(decay, 12), larger(decay, 20);
    for (int step = 0; step < 200; ++step) smaller.Step();
    larger.GrowFrom(smaller);
    for (int step = 1; step <= 60; ++step) {
      larger.Step();
      if (step == 1 || step == 5 || step == 60) larger.ExpectAverages();
    }
  }
}

// Of a checkpoint between two times at which all rows are brought up.
TEST(WeightAverage, TR04_RestoredItContinuesToTheSameBytes) {
  Averaged whole(0.95), resumed(0.95);
  for (int step = 0; step < 20; ++step) whole.Step();
  whole.ExpectAverages();
  for (int step = 0; step < 7; ++step) whole.Step();
  resumed.Restore(whole.Saved());
  resumed.rng() = whole.rng();
  for (int step = 0; step < 9; ++step) {
    whole.Step();
    resumed.Step();
  }
  EXPECT_EQ(whole.Saved(), resumed.Saved());
}

}  // namespace
}  // namespace upnext::nn
