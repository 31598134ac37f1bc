#include "ranking/mixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kernels/vector_ops.h"
#include "nn/parameter.h"

namespace upnext::ranking {

Mixture::Mixture(const ArchitectureOptions& options, const NetShape& shape,
                 std::vector<MixLevel> levels, base::Rng& rng)
    : shape_(shape),
      bottom_(shape.input, options.widths, rng),
      levels_([&] {
        std::vector<ExpertMix> mixes;
        for (MixLevel& level : levels) {
          mixes.emplace_back(level.mix, rng);
          names_.push_back(std::move(level.names));
        }
        return mixes;
      }()),
      heads_(levels_.empty() ? bottom_.output() : levels_.back().output(), options.task_widths,
             shape.outputs, rng) {}

Mixture::Pointers Mixture::FirstStreams(const float* hidden, const NetInput& input,
                                        std::vector<float>* joined) const {
  if (!reads_input()) return {hidden};
  const size_t query = shape_.input.query, impression = shape_.input.impression;
  joined->resize(input.rows() * (query + impression));
  float* row = joined->data();
  for (size_t i = 0; i < input.rows(); ++i) {
    row = std::copy_n(input.queries + input.query_of[i] * query, query, row);
    row = std::copy_n(input.impressions + i * impression, impression, row);
  }
  return {hidden, joined->data()};
}

Mixture::Pointers Mixture::OfTasks(const Pointers& streams) const {
  return levels_.empty() ? Pointers(shape_.tasks(), streams[0]) : streams;
}

const float* Mixture::Forward(const NetInput& input, const nn::Compute& compute, base::Rng* noise) {
  input_ = input;
  hidden_ = bottom_.Forward(input, compute);
  Pointers streams = FirstStreams(hidden_, input, &joined_);
  for (ExpertMix& level : levels_) {
    level.Forward(streams, input.rows(), compute, noise);
    streams.clear();
    for (size_t k = 0; k < level.gates(); ++k) streams.push_back(level.out(k));
  }
  logits_.resize(input.rows() * shape_.logits());
  heads_.Forward(OfTasks(streams), input.rows(), logits_.data(), compute);
  return logits_.data();
}

void Mixture::Backward(const float* d_logits, const NetGradient& d_input,
                       const nn::Compute& compute) {
  const size_t rows = input_.rows();
  const size_t width = levels_.empty() ? bottom_.output() : levels_.back().output();
  std::vector<float*> outs;
  d_outs_.resize(shape_.tasks());
  for (std::vector<float>& d_out : d_outs_) {
    d_out.resize(rows * width);
    outs.push_back(d_out.data());
  }
  heads_.Backward(d_logits, outs, compute);
  if (levels_.empty()) {
    for (size_t k = 1; k < outs.size(); ++k) kernels::Axpy(1.0f, outs[k], outs[0], rows * width);
  }
  for (size_t level = levels_.size(); level-- > 0;) {
    const std::vector<size_t>& widths = levels_[level].options().streams;
    std::vector<float*> streams;
    d_streams_.resize(widths.size());
    for (size_t s = 0; s < widths.size(); ++s) {
      d_streams_[s].assign(rows * widths[s], 0.0f);
      streams.push_back(d_streams_[s].data());
    }
    levels_[level].Backward(Pointers(outs.begin(), outs.end()), streams, compute);
    std::swap(d_outs_, d_streams_);
    outs = streams;
  }
  if (d_input.shared != nullptr) {
    kernels::Axpy(1.0f, d_input.shared, outs[0], rows * bottom_.output());
  }
  bottom_.Backward(outs[0], d_input, compute);
  if (!reads_input()) return;
  const size_t query = shape_.input.query, impression = shape_.input.impression;
  for (size_t i = 0; i < rows; ++i) {
    const float* const row = outs[1] + i * (query + impression);
    kernels::Axpy(1.0f, row, d_input.queries + input_.query_of[i] * query, query);
    kernels::Axpy(1.0f, row + query, d_input.impressions + i * impression, impression);
  }
}

std::unique_ptr<ArchitectureScratch> Mixture::MakeScratch() const {
  auto scratch = std::make_unique<Scratch>();
  scratch->levels.resize(levels_.size());
  return scratch;
}

void Mixture::Infer(const NetInput& input, float* logits, ArchitectureScratch& scratch,
                    const nn::Compute& compute) const {
  Scratch& mine = static_cast<Scratch&>(scratch);
  Pointers streams = FirstStreams(bottom_.Infer(input, mine.bottom, compute), input, &mine.input);
  for (size_t level = 0; level < levels_.size(); ++level) {
    levels_[level].Infer(streams, input.rows(), mine.levels[level], compute);
    streams.clear();
    for (const std::vector<float>& out : mine.levels[level].outs) streams.push_back(out.data());
  }
  heads_.Infer(OfTasks(streams), input.rows(), logits, mine.heads, compute);
}

nn::Graph::Value Mixture::AppendTo(nn::Graph& graph, const NetValues& input) const {
  using Value = nn::Graph::Value;
  std::vector<Value> streams = {bottom_.AppendTo(graph, input)};
  if (reads_input()) {
    std::vector<Value> parts;
    if (!input.queries.empty()) {
      parts.push_back(graph.Op("Gather", {input.queries, input.query_of}));
    }
    if (!input.impressions.empty()) parts.push_back(input.impressions);
    streams.push_back(graph.Concat(parts));
  }
  for (const ExpertMix& level : levels_) streams = level.AppendTo(graph, streams);
  if (levels_.empty()) streams.assign(shape_.tasks(), Value(streams[0]));
  return heads_.AppendTo(graph, streams);
}

std::vector<GateWeights> Mixture::Gates(const ArchitectureScratch& scratch) const {
  std::vector<GateWeights> gates;
  if (levels_.empty()) return gates;
  const ExpertMix::Scratch& last = static_cast<const Scratch&>(scratch).levels.back();
  for (size_t k = 0; k < last.weights.size(); ++k) {
    GateWeights& gate = gates.emplace_back();
    gate.task = k;
    gate.weights = last.weights[k];
    for (const size_t expert : levels_.back().options().gates[k].experts) {
      gate.experts.push_back(names_.back()[expert]);
    }
  }
  return gates;
}

void Mixture::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  bottom_.AppendParameters(fmt::format("{}.bottom", name), parameters);
  for (size_t level = 0; level < levels_.size(); ++level) {
    levels_[level].AppendParameters(fmt::format("{}.{}", name, level), parameters);
  }
  heads_.AppendParameters(fmt::format("{}.task", name), parameters);
}

size_t Mixture::multiplications() const {
  size_t total = bottom_.multiplications() + heads_.multiplications();
  for (const ExpertMix& level : levels_) total += level.multiplications();
  return total;
}

std::vector<nn::DeadUnits*> Mixture::ReluLayers() {
  std::vector<nn::DeadUnits*> layers;
  bottom_.AppendReluLayers(layers);
  const auto add = [&](nn::Tower& tower) {
    for (nn::DeadUnits* layer : tower.ReluLayers()) layers.push_back(layer);
  };
  for (ExpertMix& level : levels_) {
    for (Expert& expert : level.experts()) {
      if (expert.relu() != nullptr) add(*expert.relu());
    }
  }
  for (nn::Tower& tower : heads_.towers()) add(tower);
  return layers;
}

}  // namespace upnext::ranking
