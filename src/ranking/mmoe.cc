#include <fmt/format.h>

#include <numeric>

#include "base/rng.h"
#include "ranking/architectures.h"
#include "ranking/mixture.h"

namespace upnext::ranking {

std::unique_ptr<Architecture> MakeMmoe(const ArchitectureOptions& options, const NetShape& shape,
                                       base::Rng& rng) {
  MixLevel level{.mix = {.streams = {options.widths.back()},
                         .experts = std::vector<size_t>(options.experts, 0),
                         .gates = {},
                         .widths = options.expert_widths,
                         .layer = options.expert_layer,
                         .gate_dropout = options.gate_dropout}};
  size_t gate_stream = 0;
  if (options.gates_on_input) {
    gate_stream = 1;
    level.mix.streams.push_back(shape.input.query + shape.input.impression);
  }
  std::vector<size_t> all(options.experts);
  std::iota(all.begin(), all.end(), size_t{0});
  level.mix.gates.assign(shape.tasks(), {gate_stream, all});
  for (const size_t expert : all) level.names.push_back(fmt::format("shared {}", expert));
  return std::make_unique<Mixture>(options, shape, std::vector{std::move(level)}, rng);
}

}  // namespace upnext::ranking
