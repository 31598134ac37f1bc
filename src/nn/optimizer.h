// Optimisers: Adam for dense parameters, row-wise Adagrad for embedding tables.
//
//   Adam adam(parameters, {.learning_rate = 1e-3f});
//   ... Forward, Backward ...
//   adam.Step(pool);                                   // also clears the gradients
//   videos_step.AddBags(bags, d_out, stride, Pooling::kMean);
//   videos_step.Step(pool);
//
// One thread at a time each. They hold views: layers and tables must outlive them and not move.
#ifndef UPNEXT_NN_OPTIMIZER_H_
#define UPNEXT_NN_OPTIMIZER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/embedding.h"
#include "kernels/row_gradients.h"
#include "nn/embedding_table.h"
#include "nn/parameter.h"

namespace upnext::nn {

struct AdamOptions {
  float learning_rate = 1e-3f;
  float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
  float weight_decay = 0.0f;  // decoupled (AdamW): value -= learning_rate * weight_decay * value
};

// Kingma and Ba 2015, both moments bias-corrected.
class Adam {
 public:
  // Parameters without a gradient are left out.
  Adam(std::vector<Parameter> parameters, const AdamOptions& options);

  // One step from the gradients summed so far, which become zero.
  void Step(base::ThreadPool* pool = nullptr);
  // The same as tasks, which must all run before the next step.
  void AppendStep(base::Tasks& tasks);

  void set_learning_rate(float learning_rate) { options_.learning_rate = learning_rate; }
  const AdamOptions& options() const { return options_; }
  uint64_t steps() const;

  // The moments and the step count, to resume exactly: "NAME.first", "NAME.second" per parameter
  // and "PREFIX.steps", kept as two floats.
  void AppendState(std::string_view prefix, std::vector<Parameter>& parameters);

 private:
  std::vector<Parameter> parameters_;
  AdamOptions options_;
  std::vector<std::vector<float>> first_, second_;
  std::vector<float> steps_ = {0.0f, 0.0f};  // low 24 bits, and the rest
};

// One accumulator a row, so its memory is 1 / dim of the table's. Row 0 never moves.
class RowwiseAdagrad {
 public:
  RowwiseAdagrad(EmbeddingTable* table, const kernels::AdagradOptions& options);

  // As kernels::RowGradients: what is passed must stay until Step(). Features that share the table
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
  // Step() in parts: Sort() after the last Add...(), AppendStep(), and Clear() when the tasks are
  // done.
  void Sort() { gradients_.Sort(); }
  void AppendStep(base::Tasks& tasks);
  void Clear() { gradients_.Clear(); }

  void set_learning_rate(float learning_rate) { options_.learning_rate = learning_rate; }
  void AppendState(std::string_view name, std::vector<Parameter>& parameters);  // "NAME.adagrad"

 private:
  EmbeddingTable* table_;
  kernels::AdagradOptions options_;
  std::vector<float> accumulators_;
  kernels::RowGradients gradients_;
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_OPTIMIZER_H_
