#include "kernels/isa.h"

#include <cstdlib>
#include <string_view>

#include "hwy/targets.h"

namespace upnext::kernels {

bool LimitIsa() noexcept {
  static const bool limited = [] {
    const char* const value = std::getenv("UPNEXT_MAX_ISA");
    if (value == nullptr || std::string_view(value) != "AVX2") return false;
    // Among the targets of one processor family, better targets have lower bits; other families
    // have higher bits.
    hwy::DisableTargets(HWY_AVX2 - 1);
    return true;
  }();
  return limited;
}

}  // namespace upnext::kernels
