#include "ranking/ranker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ranking/match_multiplications.h"
#include "schema/attribute.h"

namespace upnext::ranking {

using features::FeatureBlock;
using features::ModelShape;

namespace {

// Names of the vocabularies that features of the ranker read.
std::vector<std::string> TableNames(const features::FeaturePlan& plan) {
  std::vector<std::string> names;
  for (const features::Side side : {features::Side::kQuery, features::Side::kImpression}) {
    for (const features::Feature& feature : plan.side(features::Model::kRanking, side).categories) {
      const std::string& name = plan.vocabularies()[feature.vocabulary].name;
      if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

// What can be said before a log is read.
void CheckBias(const base::ConfigTable& bias, const RankerOptions& options,
               const features::FeaturePlan& plan) {
  if (options.bias.method == BiasMethod::kAdversarial && !HasSharedLayers(options.architecture)) {
    bias.Fail("method", kNeedsSharedLayers);
  }
  if (!options.bias.reads_positions()) return;
  const auto features =
      BiasFeatures::Make(options.bias, ShapeOf(features::FeatureStatistics({}, plan)));
  if (!features) bias.Fail("features", features.error().message);
}

void CheckAttention(const base::ConfigTable& attention, const AttentionOptions& options,
                    const features::FeaturePlan& plan) {
  const auto histories =
      FindHistories({.features = options.features}, ShapeOf(features::FeatureStatistics({}, plan)));
  if (!histories) attention.Fail("features", histories.error().message);
}

}  // namespace

RankerOptions RankerOptions::FromConfig(const base::ConfigTable& ranking,
                                        const features::FeaturePlan& plan) {
  RankerOptions options;
  options.architecture = ArchitectureOptions::FromConfig(ranking);
  if (ranking.Has("match")) options.match = ArchitectureOptions::FromConfig(ranking.Table("match"));
  options.attention = AttentionOptions::FromConfig(ranking.Table("attention"));
  CheckAttention(ranking.Table("attention"), options.attention, plan);
  options.bias = BiasOptions::FromConfig(ranking.Table("bias"));
  CheckBias(ranking.Table("bias"), options, plan);
  options.dim_scale = ranking.Real("dim_scale", options.dim_scale, {.min = 0.1, .max = 1000});
  options.max_dim =
      static_cast<uint32_t>(ranking.Int("max_dim", options.max_dim, {.min = 1, .max = 1024}));
  const base::ConfigTable dims = ranking.Table("dims");
  for (const std::string& name : TableNames(plan)) {
    if (!dims.Has(name)) continue;
    options.dims[name] = static_cast<uint32_t>(dims.Int(name, 1, {.min = 1, .max = 1024}));
  }
  options.init_scale =
      static_cast<float>(ranking.Real("init_scale", options.init_scale, {.min = 0, .max = 10}));
  return options;
}

uint32_t EmbeddingDim(const RankerOptions& options, const ModelShape::Table& table) {
  const auto said = options.dims.find(table.name);
  if (said != options.dims.end()) return said->second;
  const double dim =
      std::ceil(options.dim_scale * std::log10(std::max(2.0, double{0} + table.rows)));
  return std::clamp(static_cast<uint32_t>(dim), 1u, options.max_dim);
}

Ranker::SideLayout Ranker::LayoutOf(const ModelShape::SideShape& side, const RankerOptions& options,
                                    const ModelShape& shape) {
  SideLayout layout;
  for (const ModelShape::Slot& slot : side.slots) {
    layout.slots.push_back({layout.slots.size(), slot.table, layout.width});
    layout.width += EmbeddingDim(options, shape.tables[slot.table]);
  }
  layout.dense = layout.width;
  layout.numbers = side.dense;
  layout.width = layout.dense + layout.numbers;
  return layout;
}

AttentionInput Ranker::AttentionOf(size_t a, const FeatureBlock& queries,
                                   std::span<const uint32_t> query_of, float* impressions) const {
  return {.history = queries.categorical[histories_[a].history],
          .query_of = query_of,
          .rows = impressions,
          .stride = impression_.width,
          .candidate = impression_.slots[histories_[a].candidate].offset,
          .out = impression_.attended[a]};
}

NetShape Ranker::Net() const {
  NetShape net{.input = {query_.width, impression_.width}, .outputs = {}};
  for (const HeadColumns& head : columns_.heads) net.outputs.push_back(head.outputs);
  return net;
}

Result<Ranker> Ranker::Plan(const RankerOptions& options, std::vector<Objective> objectives,
                            ModelShape shape) {
  Ranker ranker;
  ranker.options_ = options;
  ranker.objectives_ = std::move(objectives);
  ranker.shape_ = std::move(shape);
  ranker.query_ = LayoutOf(ranker.shape_.query, options, ranker.shape_);
  ranker.impression_ = LayoutOf(ranker.shape_.impression, options, ranker.shape_);
  UPNEXT_ASSIGN_OR_RETURN(ranker.histories_, FindHistories(options.attention, ranker.shape_));
  for (const AttendedHistory& attended : ranker.histories_) {
    ranker.impression_.attended.push_back(ranker.impression_.width);
    ranker.impression_.width += EmbeddingDim(options, ranker.AttendedShape(attended));
  }
  ranker.impression_.bias = ranker.impression_.width;
  ranker.impression_.width += PositionBias::InputWidth(options.bias);
  UPNEXT_ASSIGN_OR_RETURN(ranker.columns_, ColumnsOf(ranker.objectives_));
  if (options.match.name.empty()) return ranker;
  UPNEXT_ASSIGN_OR_RETURN(const size_t cost, MultiplicationsOf(options.match, ranker.Net()));
  UPNEXT_ASSIGN_OR_RETURN(ranker.options_.architecture,
                          MatchMultiplications(options.architecture, cost, ranker.Net()));
  ranker.options_.match.name.clear();
  return ranker;
}

Status Ranker::AddNet(base::Rng& rng) {
  for (const AttendedHistory& attended : histories_) {
    attentions_.emplace_back(EmbeddingDim(options_, AttendedShape(attended)),
                             options_.attention.widths, rng);
  }
  UPNEXT_ASSIGN_OR_RETURN(architecture_, MakeArchitecture(options_.architecture, Net(), rng));
  UPNEXT_ASSIGN_OR_RETURN(PositionBias bias,
                          PositionBias::Make(options_.bias, objectives_, shape_, rng));
  bias_ = std::make_unique<PositionBias>(std::move(bias));
  return bias_->AddAdversary(architecture_->shared_width(), rng);
}

Status Ranker::Check(const RankerOptions& options, std::vector<Objective> objectives,
                     ModelShape shape) {
  UPNEXT_ASSIGN_OR_RETURN(Ranker plan, Plan(options, std::move(objectives), std::move(shape)));
  base::Rng rng(0);  // for weights that are not used
  return plan.AddNet(rng);
}

Result<Ranker> Ranker::Make(const RankerOptions& options, std::vector<Objective> objectives,
                            ModelShape shape, base::Rng& rng) {
  UPNEXT_ASSIGN_OR_RETURN(Ranker ranker, Plan(options, std::move(objectives), std::move(shape)));
  for (const ModelShape::Table& table : ranker.shape_.tables) {
    ranker.tables_.push_back(std::make_unique<nn::EmbeddingTable>(
        nn::EmbeddingTableOptions{
            .rows = table.rows, .dim = EmbeddingDim(options, table), .scale = options.init_scale},
        rng));
  }
  UPNEXT_RETURN_IF_ERROR(ranker.AddNet(rng));
  return ranker;
}

Result<Ranker> Ranker::Grow(Ranker& old, ModelShape shape, base::Rng& rng) {
  const bool fits = shape.query == old.shape_.query && shape.impression == old.shape_.impression &&
                    std::ranges::equal(shape.tables, old.shape_.tables,
                                       [](const ModelShape::Table& a, const ModelShape::Table& b) {
                                         return a.name == b.name && a.rows >= b.rows;
                                       });
  if (!fits) {
    return InvalidArgument(
        "expected features and vocabularies that grew from those of the ranker, found others; train "
        "without --continue");
  }
  RankerOptions options = old.options_;
  for (const ModelShape::Table& table : old.shape_.tables) {
    options.dims[table.name] = EmbeddingDim(old.options_, table);
  }
  UPNEXT_ASSIGN_OR_RETURN(Ranker ranker, Make(options, old.objectives_, std::move(shape), rng));
  std::vector<nn::Parameter> from, to;
  const auto append = [](Ranker& of, std::vector<nn::Parameter>& parameters) {
    for (const auto& table : of.tables_) table->AppendParameters("", parameters);
    for (Attention& attention : of.attentions_) attention.AppendParameters("", parameters);
    of.architecture_->AppendParameters("", parameters);
  };
  append(old, from);
  append(ranker, to);
  nn::CopyRows(from, to);
  ranker.bias_->CopyFrom(*old.bias_);
  return ranker;
}

void Ranker::BuildSide(const SideLayout& layout, const FeatureBlock& block,
                       const features::Bags* cells, std::vector<float>& out,
                       base::ThreadPool* pool) const {
  out.resize(block.rows * layout.width);
  for (const Slot& slot : layout.slots) {
    tables_[slot.table]->GatherMean(View(block.categorical[slot.feature]), out.data() + slot.offset,
                                    layout.width, pool);
  }
  for (size_t i = 0; i < block.rows; ++i) {
    std::copy_n(block.dense.data() + i * layout.numbers, layout.numbers,
                out.data() + i * layout.width + layout.dense);
  }
  if (cells != nullptr) bias_->Gather(*cells, out.data() + layout.bias, layout.width, pool);
}

void Ranker::Attend(const FeatureBlock& queries, std::span<const uint32_t> query_of,
                    std::vector<float>& impressions, std::vector<Attention::Work>& work,
                    const nn::Compute& compute) const {
  work.resize(attentions_.size());
  for (size_t a = 0; a < attentions_.size(); ++a) {
    attentions_[a].Infer(AttendedTable(a), AttentionOf(a, queries, query_of, impressions.data()),
                         work[a], compute);
  }
}

void Ranker::Score(const FeatureBlock& queries, const FeatureBlock& impressions,
                   std::span<const uint32_t> query_of, float* predictions, Scratch& scratch,
                   const nn::Compute& compute) const {
  const size_t n = impressions.rows, tasks = objectives_.size();
  if (n == 0) return;
  bias_->Cells(queries, query_of, {}, &scratch.cells);
  BuildSide(query_, queries, nullptr, scratch.queries, compute.pool);
  BuildSide(impression_, impressions, &scratch.cells, scratch.impressions, compute.pool);
  Attend(queries, query_of, scratch.impressions, scratch.attention, compute);
  const size_t width = columns_.width;
  scratch.logits.resize(n * width);
  if (!scratch.architecture) scratch.architecture = architecture_->MakeScratch();
  architecture_->Infer({.queries = scratch.queries.data(),
                        .query_rows = queries.rows,
                        .impressions = scratch.impressions.data(),
                        .query_of = query_of},
                       scratch.logits.data(), *scratch.architecture, compute);
  bias_->AddLogits(scratch.cells, columns_, scratch.logits.data());
  for (size_t i = 0; i < n; ++i) {
    const auto logits = std::span<const float>(scratch.logits).subspan(i * width, width);
    const float duration_s =
        impressions.duration_s.empty() ? schema::kAbsent : impressions.duration_s[i];
    for (size_t k = 0; k < tasks; ++k) {
      const auto [first, outputs] = columns_.heads[k];
      predictions[i * tasks + k] =
          ranking::Predict(objectives_[k], logits.subspan(first, outputs), duration_s);
    }
  }
}

std::vector<GateWeights> Ranker::Gates(const Scratch& scratch) const {
  return scratch.architecture == nullptr ? std::vector<GateWeights>()
                                         : architecture_->Gates(*scratch.architecture);
}

std::vector<nn::Parameter> Ranker::Parameters() {
  std::vector<nn::Parameter> parameters;
  for (size_t i = 0; i < tables_.size(); ++i) {
    tables_[i]->AppendParameters("embedding." + shape_.tables[i].name, parameters);
  }
  for (size_t a = 0; a < attentions_.size(); ++a) {
    attentions_[a].AppendParameters(fmt::format("attention.{}", a), parameters);
  }
  architecture_->AppendParameters("net", parameters);
  bias_->AppendParameters("bias", parameters);
  return parameters;
}

std::vector<nn::DeadUnits*> Ranker::ReluLayers() {
  std::vector<nn::DeadUnits*> layers = architecture_->ReluLayers();
  for (Attention& attention : attentions_) attention.AppendReluLayers(layers);
  return layers;
}

size_t Ranker::attention_multiplications() const {
  size_t total = 0;
  for (const Attention& attention : attentions_) total += attention.multiplications();
  return total;
}

size_t Ranker::parameters() const {
  // Parameters() hands out writable views, so it is not const; counting writes nothing.
  size_t count = 0;
  for (const nn::Parameter& parameter : const_cast<Ranker*>(this)->Parameters()) {
    count += parameter.value.size();
  }
  return count;
}

}  // namespace upnext::ranking
