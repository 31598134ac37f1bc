// What each task has of its own: hidden ReLU layers, if any, and linear outputs.
//
//   TaskHeads heads(64, {32}, {1, 5, 1}, rng);            outputs of tasks 0, 1, 2
//   heads.Forward(inputs, batch, logits, compute);        inputs [tasks]: [batch, 64] each
//
// Forward, Backward and gradients belong to one thread; Infer is const. Only this room includes it.
#ifndef UPNEXT_RANKING_TASK_HEADS_H_
#define UPNEXT_RANKING_TASK_HEADS_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/parameter.h"

namespace upnext::ranking {

class TaskHeads {
 public:
  TaskHeads(size_t input, const std::vector<size_t>& widths, const std::vector<size_t>& outputs,
            base::Rng& rng);

  size_t tasks() const { return outputs_.size(); }
  size_t multiplications() const;
  // logits [batch, outputs of all tasks, one task after the other]. The inputs must stay valid until Backward.
  void Forward(std::span<const float* const> inputs, size_t batch, float* logits,
               const nn::Compute& compute);
  // After Forward. d_inputs [tasks]: [batch, input] each, overwritten.
  void Backward(const float* d_logits, std::span<float* const> d_inputs,
                const nn::Compute& compute);
  struct Scratch {
    nn::Tower::Scratch tower;
    std::vector<float> hidden, column;
  };
  void Infer(std::span<const float* const> inputs, size_t batch, float* logits, Scratch& scratch,
             const nn::Compute& compute) const;
  // Infer, as operations. inputs [tasks].
  nn::Graph::Value AppendTo(nn::Graph& graph, const std::vector<nn::Graph::Value>& inputs) const;
  void SetOutputBiases(std::span<const float> biases);  // [outputs of all tasks]
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);
  std::vector<nn::Tower>& towers() { return towers_; }  // by task
  const std::vector<nn::Tower>& towers() const { return towers_; }

 private:
  std::vector<nn::Tower> towers_;
  std::vector<nn::Linear> outputs_;
  size_t logits_ = 0;  // outputs of all tasks
  // Of the last Forward.
  std::vector<const float*> hidden_;
  size_t batch_ = 0;
  std::vector<float> column_, d_hidden_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_TASK_HEADS_H_
