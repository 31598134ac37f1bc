#include "retrieval/candidate_model.h"

#include <algorithm>
#include <array>

#include "base/section_file.h"
#include "nn/checkpoint.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kMaxDim = 4096, kMaxDepth = 8, kMaxWindows = 8;

size_t InputWidth(const CandidateModelOptions& options) {
  return (2 + options.recent_windows.size()) * options.embedding_dim + 2 * options.context_dim +
         features::kCandidateDense;
}

nn::TowerOptions TowerOf(const CandidateModelOptions& options) {
  return {
      .input = InputWidth(options), .widths = options.widths(), .last_linear = options.depth == 0};
}

// What the tables of a file must hold before memory is asked for on its word.
Status CheckSizes(const base::SectionFile& file, const CandidateModelOptions& options,
                  const CandidateShape& shape) {
  const auto rows = [&](std::string_view name, uint64_t count, uint32_t dim) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(std::span<const float> values, file.Get<float>(name, count * dim));
    (void)values;
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(rows("watches", shape.items, options.embedding_dim));
  UPNEXT_RETURN_IF_ERROR(rows("tokens", shape.tokens, options.embedding_dim));
  UPNEXT_RETURN_IF_ERROR(rows("regions", shape.regions, options.context_dim));
  UPNEXT_RETURN_IF_ERROR(rows("devices", shape.devices, options.context_dim));
  if (!options.tie_items) UPNEXT_RETURN_IF_ERROR(rows("items", shape.items, options.dim));
  double floats = 0, input = static_cast<double>(InputWidth(options)), bytes = 0;
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
  CandidateModelOptions options;
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(retrieval.Int(key, fallback, {.min = min, .max = max}));
  };
  options.dim = number("dim", options.dim, 1, kMaxDim);
  options.embedding_dim = number("embedding_dim", options.dim, 1, kMaxDim);
  options.context_dim = number("context_dim", options.context_dim, 1, kMaxDim);
  options.depth = number("depth", options.depth, 0, kMaxDepth);
  options.tie_items = retrieval.Bool("tie_items", options.tie_items);
  for (const int64_t window : retrieval.Ints("recent_windows", {}, {.min = 1, .max = 1000})) {
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

CandidateShape ShapeOf(const features::FeatureStatistics& tables) {
  // A vocabulary that nothing was learned for may have no rows at all; row 0 exists all the same.
  const auto rows = [&](features::VocabularyId id) {
    return std::max<uint32_t>(1, tables.vocabulary(id).rows());
  };
  return {.items = rows(features::VocabularyId::kItem),
          .tokens = std::max<uint32_t>(1, tables.tokens.rows()),
          .regions = rows(features::VocabularyId::kRegion),
          .devices = rows(features::VocabularyId::kDevice)};
}

CandidateModel::CandidateModel(const CandidateModelOptions& options, const CandidateShape& shape,
                               base::Rng& rng)
    : options_(options),
      shape_(shape),
      watches_({.rows = shape.items, .dim = options.embedding_dim, .half = options.half_tables},
               rng),
      tokens_({.rows = shape.tokens, .dim = options.embedding_dim, .half = options.half_tables},
              rng),
      regions_({.rows = shape.regions, .dim = options.context_dim}, rng),
      devices_({.rows = shape.devices, .dim = options.context_dim}, rng),
      items_({.rows = options.tie_items ? 1 : shape.items,
              .dim = options.dim,
              .half = options.half_tables},
             rng),
      tower_(TowerOf(options), rng) {}

CandidateLayout CandidateModel::layout() const {
  CandidateLayout layout{};
  layout.windows = layout.watches + options_.embedding_dim;
  layout.tokens = layout.windows + options_.recent_windows.size() * options_.embedding_dim;
  layout.region = layout.tokens + options_.embedding_dim;
  layout.device = layout.region + options_.context_dim;
  layout.dense = layout.device + options_.context_dim;
  layout.width = layout.dense + features::kCandidateDense;
  return layout;
}

void CandidateModel::CutWindows(const features::CandidateBatch& batch,
                                std::vector<features::Bags>* windows) const {
  windows->resize(options_.recent_windows.size());
  for (size_t w = 0; w < windows->size(); ++w) {
    NewestOfBags(batch.watches, options_.recent_windows[w], &(*windows)[w]);
  }
}

void CandidateModel::BuildInput(const features::CandidateBatch& batch,
                                std::span<const features::Bags> windows, size_t begin, size_t end,
                                float* input) const {
  const CandidateLayout at = layout();
  const size_t n = end - begin;
  watches_.GatherMean(View(batch.watches, begin, end), input + at.watches, at.width);
  for (size_t w = 0; w < windows.size(); ++w) {
    watches_.GatherMean(View(windows[w], begin, end),
                        input + at.windows + w * options_.embedding_dim, at.width);
  }
  tokens_.GatherMean(View(batch.tokens, begin, end), input + at.tokens, at.width);
  regions_.GatherRows(std::span(batch.region).subspan(begin, n), input + at.region, at.width);
  devices_.GatherRows(std::span(batch.device).subspan(begin, n), input + at.device, at.width);
  for (size_t i = 0; i < n; ++i) {
    std::copy_n(batch.dense.data() + (begin + i) * features::kCandidateDense,
                features::kCandidateDense, input + i * at.width + at.dense);
  }
}

void CandidateModel::UserVectors(const features::CandidateBatch& batch, float* out,
                                 Scratch& scratch, const nn::Compute& compute) const {
  constexpr size_t kGrain = 64;
  const size_t width = layout().width;
  if (batch.size() == 0) return;
  scratch.input.resize(batch.size() * width);
  CutWindows(batch, &scratch.windows);
  base::ParallelFor(compute.pool, batch.size(), kGrain, [&](size_t begin, size_t end) {
    BuildInput(batch, scratch.windows, begin, end, scratch.input.data() + begin * width);
  });
  tower_.Infer(scratch.input.data(), batch.size(), out, scratch.tower, compute);
}

const nn::EmbeddingTable& CandidateModel::item_vectors() const {
  return options_.tie_items ? watches_ : items_;
}

void CandidateModel::WidenTables() {
  for (nn::EmbeddingTable* table : {&watches_, &tokens_, &items_}) table->Widen();
  options_.half_tables = false;
}

std::vector<nn::Parameter> CandidateModel::Parameters() {
  std::vector<nn::Parameter> parameters;
  watches_.AppendParameters("watches", parameters);
  tokens_.AppendParameters("tokens", parameters);
  regions_.AppendParameters("regions", parameters);
  devices_.AppendParameters("devices", parameters);
  if (!options_.tie_items) items_.AppendParameters("items", parameters);
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
  const std::array<uint32_t, 4> shape = {shape_.items, shape_.tokens, shape_.regions,
                                         shape_.devices};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("features_digest", std::span(&features_digest, 1)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("options", std::span<const uint32_t>(numbers)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("windows", options_.recent_windows));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("shape", std::span<const uint32_t>(shape)));
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
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> rows, file.Get<uint32_t>("shape", 4));
  const CandidateShape shape{rows[0], rows[1], rows[2], rows[3]};
  if (std::ranges::find(rows, 0u) != rows.end()) {
    return DataLoss("{}: a table without rows; train again", path.string());
  }
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
    newest->ids.insert(newest->ids.end(), bags.ids.begin() + from, bags.ids.begin() + end);
    newest->Close();
  }
}

}  // namespace upnext::retrieval
