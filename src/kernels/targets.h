// The instruction sets of this processor that our kernels are compiled for.
//
//   UsableTargets()      {"AVX3", "AVX2"}; SimdName() is the one in use
//
// Any thread.
#ifndef UPNEXT_KERNELS_TARGETS_H_
#define UPNEXT_KERNELS_TARGETS_H_

#include <string_view>
#include <vector>

namespace upnext::kernels {

// The best one first. The limit of isa.h leaves some out.
std::vector<std::string_view> UsableTargets();

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_TARGETS_H_
