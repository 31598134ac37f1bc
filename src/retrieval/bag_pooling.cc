#include "retrieval/bag_pooling.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/vector_ops.h"

namespace upnext::retrieval {
namespace {

constexpr float kUnlikely = -1e30f;  // a logit of what is left out, and below every embedding

// The known ids of one list: their places among its ids, and their embeddings.
struct KnownRows {
  std::vector<uint32_t> places, ids;
  std::vector<float> rows;  // [ids, dim]

  KnownRows& Read(const nn::EmbeddingTable& table, const kernels::BagsView& bags, size_t bag) {
    places.clear();
    ids.clear();
    for (uint32_t at = bags.offsets[bag]; at < bags.offsets[bag + 1]; ++at) {
      if (bags.ids[at] == 0 || bags.ids[at] >= table.rows()) continue;
      places.push_back(at);
      ids.push_back(bags.ids[at]);
    }
    rows.resize(ids.size() * table.dim());
    table.GatherRows(ids, rows.data(), table.dim());
    return *this;
  }
  size_t size() const { return ids.size(); }
};

KnownRows& ThreadRows() {
  thread_local KnownRows rows;
  return rows;
}

// Softmax of q . row + log weight over the rows.
void Weigh(const kernels::BagsView& bags, const KnownRows& known, std::span<const float> query,
           std::vector<float>* weights) {
  const size_t dim = query.size();
  weights->resize(known.size());
  kernels::DotRows(query.data(), known.rows.data(), dim, known.size(), dim, weights->data());
  float most = kUnlikely, total = 0;
  for (size_t i = 0; i < known.size(); ++i) {
    if (!bags.weights.empty()) (*weights)[i] += std::log(bags.weights[known.places[i]]);
    most = std::max(most, (*weights)[i]);
  }
  for (float& weight : *weights) total += weight = std::exp(weight - most);
  for (float& weight : *weights) weight /= total;
}

// The row that has the maximum of a component; the first of equal ones.
size_t Highest(const KnownRows& known, size_t dim, size_t d) {
  size_t best = 0;
  for (size_t i = 1; i < known.size(); ++i) {
    if (known.rows[i * dim + d] > known.rows[best * dim + d]) best = i;
  }
  return best;
}

}  // namespace

void BagPooling::Gather(const kernels::BagsView& bags, float* out, size_t stride) const {
  if (kind == Pooling::kMean) return table.GatherMean(bags, out, stride);
  if (kind == Pooling::kSum) return table.GatherSum(bags, out, stride);
  const size_t dim = table.dim();
  thread_local std::vector<float> weights;
  for (size_t bag = 0; bag < bags.size(); ++bag, out += stride) {
    const KnownRows& known = ThreadRows().Read(table, bags, bag);
    std::fill_n(out, dim, 0.0f);
    if (known.size() == 0) continue;
    if (kind == Pooling::kAttention) {
      Weigh(bags, known, query, &weights);
      for (size_t i = 0; i < known.size(); ++i) {
        kernels::Axpy(weights[i], known.rows.data() + i * dim, out, dim);
      }
      continue;
    }
    std::copy_n(known.rows.data(), dim, out);
    for (size_t i = 1; i < known.size(); ++i) {
      const float* const row = known.rows.data() + i * dim;
      for (size_t d = 0; d < dim; ++d) out[d] = std::max(out[d], row[d]);
    }
  }
}

void BagPooling::Backward(const kernels::BagsView& bags, const float* d_out, size_t stride,
                          float* d_ids, float* d_query) const {
  const size_t dim = table.dim();
  if (bags.size() == 0) return;
  const uint32_t first = bags.offsets[0];
  std::fill_n(d_ids, (bags.offsets[bags.size()] - first) * dim, 0.0f);
  thread_local std::vector<float> weights, d_weights;
  for (size_t bag = 0; bag < bags.size(); ++bag, d_out += stride) {
    const KnownRows& known = ThreadRows().Read(table, bags, bag);
    if (known.size() == 0) continue;
    const auto d_row = [&](size_t i) { return d_ids + (known.places[i] - first) * dim; };
    if (kind == Pooling::kMax) {
      for (size_t d = 0; d < dim; ++d) d_row(Highest(known, dim, d))[d] = d_out[d];
      continue;
    }
    Weigh(bags, known, query, &weights);
    d_weights.resize(known.size());
    kernels::DotRows(d_out, known.rows.data(), dim, known.size(), dim, d_weights.data());
    const float mean = kernels::Dot(weights.data(), d_weights.data(), known.size());
    for (size_t i = 0; i < known.size(); ++i) {
      const float d_logit = weights[i] * (d_weights[i] - mean);
      kernels::Axpy(weights[i], d_out, d_row(i), dim);
      kernels::Axpy(d_logit, query.data(), d_row(i), dim);
      kernels::Axpy(d_logit, known.rows.data() + i * dim, d_query, dim);
    }
  }
}

nn::Graph::Value BagPooling::AppendTo(nn::Graph& graph, const nn::BagInput& bag) const {
  using Value = nn::Graph::Value;
  const auto op = [&](const char* name, std::vector<Value> inputs) {
    return graph.Op(name, std::move(inputs));
  };
  if (bag.weights.empty() || kind == Pooling::kMean) return nn::AppendMean(graph, bag, table);
  using Ints = std::vector<int64_t>;
  const auto dim = static_cast<int64_t>(table.dim());
  const Value rows = nn::AppendRows(graph, bag.ids, table);  // [rows, length, dim]
  const Value axis = graph.Ints({1}), last = graph.Ints({2});
  // [rows, length, 1] -> [rows, dim]
  const auto sum = [&](const Value& weights) {
    return graph.Op("ReduceSum", {op("Mul", {rows, weights}), axis}, {{"keepdims", int64_t{0}}});
  };
  const Value weights = op("Unsqueeze", {bag.weights, last});
  if (kind == Pooling::kSum) return sum(weights);
  // Id 0 is an item out of vocabulary, or fills up. Its row is zero.
  const Value known = op("Unsqueeze", {op("Greater", {bag.ids, graph.Int(0)}), last});
  const Value none = graph.Float(kUnlikely);
  if (kind == Pooling::kMax) {
    const Value most = graph.Op("ReduceMax", {op("Where", {known, rows, none})},
                                {{"axes", Ints{1}}, {"keepdims", int64_t{0}}});
    return op("Where", {op("Greater", {most, none}), most, graph.Float(0)});
  }
  const Value logits =
      op("Add", {op("MatMul", {rows, graph.Weights(query, {dim, 1})}), op("Log", {weights})});
  return sum(graph.Op("Softmax", {op("Where", {known, logits, none})}, {{"axis", int64_t{1}}}));
}

}  // namespace upnext::retrieval
