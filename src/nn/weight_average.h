// Exponential moving averages of a model's weights while it is trained (Polyak averaging): after t
// steps the mean of the weights after each of them, those of n steps ago weighted by decay^n. The
// weights before the first step do not count.
//
//   WeightAverage average(model.Parameters(), 0.999);
//   step.set_average(average.OfTable(table));       // of each table, whose rows change now and then
//   ... a step of the model ...
//   average.AppendStep(tasks);                      // after each; RunAll(tasks)
//   average.CatchUp(&pool);
//   average.Swap(); ... validate ...; average.Swap();
//
// A row of a table that no step changes has the same weight after each, so its average is computed
// when it next changes, or by CatchUp: the same values as if each step had averaged the whole table.
// Rows that a table has grown by since its state was kept are averaged from the next step on: the steps
// before, of which they had no part, do not count for them.
// One thread, which tasks and the pool help. Parameters must not move. Memory: that of the weights.
#ifndef UPNEXT_NN_WEIGHT_AVERAGE_H_
#define UPNEXT_NN_WEIGHT_AVERAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "nn/embedding_table.h"
#include "nn/optimizer.h"
#include "nn/parameter.h"

namespace upnext::nn {

// The averages of a table's rows.
class RowAverage {
 public:
  // Before the step in progress changes a row: brings its average up to the steps before. Different
  // rows on any threads.
  void Reach(size_t row);

 private:
  friend class WeightAverage;
  RowAverage(const Parameter& table, double decay, const StepCount* steps, const StepCount* base);

  std::span<const float> weights_;  // [rows, dim]
  size_t dim_;
  double decay_;
  const StepCount *steps_, *base_;
  std::vector<float> averages_;  // [rows, dim]
  // [rows] How many steps the average was of at base_: fewer than base_ counts in rows that came later.
  std::vector<float> age_;
  std::vector<float> at_;  // [rows] after how many steps since base_
};

class WeightAverage {
 public:
  // In fp32; parameters without a gradient are tables, and change by RowStep alone. decay in [0, 1]; 1
  // is the plain mean.
  WeightAverage(std::vector<Parameter> parameters, double decay);
  // Of the table with these weights; it must be among the parameters.
  RowAverage* OfTable(const EmbeddingTable& table);

  // After a step: counts it, and appends tasks that average the other parameters.
  void AppendStep(base::Tasks& tasks);
  // Brings the averages of all rows up to the last step.
  void CatchUp(base::ThreadPool* pool);
  // Exchanges weights and averages. After CatchUp, and again before the next step.
  void Swap();

  // The averages, as a part of the result of training: "mean.NAME"; and what else is needed to
  // continue exactly. After CatchUp, both may be copied into the beginnings of those of larger tables.
  void AppendAverages(std::vector<Parameter>& parameters);
  void AppendState(std::vector<Parameter>& state);

 private:
  struct Dense {
    Parameter parameter;
    std::vector<float> average;
  };
  double decay_;
  StepCount steps_, base_;  // so far, and when all rows were last brought up
  std::vector<Dense> dense_;
  std::vector<Parameter> tables_;
  std::vector<std::unique_ptr<RowAverage>> rows_;  // of tables_
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_WEIGHT_AVERAGE_H_
