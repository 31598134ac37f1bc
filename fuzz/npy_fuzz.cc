// A matrix of NumPy: base/npy.h.
#include "base/npy.h"
#include "fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const auto matrix = base::ParseNpy(fuzz::TextOf(data, size), "items.npy");
  if (!matrix) {
    FUZZ_REQUIRE(matrix.error().code == Code::kInvalidArgument, "a mistake of whoever wrote it");
    FUZZ_REQUIRE(matrix.error().message.size() < 400, "whatever the header says");
    return 0;
  }
  FUZZ_REQUIRE(matrix->rows > 0 && matrix->columns > 0, "a row and a column");
  FUZZ_REQUIRE(matrix->values.size() == matrix->rows * matrix->columns, "all numbers");
  FUZZ_REQUIRE(matrix->values.size() * sizeof(float) < size, "no more than the file has");
  fuzz::Accepted();
  return 0;
}
