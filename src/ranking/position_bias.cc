#include "ranking/position_bias.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "kernels/embedding.h"
#include "ranking/ranker.h"

namespace upnext::ranking {
namespace {

constexpr size_t kInputDim = 8;  // of the embedding of a cell

std::vector<size_t> HeadsWithBias(const std::vector<Objective>& objectives) {
  std::vector<size_t> heads;
  for (size_t k = 0; k < objectives.size(); ++k) {
    if (objectives[k].position_bias) heads.push_back(k);
  }
  return heads;
}

Result<BiasFeatures> FeaturesOf(const BiasOptions& options, const features::ModelShape& shape) {
  Result<BiasFeatures> made = BiasFeatures::Make(options, shape);
  if (!made) made.error().message = "[ranking.bias] features: " + made.error().message;
  return made;
}

}  // namespace

Result<PositionBias> PositionBias::Make(const BiasOptions& options,
                                        const std::vector<Objective>& objectives,
                                        const features::ModelShape& shape, base::Rng& rng) {
  PositionBias bias;
  bias.options_ = options;
  if (!options.reads_positions()) return bias;
  UPNEXT_ASSIGN_OR_RETURN(bias.features_, FeaturesOf(options, shape));
  const size_t rows = bias.features_->rows();
  if (options.method == BiasMethod::kInput) {
    bias.tables_.push_back(std::make_unique<nn::EmbeddingTable>(
        nn::EmbeddingTableOptions{.rows = rows, .dim = kInputDim, .scale = 0.01f}, rng));
    return bias;
  }
  bias.heads_ = HeadsWithBias(objectives);
  if (bias.heads_.empty()) {
    return InvalidArgument(
        "[ranking.bias] method = \"tower\" adds a bias to objectives with position_bias = true, "
        "but none has it; set it for those of engagement, such as clicks");
  }
  for (size_t head = 0; head < bias.heads_.size(); ++head) {
    bias.tables_.push_back(std::make_unique<nn::EmbeddingTable>(
        nn::EmbeddingTableOptions{.rows = rows, .dim = 1, .scale = 0}, rng));
  }
  return bias;
}

size_t PositionBias::InputWidth(const BiasOptions& options) {
  return options.method == BiasMethod::kInput ? kInputDim : 0;
}

Result<double> PositionBias::WeightsOf(const RankerOptions& ranker,
                                       const std::vector<Objective>& objectives,
                                       const features::ModelShape& shape) {
  const BiasOptions& options = ranker.bias;
  if (options.method == BiasMethod::kAdversarial && !ranker.architecture.widths.empty()) {
    return static_cast<double>(ranker.architecture.widths.back()) * options.positions;
  }
  if (!options.reads_positions()) return 0.0;
  UPNEXT_ASSIGN_OR_RETURN(const BiasFeatures features, FeaturesOf(options, shape));
  const size_t columns =
      options.method == BiasMethod::kInput ? kInputDim : HeadsWithBias(objectives).size();
  return static_cast<double>(features.rows()) * static_cast<double>(columns);
}

Status PositionBias::AddAdversary(size_t hidden, base::Rng& rng) {
  if (options_.method != BiasMethod::kAdversarial) return Ok();
  if (hidden == 0) {
    return InvalidArgument("[ranking.bias] method: {}", kNeedsSharedLayers);
  }
  adversary_ =
      std::make_unique<nn::Linear>(hidden, options_.positions, nn::Initialisation::kXavier, rng);
  return Ok();
}

void PositionBias::Cells(const features::FeatureBlock& queries, std::span<const uint32_t> query_of,
                         std::span<const uint16_t> positions, features::Bags* cells) const {
  if (!features_) return;
  const auto served = static_cast<uint16_t>(options_.served_position);
  features_->Cells(queries, query_of, positions, cells, served);
}

void PositionBias::Gather(const features::Bags& cells, float* out, size_t stride,
                          base::ThreadPool* pool) const {
  if (options_.method == BiasMethod::kInput) tables_[0]->GatherSum(View(cells), out, stride, pool);
}

void PositionBias::AddLogits(const features::Bags& cells, const HeadLayout& columns,
                             float* logits) const {
  for (size_t head = 0; head < heads_.size(); ++head) {
    const auto [first, outputs] = columns.heads[heads_[head]];
    for (size_t i = 0; i < cells.size(); ++i) {
      float* const row = logits + i * columns.width + first;
      for (const uint32_t cell : cells[i]) {
        const float bias = tables_[head]->Row(cell)[0];
        for (size_t k = 0; k < outputs; ++k) row[k] += bias;
      }
    }
  }
}

nn::Graph::Value PositionBias::AppendSum(nn::Graph& graph, const nn::EmbeddingTable& table,
                                         std::span<const nn::Graph::Value> ids,
                                         const nn::Graph::Value& query_of) const {
  nn::Graph::Value sum;
  const auto served = static_cast<uint16_t>(options_.served_position);
  for (const nn::Graph::Value& cell : features_->AppendCells(graph, ids, query_of, served)) {
    const nn::Graph::Value row = nn::AppendMean(graph, {cell, {}}, table);
    sum = sum.empty() ? row : graph.Op("Add", {sum, row});
  }
  return sum;
}

nn::Graph::Value PositionBias::AppendInput(nn::Graph& graph, std::span<const nn::Graph::Value> ids,
                                           const nn::Graph::Value& query_of) const {
  return options_.method == BiasMethod::kInput ? AppendSum(graph, *tables_[0], ids, query_of)
                                               : nn::Graph::Value();
}

nn::Graph::Value PositionBias::AppendLogit(nn::Graph& graph, size_t objective,
                                           std::span<const nn::Graph::Value> ids,
                                           const nn::Graph::Value& query_of) const {
  const auto head = std::ranges::find(heads_, objective);
  if (head == heads_.end()) return {};
  return AppendSum(graph, *tables_[static_cast<size_t>(head - heads_.begin())], ids, query_of);
}

float PositionBias::LogitOf(size_t objective, uint32_t cell) const {
  const auto head = std::ranges::find(heads_, objective);
  return head == heads_.end() ? 0.0f
                              : tables_[static_cast<size_t>(head - heads_.begin())]->Row(cell)[0];
}

std::vector<float> PositionBias::LogitsByPosition(size_t objective,
                                                  const features::FeatureBlock& queries,
                                                  size_t positions) const {
  std::vector<float> logits(positions, 0.0f);
  if (!features_ || !HasBias(objective)) return logits;
  std::vector<uint16_t> each(positions);
  std::iota(each.begin(), each.end(), uint16_t{1});
  features::Bags cells;
  features_->Cells(queries, std::vector<uint32_t>(positions, 0), each, &cells);
  for (size_t p = 0; p < positions; ++p) {
    for (const uint32_t cell : cells[p]) logits[p] += LogitOf(objective, cell);
  }
  return logits;
}

void PositionBias::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  for (size_t t = 0; t < tables_.size(); ++t) {
    tables_[t]->AppendParameters(
        heads_.empty() ? fmt::format("{}.input", name) : fmt::format("{}.{}", name, heads_[t]),
        parameters);
  }
  if (adversary_) adversary_->AppendParameters(fmt::format("{}.adversary", name), parameters);
}

std::vector<uint32_t> PositionBias::RowsIn(const PositionBias& grown) const {
  return features_ ? features_->RowsIn(*grown.features_) : std::vector<uint32_t>();
}

void PositionBias::CopyFrom(PositionBias& old) {
  const std::vector<uint32_t> rows = old.RowsIn(*this);
  for (size_t t = 0; t < tables_.size(); ++t) {
    std::vector<nn::Parameter> from, to;
    old.tables_[t]->AppendParameters("", from);
    tables_[t]->AppendParameters("", to);
    nn::CopyRows(from, to, rows);
  }
  if (!adversary_) return;
  std::vector<nn::Parameter> from, to;
  old.adversary_->AppendParameters("", from);
  adversary_->AppendParameters("", to);
  nn::CopyRows(from, to);
}

PositionBiasTrainer::PositionBiasTrainer(PositionBias* bias) : bias_(*bias) {
  for (const auto& table : bias_.tables_) {
    steps_.push_back(std::make_unique<nn::RowwiseAdagrad>(
        table.get(), kernels::AdagradOptions{.learning_rate = bias_.options_.learning_rate}));
  }
}

const features::Bags& PositionBiasTrainer::Draw(const features::FeatureBlock& queries,
                                                std::span<const uint32_t> query_of,
                                                std::span<const uint16_t> positions,
                                                base::Rng& noise) {
  if (!bias_.reads_positions()) return cells_;
  positions_.assign(positions.begin(), positions.end());
  const auto dropout = static_cast<double>(bias_.options_.dropout);
  for (uint16_t& position : positions_) {
    if (noise.Uniform() < dropout) position = 0;
  }
  bias_.Cells(queries, query_of, positions_, &cells_);
  return cells_;
}

void PositionBiasTrainer::AddGradients(std::span<const float> d_logits, const HeadLayout& columns,
                                       const float* d_input, size_t stride) {
  if (bias_.heads_.empty()) {
    for (const auto& step : steps_) {
      step->AddBags(View(cells_), d_input, stride, kernels::Pooling::kSum);
    }
    return;
  }
  sums_.resize(steps_.size());
  for (size_t t = 0; t < steps_.size(); ++t) {
    const auto [first, outputs] = columns.heads[bias_.heads_[t]];
    sums_[t].resize(d_logits.size() / columns.width);
    for (size_t i = 0; i < sums_[t].size(); ++i) {
      const auto row = d_logits.subspan(i * columns.width + first, outputs);
      sums_[t][i] = std::accumulate(row.begin(), row.end(), 0.0f);
    }
    steps_[t]->AddBags(View(cells_), sums_[t].data(), 1, kernels::Pooling::kSum);
  }
}

const float* PositionBiasTrainer::Adversary(const float* hidden,
                                            std::span<const uint16_t> positions,
                                            const nn::Compute& compute) {
  nn::Linear* const adversary = bias_.adversary_.get();
  if (adversary == nullptr) return nullptr;
  const size_t rows = positions.size(), classes = adversary->out();
  std::vector<uint32_t> targets(rows);
  std::vector<float> known(rows);
  for (size_t i = 0; i < rows; ++i) {
    known[i] = positions[i] > 0 ? 1.0f : 0.0f;
    targets[i] = static_cast<uint32_t>(std::clamp<size_t>(positions[i], 1, classes) - 1);
  }
  adversary_logits_.resize(rows * classes);
  d_hidden_.resize(rows * adversary->in());
  adversary->Forward(hidden, rows, adversary_logits_.data(), compute);
  adversary_loss_ =
      nn::FullSoftmaxLoss(rows, classes, targets, adversary_logits_.data(), known, compute.pool);
  adversary->Backward(hidden, adversary_logits_.data(), rows, d_hidden_.data(), compute);
  for (float& d : d_hidden_) d *= -bias_.options_.adversarial_weight;
  return d_hidden_.data();
}

void PositionBiasTrainer::Step(base::ThreadPool* pool) {
  for (const auto& step : steps_) step->Step(pool);
}

void PositionBiasTrainer::ScaleLearningRates(float share) {
  for (const auto& step : steps_) step->set_learning_rate(share * bias_.options_.learning_rate);
}

void PositionBiasTrainer::AppendState(std::vector<nn::Parameter>& state) {
  for (size_t t = 0; t < steps_.size(); ++t) {
    steps_[t]->AppendState(fmt::format("bias.{}", t), state);
  }
}

void PositionBiasTrainer::CopyFrom(PositionBiasTrainer& old) {
  std::vector<nn::Parameter> from, to;
  old.AppendState(from);
  AppendState(to);
  nn::CopyRows(from, to, old.bias_.RowsIn(bias_));
}

}  // namespace upnext::ranking
