#include <fmt/format.h>

#include <numeric>

#include "base/rng.h"
#include "ranking/architectures.h"
#include "ranking/mixture.h"

namespace upnext::ranking {
namespace {

// Experts are numbered task by task, then the shared ones; streams and gates likewise.
MixLevel PlanLevel(const ArchitectureOptions& options, size_t tasks, size_t level) {
  const bool first = level == 0, last = level + 1 == options.levels;
  const size_t own = options.task_experts, shared = tasks * own;
  const auto stream = [&](size_t of) { return first ? 0 : of; };
  MixLevel plan{
      .mix = {.streams = first ? std::vector<size_t>{options.widths.back()}
                               : std::vector<size_t>(tasks + 1, options.expert_widths.back()),
              .experts = {},
              .gates = {},
              .widths = options.expert_widths,
              .layer = options.expert_layer,
              .gate_dropout = options.gate_dropout}};
  for (size_t k = 0; k < tasks; ++k) {
    ExpertMixOptions::Gate gate{.stream = stream(k), .experts = {}};
    for (size_t e = 0; e < own; ++e) {
      gate.experts.push_back(plan.mix.experts.size());
      plan.mix.experts.push_back(stream(k));
      plan.names.push_back(fmt::format("task {}, {}", k, e));
    }
    for (size_t e = 0; e < options.experts; ++e) gate.experts.push_back(shared + e);
    plan.mix.gates.push_back(std::move(gate));
  }
  for (size_t e = 0; e < options.experts; ++e) {
    plan.mix.experts.push_back(stream(tasks));
    plan.names.push_back(fmt::format("shared {}", e));
  }
  if (!last) {
    std::vector<size_t> all(plan.mix.experts.size());
    std::iota(all.begin(), all.end(), size_t{0});
    plan.mix.gates.push_back({.stream = stream(tasks), .experts = std::move(all)});
  }
  return plan;
}

}  // namespace

std::unique_ptr<Architecture> MakePle(const ArchitectureOptions& options, const NetShape& shape,
                                      base::Rng& rng) {
  std::vector<MixLevel> levels;
  for (size_t level = 0; level < options.levels; ++level) {
    levels.push_back(PlanLevel(options, shape.tasks(), level));
  }
  return std::make_unique<Mixture>(options, shape, std::move(levels), rng);
}

}  // namespace upnext::ranking
