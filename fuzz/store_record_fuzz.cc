// store::DecodeRecord on any bytes. A decoded record must encode to bytes that decode to the same.
#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "store/record_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  static const schema::Schema schema = fuzz::TestSchema();
  const std::string bytes(fuzz::TextOf(data, size));
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    const auto record = store::DecodeRecord(schema, entity, bytes);
    if (!record) continue;
    const std::string again = store::EncodeRecord(schema, entity, *record);
    const auto second = store::DecodeRecord(schema, entity, again);
    FUZZ_REQUIRE(
        second && second->deleted == record->deleted && second->attributes == record->attributes,
        "what was encoded can be decoded");
    FUZZ_REQUIRE(again.size() <= bytes.size(), "decoding adds nothing");
    FUZZ_REQUIRE(!record->deleted || record->attributes.empty(), "nothing is known of the deleted");
    fuzz::Accepted();
  }
  return 0;
}
