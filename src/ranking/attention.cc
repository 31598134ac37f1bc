#include "ranking/attention.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "kernels/vector_ops.h"
#include "ranking/architecture.h"

namespace upnext::ranking {
namespace {

using features::ModelShape;

std::vector<size_t> AfterTheFirst(const std::vector<size_t>& widths) {
  std::vector<size_t> rest(widths.begin() + 1, widths.end());
  rest.push_back(1);
  return rest;
}

// Slot of the impression side that reads this table; slots.size() when there is none.
size_t CandidateOf(size_t table, const ModelShape& shape) {
  const auto& slots = shape.impression.slots;
  return static_cast<size_t>(std::ranges::find(slots, table, &ModelShape::Slot::table) -
                             slots.begin());
}

bool IsHistory(const ModelShape::Slot& slot, const ModelShape& shape) {
  return slot.list && CandidateOf(slot.table, shape) < shape.impression.slots.size();
}

}  // namespace

AttentionOptions AttentionOptions::FromConfig(const base::ConfigTable& attention) {
  AttentionOptions options;
  options.features = attention.Texts("features", {});
  if (options.features.empty()) return options;
  options.widths = WidthsFromConfig(attention, "widths", {32}, 1);
  return options;
}

Result<std::vector<AttendedHistory>> FindHistories(const AttentionOptions& options,
                                                   const ModelShape& shape) {
  std::vector<AttendedHistory> histories;
  const auto& slots = shape.query.slots;
  for (const std::string& name : options.features) {
    const auto slot = std::ranges::find(slots, name, &ModelShape::Slot::feature);
    if (slot == slots.end() || !IsHistory(*slot, shape)) {
      std::vector<std::string> known;
      for (const ModelShape::Slot& other : slots) {
        if (IsHistory(other, shape)) known.push_back(other.feature);
      }
      return InvalidArgument(
          "expected lists of the request whose ids are also those of a feature of the candidate, "
          "found \"{}\"; known: {}",
          name, fmt::join(known, ", "));
    }
    histories.push_back({.history = static_cast<size_t>(slot - slots.begin()),
                         .candidate = CandidateOf(slot->table, shape)});
  }
  if (!histories.empty()) {
    UPNEXT_RETURN_IF_ERROR(CheckWidths("[ranking.attention] widths", options.widths, 1));
  }
  return histories;
}

Attention::Attention(size_t dim, const std::vector<size_t>& widths, base::Rng& rng)
    : dim_(dim),
      pair_({.query = dim, .impression = dim}, widths.front(), nn::Initialisation::kHe, rng),
      candidate_({.query = dim, .impression = 0}, widths.front(), nn::Initialisation::kHe, rng),
      rest_({.input = widths.front(), .widths = AfterTheFirst(widths), .last_linear = true}, rng),
      dead_units_(widths.front()) {}

size_t Attention::multiplications() const {
  return pair_.multiplications() + candidate_.multiplications() + rest_.multiplications() +
         2 * dim_;
}

double Attention::WeightsOf(size_t dim, const std::vector<size_t>& widths) {
  double weights = 0, in = 3 * static_cast<double>(dim);
  for (const size_t width : widths) {
    weights += in * static_cast<double>(width);
    in = static_cast<double>(width);
  }
  return weights + in;
}

NetInput Attention::Pairs(const Work& work) const {
  return {.queries = work.keys.data(),
          .query_rows = work.ids.size(),
          .impressions = work.products.data(),
          .query_of = work.key_of};
}

NetInput Attention::Candidates(const Work& work) const {
  return {.queries = work.candidates.data(),
          .query_rows = work.candidates.size() / dim_,
          .query_of = work.row_of};
}

void Attention::FirstLayer(const nn::EmbeddingTable& table, const AttentionInput& input, Work& work,
                           const nn::Compute& compute) const {
  work.ids.clear();
  std::vector<uint32_t> begin = {0};  // of each request, among `ids`
  for (size_t query = 0; query < input.history.size(); ++query) {
    for (const uint32_t id : input.history[query]) {
      if (id > 0 && id < table.rows()) work.ids.push_back(id);
    }
    begin.push_back(static_cast<uint32_t>(work.ids.size()));
  }
  work.keys.resize(work.ids.size() * dim_);
  table.GatherRows(work.ids, work.keys.data(), dim_, compute.pool);
  const size_t rows = input.query_of.size();
  work.candidates.resize(rows * dim_);
  work.key_of.clear();
  work.row_of.clear();
  for (size_t i = 0; i < rows; ++i) {
    std::copy_n(input.rows + i * input.stride + input.candidate, dim_,
                work.candidates.data() + i * dim_);
    const size_t query = input.query_of[i];
    for (uint32_t key = begin[query]; key < begin[query + 1]; ++key) {
      work.key_of.push_back(key);
      work.row_of.push_back(static_cast<uint32_t>(i));
    }
  }
  const size_t pairs = work.key_of.size();
  work.products.resize(pairs * dim_);
  for (size_t p = 0; p < pairs; ++p) {
    const float* const key = work.keys.data() + work.key_of[p] * dim_;
    const float* const candidate = work.candidates.data() + work.row_of[p] * dim_;
    for (size_t d = 0; d < dim_; ++d) work.products[p * dim_ + d] = key[d] * candidate[d];
  }
  work.hidden.resize(pairs * pair_.out());
  work.of_candidate.resize(work.hidden.size());
  work.weights.resize(pairs);
  if (pairs == 0) return;
  pair_.Forward(Pairs(work), work.hidden.data(), work.pair, compute);
  candidate_.Forward(Candidates(work), work.of_candidate.data(), work.candidate, compute);
  kernels::Axpy(1.0f, work.of_candidate.data(), work.hidden.data(), work.hidden.size());
  kernels::ReluForward(work.hidden.data(), work.hidden.size());
}

void Attention::WriteSums(const AttentionInput& input, const float* weights,
                          const Work& work) const {
  for (size_t i = 0; i < input.query_of.size(); ++i) {
    std::fill_n(input.rows + i * input.stride + input.out, dim_, 0.0f);
  }
  for (size_t p = 0; p < work.key_of.size(); ++p) {
    kernels::Axpy(weights[p], work.keys.data() + work.key_of[p] * dim_,
                  input.rows + work.row_of[p] * input.stride + input.out, dim_);
  }
}

void Attention::Forward(const nn::EmbeddingTable& table, const AttentionInput& input,
                        const nn::Compute& compute) {
  FirstLayer(table, input, work_, compute);
  const size_t pairs = work_.key_of.size();
  if (pairs > 0) {
    dead_units_.Note({work_.hidden.data(), nullptr}, pairs);
    std::copy_n(rest_.Forward(work_.hidden.data(), pairs, compute), pairs, work_.weights.data());
  }
  WriteSums(input, work_.weights.data(), work_);
}

void Attention::Infer(const nn::EmbeddingTable& table, const AttentionInput& input, Work& work,
                      const nn::Compute& compute) const {
  FirstLayer(table, input, work, compute);
  const size_t pairs = work.key_of.size();
  if (pairs > 0) rest_.Infer(work.hidden.data(), pairs, work.weights.data(), work.rest, compute);
  WriteSums(input, work.weights.data(), work);
}

void Attention::Backward(const AttentionInput& input, float* d_rows, const nn::Compute& compute) {
  const size_t pairs = work_.key_of.size();
  d_keys_.assign(work_.keys.size(), 0.0f);
  if (pairs == 0) return;
  d_weights_.resize(pairs);
  for (size_t p = 0; p < pairs; ++p) {
    const float* const d_out = d_rows + work_.row_of[p] * input.stride + input.out;
    const size_t key = work_.key_of[p] * dim_;
    d_weights_[p] = kernels::Dot(d_out, work_.keys.data() + key, dim_);
    kernels::Axpy(work_.weights[p], d_out, d_keys_.data() + key, dim_);
  }
  d_hidden_.resize(work_.hidden.size());
  rest_.Backward(d_weights_.data(), d_hidden_.data(), compute);
  kernels::ReluBackward(work_.hidden.data(), d_hidden_.data(), d_hidden_.data(), d_hidden_.size());
  d_products_.assign(work_.products.size(), 0.0f);
  d_candidates_.assign(work_.candidates.size(), 0.0f);
  pair_.Backward(Pairs(work_), d_hidden_.data(), {d_keys_.data(), d_products_.data()}, compute);
  candidate_.Backward(Candidates(work_), d_hidden_.data(), {d_candidates_.data()}, compute);
  for (size_t p = 0; p < pairs; ++p) {
    const size_t key = work_.key_of[p] * dim_, candidate = work_.row_of[p] * dim_;
    for (size_t d = 0; d < dim_; ++d) {
      const float d_product = d_products_[p * dim_ + d];
      d_keys_[key + d] += d_product * work_.candidates[candidate + d];
      d_candidates_[candidate + d] += d_product * work_.keys[key + d];
    }
  }
  for (size_t i = 0; i < input.query_of.size(); ++i) {
    kernels::Axpy(1.0f, d_candidates_.data() + i * dim_,
                  d_rows + i * input.stride + input.candidate, dim_);
  }
}

// As Infer, but the pairs of each candidate are all places of its history. Those filled up with id 0
// add nothing, since row 0 of a table is zero.
nn::Graph::Value Attention::AppendTo(nn::Graph& graph, const nn::EmbeddingTable& table,
                                     const AttentionValues& input) const {
  using Value = nn::Graph::Value;
  const auto op = [&](const char* name, std::vector<Value> inputs) {
    return graph.Op(name, std::move(inputs));
  };
  const Value zero = graph.Int(0), one = graph.Int(1), axis = graph.Ints({1});
  const Value all = graph.Ints({-1}), vectors = graph.Ints({-1, static_cast<int64_t>(dim_)});
  const Value keys = op("Reshape", {nn::AppendRows(graph, input.history, table), vectors});
  // [rows, length]: the key and the row of each pair.
  const Value places = op("Range", {zero, op("Size", {input.history}), one});
  const Value key_of =
      op("Gather", {op("Reshape", {places, op("Shape", {input.history})}), input.query_of});
  const Value shape = op("Shape", {key_of});
  const Value rows = op("Range", {zero, op("Size", {input.query_of}), one});
  const Value row_of = op("Expand", {op("Unsqueeze", {rows, axis}), shape});
  const Value pair_keys = op("Gather", {keys, key_of});  // [rows, length, dim]
  const Value products = op("Mul", {pair_keys, op("Unsqueeze", {input.candidate, axis})});
  const Value of_pairs = pair_.AppendTo(
      graph, {keys, op("Reshape", {products, vectors}), op("Reshape", {key_of, all})});
  const Value of_candidates =
      candidate_.AppendTo(graph, {input.candidate, {}, op("Reshape", {row_of, all})});
  const Value weights =
      op("Reshape",
         {rest_.AppendTo(graph, op("Relu", {op("Add", {of_pairs, of_candidates})})), shape});
  const Value sums = op("MatMul", {op("Unsqueeze", {weights, axis}), pair_keys});
  return op("Squeeze", {sums, axis});
}

void Attention::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  pair_.AppendParameters(fmt::format("{}.pair", name), parameters);
  candidate_.AppendParameters(fmt::format("{}.candidate", name), parameters);
  rest_.AppendParameters(name, parameters);
}

void Attention::AppendReluLayers(std::vector<nn::DeadUnits*>& layers) {
  layers.push_back(&dead_units_);
  for (nn::DeadUnits* layer : rest_.ReluLayers()) layers.push_back(layer);
}

}  // namespace upnext::ranking
