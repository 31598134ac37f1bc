// net::Gunzip on any bytes, and net::AcceptsGzip on any header.
#include "fuzz/harness.h"
#include "net/gzip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  constexpr uint64_t kMost = 100'000;
  const std::string bytes(fuzz::TextOf(data, size));
  net::AcceptsGzip(bytes);
  if (const auto text = net::Gunzip(bytes, kMost)) {
    FUZZ_REQUIRE(text->size() <= kMost, "more than allowed");
    fuzz::Accepted();
  } else {
    FUZZ_REQUIRE(text.error().code == Code::kInvalidArgument ||
                     text.error().code == Code::kResourceExhausted,
                 "the error is the client's");
  }
  const auto again = net::Gunzip(net::Gzip(bytes), size);
  FUZZ_REQUIRE(again && *again == bytes, "what was compressed must come back");
  return 0;
}
