// Limits the vector width of our kernels. With the environment variable UPNEXT_MAX_ISA=AVX2 every
// kernel of this room uses at most AVX2, and fp32 instead of bf16: to compare machines, or to test
// the code of other machines. Any other value, or none, means no limit; SimdName() and
// PrecisionName() return what is in use. ONEDNN_MAX_CPU_ISA does the same for oneDNN.
//
// Each file with dynamic dispatch applies the limit before its first call, and before main:
//
//   [[maybe_unused]] const bool kLimited = LimitIsa();
//
// Safe from any thread.
#ifndef UPNEXT_KERNELS_ISA_H_
#define UPNEXT_KERNELS_ISA_H_

namespace upnext::kernels {

// Reads the variable at the first call and sets Highway's limit. True when there is a limit.
bool LimitIsa() noexcept;

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_ISA_H_
