// How wide our own vectors may be. The environment variable UPNEXT_MAX_ISA=AVX2 holds every kernel
// of this room to AVX2 on a machine that has more, and to fp32 where it would multiply bf16: to
// compare machines, or to test here what runs elsewhere. Any other value, and none, means no limit;
// SimdName() and PrecisionName() tell what really runs. ONEDNN_MAX_CPU_ISA does the same for
// oneDNN.
//
// Each file that dispatches holds itself to it before its first call, and before main:
//
//   [[maybe_unused]] const bool kLimited = LimitIsa();
//
// Safe from any thread.
#ifndef UPNEXT_KERNELS_ISA_H_
#define UPNEXT_KERNELS_ISA_H_

namespace upnext::kernels {

// Reads the variable once, at the first call, and sets Highway's limit. True when there is a limit.
bool LimitIsa() noexcept;

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_ISA_H_
