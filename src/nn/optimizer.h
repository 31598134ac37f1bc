// Optimisers: Adam for dense parameters, row-wise Adagrad or Adam for embedding tables.
//
//   Adam adam(parameters, {.learning_rate = 1e-3f});
//   ... Forward, Backward ...
//   adam.Step(pool);                                   // also clears the gradients
//   videos_step.AddBags(bags, d_out, stride, Pooling::kMean);
//   videos_step.Step(pool);
//
// One thread at a time each. They keep views: layers and tables must outlive them and not move.
#ifndef UPNEXT_NN_OPTIMIZER_H_
#define UPNEXT_NN_OPTIMIZER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/embedding.h"
#include "kernels/row_gradients.h"
#include "kernels/vector_ops.h"
#include "nn/embedding_table.h"
#include "nn/parameter.h"

namespace upnext::nn {

struct AdamOptions {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  float weight_decay = 0.0f;  // decoupled (AdamW): value -= learning_rate * weight_decay * value
};

// Stored in two floats, so that a checkpoint of floats can hold it: low 24 bits, and the rest.
struct StepCount {
  std::vector<float> values = {0.0f, 0.0f};
  void Add();
  uint64_t count() const;
};

// Kingma and Ba 2015, both moments bias-corrected.
class Adam {
 public:
  // Parameters without a gradient are ignored.
  Adam(std::vector<Parameter> parameters, const AdamOptions& options);

  // One step from the gradients summed so far, which it sets to zero.
  void Step(base::ThreadPool* pool = nullptr);
  // The same as tasks, all of which must run before the next step.
  void AppendStep(base::Tasks& tasks);

  void set_learning_rate(float learning_rate) { options_.learning_rate = learning_rate; }
  const AdamOptions& options() const { return options_; }
  uint64_t steps() const { return steps_.count(); }

  // The moments and the step count, to resume exactly: "NAME.first", "NAME.second" per parameter
  // and "PREFIX.steps", stored as two floats.
  void AppendState(std::string_view prefix, std::vector<Parameter>& parameters);

 private:
  std::vector<Parameter> parameters_;
  AdamOptions options_;
  std::vector<std::vector<float>> first_, second_;
  StepCount steps_;
};

class RowAverage;  // weight_average.h

// The step of an embedding table from the gradients of its rows. Row 0 never changes.
class RowStep {
 public:
  explicit RowStep(EmbeddingTable* table) : table_(table) {}
  virtual ~RowStep() = default;

  // As kernels::RowGradients: arguments must stay valid until Step(). Features that share the table
  // each add their part (RK-02).
  void AddBags(const kernels::BagsView& bags, const float* d_out, size_t stride,
               kernels::Pooling pooling) {
    gradients_.AddBags(bags, d_out, stride, pooling);
  }
  void AddRows(std::span<const uint32_t> ids, const float* d_rows, size_t stride,
               std::span<const float> scales = {}) {
    gradients_.AddRows(ids, d_rows, stride, scales);
  }
  void Step(base::ThreadPool* pool = nullptr);
  // Step() in parts: Sort() after the last Add...(), AppendStep(), and Clear() after the tasks have
  // run.
  void Sort() { gradients_.Sort(); }
  void AppendStep(base::Tasks& tasks);
  void Clear() { gradients_.Clear(); }

  virtual void set_learning_rate(float learning_rate) = 0;
  const EmbeddingTable& table() const { return *table_; }
  // Averages of the rows, which it keeps up to date, from now on.
  void set_average(RowAverage* average) { average_ = average; }
  // What it remembers, to resume exactly: "NAME.adagrad" and so on.
  virtual void AppendState(std::string_view name, std::vector<Parameter>& parameters) = 0;

 protected:
  virtual void BeginStep() {}
  // Steps rows [begin, end) of those that have gradients.
  virtual void StepRows(size_t begin, size_t end) = 0;
  EmbeddingTable* const table_;
  kernels::RowGradients gradients_;

 private:
  RowAverage* average_ = nullptr;
};

// One accumulator per row, so its memory is 1 / dim of the table's.
class RowwiseAdagrad : public RowStep {
 public:
  RowwiseAdagrad(EmbeddingTable* table, const kernels::AdagradOptions& options);
  void set_learning_rate(float learning_rate) override { options_.learning_rate = learning_rate; }
  void AppendState(std::string_view name, std::vector<Parameter>& parameters) override;

 private:
  void StepRows(size_t begin, size_t end) override;
  kernels::AdagradOptions options_;
  std::vector<float> accumulators_;
};

// Adam for the rows that have gradients; the moments of other rows stay as they are. Three times the
// memory of the table, which must be in fp32.
class RowwiseAdam : public RowStep {
 public:
  RowwiseAdam(EmbeddingTable* table, const AdamOptions& options);
  void set_learning_rate(float learning_rate) override { options_.learning_rate = learning_rate; }
  // "NAME.first", "NAME.second" and "NAME.steps".
  void AppendState(std::string_view name, std::vector<Parameter>& parameters) override;

 private:
  void BeginStep() override;
  void StepRows(size_t begin, size_t end) override;
  AdamOptions options_;
  std::vector<float> first_, second_;  // [rows, dim]
  StepCount steps_;
  kernels::AdamArgs args_;
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_OPTIMIZER_H_
