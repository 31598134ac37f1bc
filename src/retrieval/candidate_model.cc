#include "retrieval/candidate_model.h"

#include <algorithm>
#include <array>

#include "base/section_file.h"
#include "nn/checkpoint.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kMaxDim = 4096, kMaxDepth = 8, kMaxWindows = 8;

// Lists have the wide embeddings, single ids the narrow ones; a table that both read is wide.
bool IsWide(const features::ModelShape& inputs, size_t table) {
  return std::ranges::any_of(inputs.query.slots, [&](const features::ModelShape::Slot& slot) {
    return slot.table == table && slot.list;
  });
}

CandidateLayout LayoutOf(const CandidateModelOptions& options, const features::ModelShape& inputs) {
  CandidateLayout layout;
  const auto add = [&](size_t slot, size_t table, size_t window) {
    const size_t dim = TableDim(options, inputs, table);
    layout.inputs.push_back({slot, table, window, layout.width, dim});
    layout.width += dim;
  };
  for (size_t i = 0; i < inputs.query.slots.size(); ++i) {
    const features::ModelShape::Slot& slot = inputs.query.slots[i];
    add(i, slot.table, 0);
    if (!slot.ordered || inputs.tables[slot.table].name != features::kItemVocabulary) continue;
    for (size_t w = 1; w <= options.recent_windows.size(); ++w) add(i, slot.table, w);
  }
  layout.dense = layout.width;
  layout.width += inputs.query.dense;
  return layout;
}

bool IsTied(const CandidateModelOptions& options, const features::ModelShape& inputs) {
  const size_t table = inputs.Find(features::kItemVocabulary);
  return options.tie_items && table < inputs.tables.size() && IsWide(inputs, table);
}

std::vector<nn::EmbeddingTable> TablesOf(const CandidateModelOptions& options,
                                         const features::ModelShape& inputs, base::Rng& rng) {
  std::vector<nn::EmbeddingTable> tables;
  for (size_t i = 0; i < inputs.tables.size(); ++i) {
    const bool wide = IsWide(inputs, i);
    tables.emplace_back(nn::EmbeddingTableOptions{.rows = inputs.tables[i].rows,
                                                  .dim = TableDim(options, inputs, i),
                                                  .half = wide && options.half_tables},
                        rng);
  }
  return tables;
}

std::string TableName(const features::ModelShape::Table& table) {
  return "embedding." + table.name;
}

// What the tables of a file must hold before memory is asked for on its word.
Status CheckSizes(const base::SectionFile& file, const CandidateModelOptions& options,
                  const CandidateShape& shape) {
  const auto rows = [&](std::string_view name, uint64_t count, uint32_t dim) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(std::span<const float> values, file.Get<float>(name, count * dim));
    (void)values;
    return Ok();
  };
  for (size_t i = 0; i < shape.inputs.tables.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(rows(TableName(shape.inputs.tables[i]), shape.inputs.tables[i].rows,
                                TableDim(options, shape.inputs, i)));
  }
  if (!IsTied(options, shape.inputs)) {
    UPNEXT_RETURN_IF_ERROR(rows("items", shape.items, options.dim));
  }
  double floats = 0, input = static_cast<double>(LayoutOf(options, shape.inputs).width), bytes = 0;
  for (const size_t width : options.widths()) {
    floats += input * static_cast<double>(width);
    input = static_cast<double>(width);
  }
  for (const base::SectionFile::Section& section : file.sections()) {
    bytes += static_cast<double>(section.size);
  }
  if (floats * sizeof(float) > bytes) {
    return DataLoss(
        "{}: the options ask for {:.0f} bytes of tower weights, but the file holds {:.0f}; train "
        "again",
        file.path().string(), floats * sizeof(float), bytes);
  }
  return Ok();
}

Result<CandidateModelOptions> ReadOptions(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> numbers, file.Get<uint32_t>("options", 5));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> windows, file.Get<uint32_t>("windows"));
  CandidateModelOptions options;
  options.dim = numbers[0];
  options.embedding_dim = numbers[1];
  options.context_dim = numbers[2];
  options.depth = numbers[3];
  options.tie_items = numbers[4] != 0;
  options.recent_windows.assign(windows.begin(), windows.end());
  const auto fits = [](uint32_t dim) { return dim >= 1 && dim <= kMaxDim; };
  if (!fits(options.dim) || !fits(options.embedding_dim) || !fits(options.context_dim) ||
      options.depth > kMaxDepth || windows.size() > kMaxWindows ||
      (options.tie_items && options.dim != options.embedding_dim)) {
    return DataLoss("{}: the model's options are out of bounds; train again", file.path().string());
  }
  return options;
}

}  // namespace

CandidateModelOptions CandidateModelOptions::FromConfig(const base::ConfigTable& retrieval) {
  return FromConfig(retrieval, {});
}

CandidateModelOptions CandidateModelOptions::FromConfig(const base::ConfigTable& retrieval,
                                                        const CandidateModelOptions& defaults) {
  CandidateModelOptions options = defaults;
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(retrieval.Int(key, fallback, {.min = min, .max = max}));
  };
  options.dim = number("dim", options.dim, 1, kMaxDim);
  options.embedding_dim = number("embedding_dim", options.dim, 1, kMaxDim);
  options.context_dim = number("context_dim", options.context_dim, 1, kMaxDim);
  options.depth = number("depth", options.depth, 0, kMaxDepth);
  options.tie_items = retrieval.Bool("tie_items", options.tie_items);
  const std::vector<int64_t> windows(options.recent_windows.begin(), options.recent_windows.end());
  options.recent_windows.clear();
  for (const int64_t window : retrieval.Ints("recent_windows", windows, {.min = 1, .max = 1000})) {
    options.recent_windows.push_back(static_cast<uint32_t>(window));
  }
  options.half_tables = retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1;
  if (options.tie_items && options.dim != options.embedding_dim) {
    retrieval.Fail("tie_items", fmt::format("expected dim and embedding_dim to be equal, found {} "
                                            "and {}: one table cannot have two widths",
                                            options.dim, options.embedding_dim));
    options.embedding_dim = options.dim;
  }
  if (options.recent_windows.size() > kMaxWindows ||
      !std::is_sorted(options.recent_windows.begin(), options.recent_windows.end())) {
    retrieval.Fail("recent_windows",
                   fmt::format("expected at most {} ascending numbers, e.g. [1, 8]", kMaxWindows));
    options.recent_windows.clear();
  }
  return options;
}

std::vector<size_t> CandidateModelOptions::widths() const {
  std::vector<size_t> widths = {dim};
  for (uint32_t layer = 1; layer < depth; ++layer) {
    widths.insert(widths.begin(), widths.front() * 2);
  }
  return widths;
}

uint32_t TableDim(const CandidateModelOptions& options, const features::ModelShape& inputs,
                  size_t table) {
  return IsWide(inputs, table) ? options.embedding_dim : options.context_dim;
}

CandidateShape ShapeOf(const features::FeatureStatistics& tables) {
  return {.inputs = features::ShapeOf(tables, features::Model::kRetrieval),
          .items = tables.rows(tables.plan.FindVocabulary(features::kItemVocabulary))};
}

CandidateModel::CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape,
                               base::Rng& rng)
    : options_(options),
      shape_(shape),
      layout_(LayoutOf(options, shape.inputs)),
      tied_(IsTied(options, shape.inputs)),
      item_table_(shape.inputs.Find(features::kItemVocabulary)),
      tables_(TablesOf(options, shape.inputs, rng)),
      items_({.rows = tied_ ? 1 : shape.items, .dim = options.dim, .half = options.half_tables},
             rng),
      tower_(
          {.input = layout_.width, .widths = options.widths(), .last_linear = options.depth == 0},
          rng) {}

void CandidateModel::CutWindows(const features::FeatureBlock& batch,
                                std::vector<features::Bags>* windows) const {
  windows->resize(layout_.inputs.size());
  for (size_t i = 0; i < layout_.inputs.size(); ++i) {
    const CandidateLayout::Input& input = layout_.inputs[i];
    if (input.window == 0) continue;
    NewestOfBags(batch.categorical[input.slot], options_.recent_windows[input.window - 1],
                 &(*windows)[i]);
  }
}

void CandidateModel::BuildInput(const features::FeatureBlock& batch,
                                std::span<const features::Bags> windows, size_t begin, size_t end,
                                float* input) const {
  for (size_t i = 0; i < layout_.inputs.size(); ++i) {
    const CandidateLayout::Input& at = layout_.inputs[i];
    tables_[at.table].GatherMean(View(BagsOf(batch, windows, layout_, i), begin, end),
                                 input + at.offset, layout_.width);
  }
  const size_t numbers = layout_.width - layout_.dense;
  for (size_t i = 0; i < end - begin; ++i) {
    std::copy_n(batch.dense.data() + (begin + i) * numbers, numbers,
                input + i * layout_.width + layout_.dense);
  }
}

void CandidateModel::UserVectors(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                                 const nn::Compute& compute) const {
  constexpr size_t kGrain = 64;
  const size_t width = layout_.width;
  if (batch.rows == 0) return;
  scratch.input.resize(batch.rows * width);
  CutWindows(batch, &scratch.windows);
  base::ParallelFor(compute.pool, batch.rows, kGrain, [&](size_t begin, size_t end) {
    BuildInput(batch, scratch.windows, begin, end, scratch.input.data() + begin * width);
  });
  tower_.Infer(scratch.input.data(), batch.rows, out, scratch.tower, compute);
}

void CandidateModel::AppendTo(nn::Graph& graph) const {
  const std::string rows = "queries";
  std::vector<nn::BagInput> bags;
  for (const features::ModelShape::Slot& slot : shape_.inputs.query.slots) {
    bags.push_back(
        nn::AppendBagInput(graph, fmt::format("query.{}", slot.feature), rows, slot.list));
  }
  // The newest are the last.
  const auto newest = [&](const nn::Graph::Value& list, uint32_t window) {
    return graph.Op(
        "Slice", {list, graph.Ints({-int64_t{window}}), graph.Ints({INT64_MAX}), graph.Ints({1})});
  };
  std::vector<nn::Graph::Value> parts;
  for (const CandidateLayout::Input& input : layout_.inputs) {
    nn::BagInput bag = bags[input.slot];
    if (input.window > 0) {
      const uint32_t window = options_.recent_windows[input.window - 1];
      bag = {newest(bag.ids, window), newest(bag.weights, window)};
    }
    parts.push_back(nn::AppendMean(graph, bag, tables_[input.table]));
  }
  if (const size_t numbers = layout_.width - layout_.dense; numbers > 0) {
    parts.push_back(
        graph.Input("numbers.query", nn::Graph::Type::kFloat, {rows, fmt::format("{}", numbers)}));
  }
  graph.Output("user_vector", tower_.AppendTo(graph, graph.Concat(parts)),
               {rows, fmt::format("{}", options_.dim)});
}

const nn::EmbeddingTable& CandidateModel::item_vectors() const {
  return tied_ ? tables_[item_table_] : items_;
}

void CandidateModel::WidenTables() {
  for (nn::EmbeddingTable& table : tables_) table.Widen();
  items_.Widen();
  options_.half_tables = false;
}

std::vector<nn::Parameter> CandidateModel::Parameters() {
  std::vector<nn::Parameter> parameters;
  for (size_t i = 0; i < tables_.size(); ++i) {
    tables_[i].AppendParameters(TableName(shape_.inputs.tables[i]), parameters);
  }
  if (!tied_) items_.AppendParameters("items", parameters);
  tower_.AppendParameters("tower", parameters);
  return parameters;
}

Status CandidateModel::Save(const std::filesystem::path& path, uint64_t features_digest) const {
  UPNEXT_ASSIGN_OR_RETURN(
      base::SectionWriter writer,
      base::SectionWriter::Create(path, kCandidateModelKind, kCandidateModelVersion));
  const std::array<uint32_t, 5> numbers = {options_.dim, options_.embedding_dim,
                                           options_.context_dim, options_.depth,
                                           options_.tie_items ? 1u : 0u};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("features_digest", std::span(&features_digest, 1)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("options", std::span<const uint32_t>(numbers)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("windows", options_.recent_windows));
  UPNEXT_RETURN_IF_ERROR(shape_.inputs.Save(writer));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("shape.items", std::span(&shape_.items, 1)));
  // Parameters are views for reading and writing alike; saving only reads.
  const std::vector<nn::Parameter> parameters = const_cast<CandidateModel*>(this)->Parameters();
  UPNEXT_RETURN_IF_ERROR(nn::SaveParameters(writer, parameters));
  return writer.Commit();
}

Result<CandidateModel> CandidateModel::Load(const std::filesystem::path& path,
                                            uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, base::SectionFile::Open(path, kCandidateModelKind,
                                                                          kCandidateModelVersion));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> digest,
                          file.Get<uint64_t>("features_digest", 1));
  if (digest[0] != features_digest) {
    return FailedPrecondition(
        "{}: the model was trained with features of digest {:016x}, those at hand have {:016x}; "
        "use the features of its own bundle or train again",
        path.string(), digest[0], features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(const CandidateModelOptions options, ReadOptions(file));
  CandidateShape shape;
  UPNEXT_ASSIGN_OR_RETURN(shape.inputs, features::ModelShape::Load(file));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> items, file.Get<uint32_t>("shape.items", 1));
  shape.items = items[0];
  if (shape.items == 0) return DataLoss("{}: a softmax without rows; train again", path.string());
  UPNEXT_RETURN_IF_ERROR(CheckSizes(file, options, shape));
  base::Rng rng(0);
  CandidateModel model(options, shape, rng);
  UPNEXT_RETURN_IF_ERROR(nn::LoadParameters(file, model.Parameters()));
  return model;
}

void NewestOfBags(const features::Bags& bags, uint32_t window, features::Bags* newest) {
  newest->Clear();
  for (size_t i = 0; i < bags.size(); ++i) {
    const uint32_t begin = bags.offsets[i], end = bags.offsets[i + 1];
    const uint32_t from = end - std::min(window, end - begin);
    newest->Append(bags, from, end);
    newest->Close();
  }
}

}  // namespace upnext::retrieval
