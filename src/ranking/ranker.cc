#include "ranking/ranker.h"

#include <algorithm>
#include <cmath>

namespace upnext::ranking {

using features::FieldKind;
using features::RankingBlock;
using features::Side;

RankerOptions RankerOptions::FromConfig(const base::ConfigTable& ranking) {
  RankerOptions options;
  options.widths.clear();
  for (const int64_t width : ranking.Ints("widths", {256, 128}, {.min = 1, .max = 16384})) {
    options.widths.push_back(static_cast<size_t>(width));
  }
  const std::vector<std::string> names = ArchitectureNames();
  options.architecture = names[ranking.Choice("architecture", names, 0)];
  options.dim_scale = ranking.Real("dim_scale", options.dim_scale, {.min = 0.1, .max = 1000});
  options.max_dim =
      static_cast<uint32_t>(ranking.Int("max_dim", options.max_dim, {.min = 1, .max = 1024}));
  const base::ConfigTable dims = ranking.Table("dims");
  const std::vector<std::string> said = dims.Keys();
  for (const features::Field& field : features::RankingFields()) {
    const std::string name(features::VocabularyName(field.vocabulary));
    if (field.kind == FieldKind::kContinuous || std::ranges::find(said, name) == said.end()) {
      continue;
    }
    options.dims[name] = static_cast<uint32_t>(dims.Int(name, 1, {.min = 1, .max = 1024}));
  }
  options.init_scale =
      static_cast<float>(ranking.Real("init_scale", options.init_scale, {.min = 0, .max = 10}));
  return options;
}

uint32_t EmbeddingDim(const RankerOptions& options, features::VocabularyId vocabulary,
                      uint32_t rows) {
  const auto said = options.dims.find(features::VocabularyName(vocabulary));
  if (said != options.dims.end()) return said->second;
  const double dim = std::ceil(options.dim_scale * std::log10(std::max(2.0, double{0} + rows)));
  return std::clamp(static_cast<uint32_t>(dim), 1u, options.max_dim);
}

RankerShape ShapeOf(const features::FeatureStatistics& tables) {
  RankerShape shape;
  for (size_t id = 0; id < features::kVocabularies; ++id) {
    shape[id] = std::max(1u, tables.vocabularies[id].rows());
  }
  shape[static_cast<size_t>(features::VocabularyId::kToken)] = std::max(1u, tables.tokens.rows());
  return shape;
}

Ranker::SideLayout Ranker::LayoutOf(Side side, const RankerOptions& options,
                                    const RankerShape& shape) {
  SideLayout layout;
  size_t numbers = 0;
  for (const features::Field& field : features::RankingFields()) {
    if (field.side != side) continue;
    if (field.kind == FieldKind::kContinuous) {
      ++numbers;
      continue;
    }
    layout.slots.push_back({layout.slots.size(), field.vocabulary, layout.width});
    layout.width +=
        EmbeddingDim(options, field.vocabulary, shape[static_cast<size_t>(field.vocabulary)]);
  }
  layout.dense = layout.width;
  layout.width += numbers * features::kPowers;
  return layout;
}

Result<Ranker> Ranker::Make(const RankerOptions& options, std::vector<Objective> objectives,
                            const RankerShape& shape, base::Rng& rng) {
  Ranker ranker;
  ranker.options_ = options;
  ranker.objectives_ = std::move(objectives);
  ranker.shape_ = shape;
  ranker.query_ = LayoutOf(Side::kQuery, options, shape);
  ranker.impression_ = LayoutOf(Side::kImpression, options, shape);
  for (const SideLayout* layout : {&ranker.query_, &ranker.impression_}) {
    for (const Slot& slot : layout->slots) {
      const auto id = static_cast<size_t>(slot.vocabulary);
      if (ranker.tables_[id] != nullptr) continue;
      ranker.tables_[id] = std::make_unique<nn::EmbeddingTable>(
          nn::EmbeddingTableOptions{.rows = shape[id],
                                    .dim = EmbeddingDim(options, slot.vocabulary, shape[id]),
                                    .scale = options.init_scale},
          rng);
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(ranker.architecture_,
                          MakeArchitecture(options.architecture,
                                           {.input = ranker.input_width(),
                                            .widths = options.widths,
                                            .tasks = ranker.objectives_.size()},
                                           rng));
  return ranker;
}

void Ranker::BuildSide(const SideLayout& layout, const RankingBlock& block, float* out,
                       size_t stride, base::ThreadPool* pool) const {
  for (const Slot& slot : layout.slots) {
    table(slot.vocabulary)
        .GatherMean(View(block.categorical[slot.field]), out + slot.offset, stride, pool);
  }
  const size_t numbers = layout.width - layout.dense;
  for (size_t i = 0; i < block.rows; ++i) {
    std::copy_n(block.dense.data() + i * numbers, numbers, out + i * stride + layout.dense);
  }
}

void Ranker::BuildInput(const RankingBlock& queries, const RankingBlock& impressions,
                        std::span<const uint32_t> query_of, std::vector<float>& query_input,
                        std::vector<float>& out, base::ThreadPool* pool) const {
  const size_t width = input_width();
  query_input.resize(queries.rows * query_.width);
  out.resize(impressions.rows * width);
  BuildSide(query_, queries, query_input.data(), query_.width, pool);
  BuildSide(impression_, impressions, out.data() + query_.width, width, pool);
  for (size_t i = 0; i < impressions.rows; ++i) {
    std::copy_n(query_input.data() + query_of[i] * query_.width, query_.width,
                out.data() + i * width);
  }
}

void Ranker::Score(const RankingBlock& queries, const RankingBlock& impressions,
                   std::span<const uint32_t> query_of, float* predictions, Scratch& scratch,
                   const nn::Compute& compute) const {
  const size_t n = impressions.rows, tasks = objectives_.size();
  if (n == 0) return;
  BuildInput(queries, impressions, query_of, scratch.queries, scratch.input, compute.pool);
  scratch.logits.resize(n * tasks);
  architecture_->Infer(scratch.input.data(), n, scratch.logits.data(), scratch.architecture,
                       compute);
  for (size_t i = 0; i < n * tasks; ++i) {
    predictions[i] = Predict(objectives_[i % tasks], scratch.logits[i]);
  }
}

std::vector<nn::Parameter> Ranker::Parameters() {
  std::vector<nn::Parameter> parameters;
  for (size_t id = 0; id < tables_.size(); ++id) {
    if (tables_[id] == nullptr) continue;
    tables_[id]->AppendParameters(
        std::string(features::VocabularyName(static_cast<features::VocabularyId>(id))), parameters);
  }
  architecture_->AppendParameters("net", parameters);
  return parameters;
}

size_t Ranker::parameters() const {
  // Parameters() hands out writable views, so it is not const; counting writes nothing.
  size_t count = 0;
  for (const nn::Parameter& parameter : const_cast<Ranker*>(this)->Parameters()) {
    count += parameter.value.size();
  }
  return count;
}

size_t Ranker::multiplications() const { return architecture_->multiplications(); }

}  // namespace upnext::ranking
