// store::DecodeEvent on any bytes. A decoded event must encode to the same bytes.
#include "fuzz/harness.h"
#include "store/event_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string bytes(fuzz::TextOf(data, size));
  const auto event = store::DecodeEvent(bytes);
  if (!event) return 0;
  FUZZ_REQUIRE(store::EncodeEvent(*event) == bytes, "a stored event has one encoding");
  fuzz::Accepted();
  return 0;
}
