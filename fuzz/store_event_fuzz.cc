// store::DecodeEvent on any bytes. A decoded event must encode to bytes that decode to the same event,
// and to the same bytes where the schema declares all that they name.
#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "store/event_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  static const schema::Schema schema = fuzz::TestSchema();
  const std::string bytes(fuzz::TextOf(data, size));
  const auto event = store::DecodeEvent(schema, bytes);
  if (!event || !*event) return 0;
  const std::string again = store::EncodeEvent(schema, **event, (*event)->id);
  const auto second = store::DecodeEvent(schema, again);
  FUZZ_REQUIRE(second && *second, "what was encoded can be decoded");
  FUZZ_REQUIRE(store::EncodeEvent(schema, **second, (*second)->id) == again,
               "a stored event has one encoding");
  FUZZ_REQUIRE(again.size() <= bytes.size(), "decoding adds nothing");
  fuzz::Accepted();
  return 0;
}
