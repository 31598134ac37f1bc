#include "ranking/architecture.h"

#include <fmt/ranges.h>

#include <array>
#include <utility>

#include "ranking/linear.h"
#include "ranking/shared_bottom.h"

namespace upnext::ranking {
namespace {

using Maker = std::unique_ptr<Architecture> (*)(const ArchitectureOptions&, base::Rng&);

// The first is the default.
constexpr std::array kArchitectures{
    std::pair<std::string_view, Maker>{"shared-bottom", MakeSharedBottom},
    std::pair<std::string_view, Maker>{"linear", MakeLinear},
};

}  // namespace

std::vector<std::string> ArchitectureNames() {
  std::vector<std::string> names;
  for (const auto& [name, maker] : kArchitectures) names.emplace_back(name);
  return names;
}

Result<std::unique_ptr<Architecture>> MakeArchitecture(std::string_view name,
                                                       const ArchitectureOptions& options,
                                                       base::Rng& rng) {
  for (const auto& [known, maker] : kArchitectures) {
    if (known == name) return maker(options, rng);
  }
  return InvalidArgument("unknown ranking architecture '{}'; known: {}", name,
                         fmt::join(ArchitectureNames(), ", "));
}

}  // namespace upnext::ranking
