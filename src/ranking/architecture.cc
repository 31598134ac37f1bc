#include "ranking/architecture.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ranking/architectures.h"

namespace upnext::ranking {
namespace {

constexpr size_t kMaxLayers = 64, kMaxExperts = 256, kMaxLevels = 8;

struct Entry {
  std::string_view name;
  ArchitectureMaker* make;
  bool bottom, heads, experts, levels;  // which options it has
};

// The first is the default.
constexpr std::array kArchitectures{
    Entry{"tower", MakeTower, true, false, false, false},
    Entry{"shared-bottom", MakeSharedBottom, true, true, false, false},
    Entry{"mmoe", MakeMmoe, true, true, true, false},
    Entry{"ple", MakePle, true, true, true, true},
    Entry{"linear", MakeLinear, false, false, false, false},
};

const Entry* Find(std::string_view name) {
  const auto entry = std::ranges::find(kArchitectures, name, &Entry::name);
  return entry == kArchitectures.end() ? nullptr : &*entry;
}

bool HasLayers(const std::vector<size_t>& widths, size_t least) {
  return widths.size() >= least && widths.size() <= kMaxLayers;
}

Status CheckCount(std::string_view key, size_t count, size_t least, size_t most) {
  if (count >= least && count <= most) return Ok();
  return InvalidArgument("{}: expected {} to {}, found {}", key, least, most, count);
}

Status CheckOptions(const Entry& entry, const ArchitectureOptions& options) {
  if (entry.bottom) UPNEXT_RETURN_IF_ERROR(CheckWidths("widths", options.widths, 1));
  if (entry.heads) UPNEXT_RETURN_IF_ERROR(CheckWidths("task_widths", options.task_widths, 0));
  if (!entry.experts) return Ok();
  UPNEXT_RETURN_IF_ERROR(CheckWidths("expert_widths", options.expert_widths, 1));
  UPNEXT_RETURN_IF_ERROR(CheckCount("experts", options.experts, 1, kMaxExperts));
  if (entry.levels) {
    UPNEXT_RETURN_IF_ERROR(CheckCount("task_experts", options.task_experts, 0, kMaxExperts));
    UPNEXT_RETURN_IF_ERROR(CheckCount("levels", options.levels, 1, kMaxLevels));
  }
  if (options.gate_dropout >= 0 && options.gate_dropout < 1) return Ok();
  return InvalidArgument("gate_dropout: expected a number in [0, 1), found {}",
                         options.gate_dropout);
}

// Adds the weights of layers after `input` numbers; the width of the last becomes `input`.
double Layers(double* input, const std::vector<size_t>& widths) {
  double weights = 0;
  for (const size_t width : widths) {
    weights += *input * static_cast<double>(width);
    *input = static_cast<double>(width);
  }
  return weights;
}

}  // namespace

std::vector<size_t> WidthsFromConfig(const base::ConfigTable& table, std::string_view key,
                                     const std::vector<int64_t>& otherwise, size_t least) {
  std::vector<size_t> widths;
  for (const int64_t width : table.Ints(key, otherwise, {.min = 1, .max = kMaxWidth})) {
    widths.push_back(static_cast<size_t>(width));
  }
  if (!HasLayers(widths, least)) {
    table.Fail(key, fmt::format("expected the widths of {} to {} layers, e.g. {}, found {}", least,
                                kMaxLayers, otherwise, widths.size()));
  }
  return widths;
}

Status CheckWidths(std::string_view key, const std::vector<size_t>& widths, size_t least) {
  if (!HasLayers(widths, least)) {
    return InvalidArgument("{}: expected {} to {} layers, found {}", key, least, kMaxLayers,
                           widths.size());
  }
  for (const size_t width : widths) {
    if (width >= 1 && width <= kMaxWidth) continue;
    return InvalidArgument("{}: expected widths from 1 to {}, found {}", key, kMaxWidth, width);
  }
  return Ok();
}

ArchitectureOptions ArchitectureOptions::FromConfig(const base::ConfigTable& ranking) {
  ArchitectureOptions options;
  const std::vector<std::string> names = ArchitectureNames();
  options.name = names[ranking.Choice("architecture", names, 0)];
  const Entry& entry = *Find(options.name);
  if (entry.bottom) options.widths = WidthsFromConfig(ranking, "widths", {256, 128}, 1);
  if (entry.heads) options.task_widths = WidthsFromConfig(ranking, "task_widths", {32}, 0);
  const auto count = [&](std::string_view key, size_t otherwise, int64_t least, size_t most) {
    return static_cast<size_t>(ranking.Int(key, static_cast<int64_t>(otherwise),
                                           {.min = least, .max = static_cast<int64_t>(most)}));
  };
  if (entry.experts) {
    options.experts = count("experts", options.experts, 1, kMaxExperts);
    options.expert_widths = WidthsFromConfig(ranking, "expert_widths", {64}, 1);
    const std::vector<std::string> layers(std::begin(kExpertLayers), std::end(kExpertLayers));
    options.expert_layer = static_cast<ExpertLayer>(ranking.Choice("expert_layer", layers, 0));
    options.gate_dropout = static_cast<float>(ranking.Real(
        "gate_dropout", static_cast<double>(options.gate_dropout), {.min = 0, .max = 0.99}));
  }
  if (entry.experts && !entry.levels) {
    options.gates_on_input = ranking.Bool("gates_on_input", options.gates_on_input);
  }
  if (entry.levels) {
    options.task_experts = count("task_experts", options.task_experts, 0, kMaxExperts);
    options.levels = count("levels", options.levels, 1, kMaxLevels);
  }
  return options;
}

bool HasExperts(const ArchitectureOptions& options) {
  const Entry* const entry = Find(options.name);
  return entry != nullptr && entry->experts;
}

std::string Describe(const ArchitectureOptions& options) {
  const Entry* const entry = Find(options.name);
  std::string text = options.name;
  if (entry == nullptr) return text;
  if (entry->bottom) text += fmt::format(" {}", fmt::join(options.widths, "-"));
  if (entry->experts) {
    text += fmt::format(", {} experts", options.experts);
    if (entry->levels) text += fmt::format(" and {} of each task", options.task_experts);
    text += fmt::format(" {}", fmt::join(options.expert_widths, "-"));
    if (entry->levels) text += fmt::format(", levels {}", options.levels);
  }
  if (entry->heads && !options.task_widths.empty()) {
    text += fmt::format(", tasks {}", fmt::join(options.task_widths, "-"));
  }
  return text;
}

std::vector<std::string> ArchitectureNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kArchitectures) names.emplace_back(entry.name);
  return names;
}

bool HasSharedLayers(const ArchitectureOptions& options) {
  const Entry* const entry = Find(options.name);
  return entry != nullptr && entry->bottom;
}

Result<std::unique_ptr<Architecture>> MakeArchitecture(const ArchitectureOptions& options,
                                                       const NetShape& shape, base::Rng& rng) {
  const Entry* const entry = Find(options.name);
  if (entry == nullptr) {
    return InvalidArgument("unknown ranking architecture '{}'; known: {}", options.name,
                           fmt::join(ArchitectureNames(), ", "));
  }
  if (const Status fits = CheckOptions(*entry, options); !fits) {
    return InvalidArgument("the ranking architecture '{}': {}", options.name, fits.error().message);
  }
  return entry->make(options, shape, rng);
}

double WeightsOf(const ArchitectureOptions& options, const NetShape& shape) {
  const Entry* const entry = Find(options.name);
  if (entry == nullptr) return 0;
  const auto tasks = static_cast<double>(shape.tasks());
  const auto logits = static_cast<double>(shape.logits());
  double width =
      static_cast<double>(shape.input.query) + static_cast<double>(shape.input.impression);
  double weights = entry->bottom ? Layers(&width, options.widths) : 0;
  for (size_t level = 0; entry->experts && level < (entry->levels ? options.levels : 1); ++level) {
    const double own = entry->levels ? tasks * static_cast<double>(options.task_experts) : 0;
    weights += (own + static_cast<double>(options.experts)) * Layers(&width, options.expert_widths);
  }
  if (!entry->heads) return weights + logits * width;
  const double heads = Layers(&width, options.task_widths);
  return weights + tasks * heads + logits * width;
}

}  // namespace upnext::ranking
