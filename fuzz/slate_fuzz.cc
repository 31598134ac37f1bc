// serving::DecodeSlate on any bytes. A decoded slate must encode to bytes that decode to the same.
#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "serving/slate_record.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  static const schema::Schema schema = fuzz::TestSchema();
  const store::StoredSlate stored{
      .request = 7, .time_ms = 1, .user = "u", .bytes = std::string(fuzz::TextOf(data, size))};
  const auto record = serving::DecodeSlate(schema, stored);
  if (!record) return 0;
  store::StoredSlate again = stored;
  again.bytes = serving::EncodeSlate(schema, *record);
  const auto second = serving::DecodeSlate(schema, again);
  FUZZ_REQUIRE(second, "what was encoded can be decoded");
  FUZZ_REQUIRE(serving::EncodeSlate(schema, *second) == again.bytes, "it stays the same");
  FUZZ_REQUIRE(serving::DifferenceOf(record->items, second->items).empty(), "the same answer");
  FUZZ_REQUIRE(serving::ImpressionsOf(*record).size() == record->items.size(), "each was shown");
  fuzz::Accepted();
  return 0;
}
