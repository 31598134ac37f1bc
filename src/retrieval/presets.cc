#include "retrieval/presets.h"

#include <array>

namespace upnext::retrieval {
namespace {

constexpr const char* kAuto = "auto";

// A mean of the history and of its newest items in a linear model: with dropout it is hard to beat
// where items have few events.
CandidatePreset Linear() {
  CandidatePreset preset{.name = "linear", .model = {}, .train = {}};
  preset.model.depth = 0;
  preset.model.recent_windows = {1, 5};
  preset.train.dropout = 0.3f;
  preset.train.table_learning_rate = 0.1f;
  return preset;
}

// The next item depends on the last ones: one table for both, so that what follows an item is near
// it from the start, and half of the input dropped.
CandidatePreset Sequence() {
  CandidatePreset preset{.name = "sequence", .model = {}, .train = {}};
  preset.model.dim = preset.model.embedding_dim = 128;
  preset.model.depth = 0;
  preset.model.tie_items = true;
  preset.model.recent_windows = {1, 3};
  preset.train.batch = 512;
  preset.train.negatives = 4096;
  preset.train.dropout = 0.5f;
  preset.train.table_learning_rate = 0.1f;
  return preset;
}

// The paper's tower over the mean of the history.
CandidatePreset Watch() { return {.name = "watch", .model = {}, .train = {}}; }

// A small tower that sees what is recent.
CandidatePreset Deep() {
  CandidatePreset preset{.name = "deep", .model = {}, .train = {}};
  preset.model.depth = 1;
  preset.model.recent_windows = {1, 5};
  preset.train.dropout = 0.3f;
  return preset;
}

// Self-attention over the order of the history, and the softmax of all items.
CandidatePreset Attention() {
  CandidatePreset preset{.name = "attention", .model = {}, .train = {}};
  preset.model.encoder = "attention";
  preset.model.dim = preset.model.embedding_dim = 128;
  preset.model.depth = 0;
  preset.model.tie_items = true;
  preset.train.batch = 2048;
  preset.train.negatives = 0;
  preset.train.dropout = 0.3f;
  preset.train.max_per_user = 200;
  preset.train.epochs = 100;
  preset.train.patience = 10;
  preset.train.table_optimiser = CandidateTrainOptions::TableOptimiser::kAdam;
  preset.train.table_learning_rate = 1e-3f;
  return preset;
}

}  // namespace

PresetOptions PresetOptions::FromConfig(const base::ConfigTable& retrieval) {
  // "auto" chooses among the first four: a training of attention takes far longer than theirs.
  constexpr size_t kSearched = 4;
  const std::array<CandidatePreset, 5> all = {Linear(), Sequence(), Deep(), Watch(), Attention()};
  std::vector<std::string> names = {kAuto};
  for (const CandidatePreset& preset : all) names.push_back(preset.name);
  const size_t choice = retrieval.Choice("preset", names, 0);
  PresetOptions options;
  for (size_t i = 0; i < all.size(); ++i) {
    if (choice == 0 ? i >= kSearched : choice != i + 1) continue;
    CandidatePreset preset = all[i];
    preset.model.items = ItemEncoder::kContent;
    // One table cannot have two widths.
    if (retrieval.Has("embedding_dim")) preset.model.tie_items = false;
    preset.model = CandidateModelOptions::FromConfig(retrieval, preset.model);
    preset.train = CandidateTrainOptions::FromConfig(retrieval, preset.train);
    options.presets.push_back(std::move(preset));
  }
  options.search_examples = static_cast<uint64_t>(
      retrieval.Int("search_examples", static_cast<int64_t>(options.search_examples),
                    {.min = 0, .max = INT64_C(1'000'000'000'000)}));
  options.search_seconds =
      retrieval.Real("search_seconds", options.search_seconds, {.min = 0, .max = 1e6});
  return options;
}

}  // namespace upnext::retrieval
