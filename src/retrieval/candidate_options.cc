#include "retrieval/candidate_options.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "features/state_spec.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kMaxDim = 4096, kMaxDepth = 8, kMaxWindows = 8, kMaxEnsemble = 16;
constexpr uint32_t kMaxLength = features::kMaxBagLimit, kMaxBlocks = 32, kMaxHidden = 16384;

}  // namespace

ItemEncoder ItemEncoderFromConfig(const base::ConfigTable& retrieval, ItemEncoder fallback) {
  const std::vector<std::string> names(std::begin(kItemEncoders), std::end(kItemEncoders));
  return static_cast<ItemEncoder>(retrieval.Choice("items", names, static_cast<size_t>(fallback)));
}

CandidateModelOptions CandidateModelOptions::FromConfig(const base::ConfigTable& retrieval) {
  return FromConfig(retrieval, {});
}

CandidateModelOptions CandidateModelOptions::FromConfig(const base::ConfigTable& retrieval,
                                                        const CandidateModelOptions& defaults) {
  CandidateModelOptions options = defaults;
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(retrieval.Int(key, fallback, {.min = min, .max = max}));
  };
  const std::vector<std::string> encoders = EncoderNames();
  const auto encoder = std::ranges::find(encoders, defaults.encoder);
  options.encoder = encoders[retrieval.Choice("encoder", encoders,
                                              static_cast<size_t>(encoder - encoders.begin()))];
  options.items = ItemEncoderFromConfig(retrieval, defaults.items);
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
  const std::vector<std::string> poolings(std::begin(kPoolings), std::end(kPoolings));
  options.pooling = static_cast<Pooling>(
      retrieval.Choice("pooling", poolings, static_cast<size_t>(options.pooling)));
  options.sequence_length = number("sequence_length", options.sequence_length, 1, kMaxLength);
  options.blocks = number("blocks", options.blocks, 1, kMaxBlocks);
  options.heads = number("heads", options.heads, 1, kMaxDim);
  options.hidden = number("hidden", options.hidden, 0, kMaxHidden);
  options.half_tables = retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1;
  options.ensemble = number("ensemble", options.ensemble, 1, kMaxEnsemble);
  if (options.ensemble * options.dim > kMaxDim) {
    retrieval.Fail("ensemble", fmt::format("expected at most {} numbers in a vector, found {} "
                                           "models of {}; lower ensemble or dim",
                                           kMaxDim, options.ensemble, options.dim));
    options.ensemble = 1;
  }
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

Status CandidateModelOptions::Save(base::SectionWriter& writer) const {
  const std::array<uint32_t, 11> numbers = {dim,
                                            embedding_dim,
                                            context_dim,
                                            depth,
                                            tie_items ? 1u : 0u,
                                            static_cast<uint32_t>(pooling),
                                            sequence_length,
                                            blocks,
                                            heads,
                                            hidden,
                                            ensemble};
  const std::string item_encoder(kItemEncoders[static_cast<size_t>(items)]);
  UPNEXT_RETURN_IF_ERROR(
      base::AddStrings(writer, "encoders", std::vector<std::string>{encoder, item_encoder}));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("options", std::span<const uint32_t>(numbers)));
  return writer.Add<uint32_t>("windows", recent_windows);
}

Result<CandidateModelOptions> CandidateModelOptions::Load(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(const base::StringTable names, base::StringTable::Get(file, "encoders"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> numbers, file.Get<uint32_t>("options", 11));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> windows, file.Get<uint32_t>("windows"));
  CandidateModelOptions options;
  options.dim = numbers[0];
  options.embedding_dim = numbers[1];
  options.context_dim = numbers[2];
  options.depth = numbers[3];
  options.tie_items = numbers[4] != 0;
  options.sequence_length = numbers[6];
  options.blocks = numbers[7];
  options.heads = numbers[8];
  options.hidden = numbers[9];
  options.ensemble = numbers[10];
  options.recent_windows.assign(windows.begin(), windows.end());
  const auto within = [](uint32_t number, uint32_t least, uint32_t most) {
    return number >= least && number <= most;
  };
  const auto fits = [&](uint32_t dim) { return within(dim, 1, kMaxDim); };
  if (!fits(options.dim) || !fits(options.embedding_dim) || !fits(options.context_dim) ||
      options.depth > kMaxDepth || windows.size() > kMaxWindows ||
      numbers[5] >= std::size(kPoolings) || !within(options.sequence_length, 1, kMaxLength) ||
      !within(options.blocks, 1, kMaxBlocks) || !within(options.heads, 1, kMaxDim) ||
      options.hidden > kMaxHidden || !within(options.ensemble, 1, kMaxEnsemble) ||
      options.ensemble * options.dim > kMaxDim ||
      (options.tie_items && options.dim != options.embedding_dim)) {
    return DataLoss("{}: the model's options are out of bounds; train again", file.path().string());
  }
  UPNEXT_RETURN_IF_ERROR(options.SetEncoders(names, file));
  options.pooling = static_cast<Pooling>(numbers[5]);
  return options;
}

Status CandidateModelOptions::SetEncoders(const base::StringTable& names,
                                          const base::SectionFile& file) {
  if (names.size() != 2) {
    return DataLoss("{}: expected the names of two encoders, found {}; train again",
                    file.path().string(), names.size());
  }
  encoder = names[0];
  if (const auto known = EncoderNames(); std::ranges::find(known, encoder) == known.end()) {
    return DataLoss("{}: expected one of the user encoders {}, found '{}'; train again",
                    file.path().string(), fmt::join(known, ", "), encoder);
  }
  const auto known_items = std::ranges::find(kItemEncoders, names[1]);
  if (known_items == std::end(kItemEncoders)) {
    return DataLoss("{}: expected one of the item encoders {}, found '{}'; train again",
                    file.path().string(), fmt::join(kItemEncoders, ", "), names[1]);
  }
  items = static_cast<ItemEncoder>(known_items - std::begin(kItemEncoders));
  return Ok();
}

std::vector<size_t> CandidateModelOptions::widths() const {
  std::vector<size_t> widths = {dim};
  for (uint32_t layer = 1; layer < depth; ++layer) {
    widths.insert(widths.begin(), widths.front() * 2);
  }
  return widths;
}

bool IsWide(const features::ModelShape& inputs, size_t table) {
  return std::ranges::any_of(inputs.query.slots, [&](const features::ModelShape::Slot& slot) {
    return slot.table == table && slot.list;
  });
}

uint32_t TableDim(const CandidateModelOptions& options, const features::ModelShape& inputs,
                  size_t table) {
  return IsWide(inputs, table) ? options.embedding_dim : options.context_dim;
}

size_t QueryTables(const features::ModelShape& inputs) {
  size_t tables = 0;
  for (const features::ModelShape::Slot& slot : inputs.query.slots) {
    tables = std::max<size_t>(tables, slot.table + 1);
  }
  return tables;
}

bool IsTied(const CandidateModelOptions& options, const features::ModelShape& inputs) {
  const size_t table = inputs.Find(features::kItemVocabulary);
  return options.tie_items && table < inputs.tables.size() && IsWide(inputs, table);
}

CandidateShape ShapeOf(const features::FeatureStatistics& tables) {
  return {.inputs = features::ShapeOf(tables, features::Model::kRetrieval),
          .items = tables.rows(tables.plan.FindVocabulary(features::kItemVocabulary))};
}

}  // namespace upnext::retrieval
