#include "kernels/targets.h"

#include "hwy/targets.h"
#include "kernels/isa.h"

namespace upnext::kernels {

std::vector<std::string_view> UsableTargets() {
  LimitIsa();
  std::vector<std::string_view> names;
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

}  // namespace upnext::kernels
