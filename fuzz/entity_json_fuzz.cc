// net::ParseRow and net::ParseRows on any body of the resources of items and users.
#include <algorithm>

#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "net/entity_json.h"
#include "schema/values.h"

namespace {

using namespace upnext;

void Check(const schema::Schema& schema, schema::Entity entity, const net::ParsedRow& row) {
  FUZZ_REQUIRE(schema::CheckEntity(schema, entity, row.row).has_value(), "a value of the schema");
  for (const auto& [number, text] : row.row.attributes) {
    FUZZ_REQUIRE(!text.empty(), "absent attributes are left out");
    FUZZ_REQUIRE(std::ranges::count(row.mentioned, number) == 1, "each attribute has one key");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A buffer of exactly this size, so that reading beyond the end is detected.
  const std::string body(fuzz::TextOf(data, size));
  static const schema::Schema schema = fuzz::TestSchema();
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    for (const auto format : {net::BodyFormat::kJson, net::BodyFormat::kLines}) {
      const auto rows = net::ParseRows(schema, entity, body, format);
      FUZZ_REQUIRE(rows || rows.error().code == Code::kInvalidArgument, "the client's error");
      if (!rows) continue;
      FUZZ_REQUIRE(rows->size() <= net::kMaxRows, "more than allowed");
      for (const net::ParsedRow& row : *rows) Check(schema, entity, row);
      if (!rows->empty()) fuzz::Accepted();
    }
    const auto row = net::ParseRow(schema, entity, "name", body);
    FUZZ_REQUIRE(row || row.error().code == Code::kInvalidArgument, "the client's error");
    if (!row) continue;
    FUZZ_REQUIRE(row->row.name == "name", "the name of the path");
    Check(schema, entity, *row);
    fuzz::Accepted();
  }
  return 0;
}
