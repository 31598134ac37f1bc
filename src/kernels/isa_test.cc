// Uses UPNEXT_MAX_ISA as set; CMakeLists.txt runs it with the limit, without the variable, and with
// a value that is ignored.
#include "kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string_view>

#include "kernels/gemm.h"
#include "kernels/vector_ops.h"

namespace upnext::kernels {
namespace {

bool Asked() {
  const char* const value = std::getenv("UPNEXT_MAX_ISA");
  return value != nullptr && std::string_view(value) == "AVX2";
}

// Queries the processor itself, since the limit changes Highway's answer.
bool MachineHasAvx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd");
#else
  return false;
#endif
}

TEST(MaxIsa, IsReadAsItStands) { EXPECT_EQ(LimitIsa(), Asked()); }

#if defined(__x86_64__)
TEST(MaxIsa, HoldsTheVectorsToAvx2AndNothingElseDoes) {
  EXPECT_EQ(SimdName() == "AVX2", Asked() || !MachineHasAvx512()) << SimdName();
}
#endif

TEST(MaxIsa, HoldsProductsToFp32) {
  if (Asked() || !MachineHasAvx512()) {
    EXPECT_FALSE(HasFastBf16());
    EXPECT_EQ(BestPrecision(), Precision::kFp32);
    EXPECT_EQ(PrecisionName(Precision::kBf16), "fp32");
  } else {
    // Without the limit, the processor and oneDNN's own variable decide.
    EXPECT_EQ(BestPrecision(), HasFastBf16() ? Precision::kBf16 : Precision::kFp32);
  }
}

}  // namespace
}  // namespace upnext::kernels
