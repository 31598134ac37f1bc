// net::ParseByFilter on any target and body of PATCH and DELETE of /v1/items?filter= and /v1/users?filter=. The first line is the
// target, the rest is the body.
#include <algorithm>

#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "net/entities_by_filter.h"
#include "net/parameters.h"
#include "schema/values.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string_view input = fuzz::TextOf(data, size);
  const size_t end = std::min(input.find('\n'), input.size());
  // Buffers of exactly these sizes, so that reading beyond the end is detected.
  const std::string target(input.substr(0, end)),
      body(input.substr(std::min(end + 1, input.size())));
  static const schema::Schema schema = fuzz::TestSchema();
  const auto url = net::ParseTarget(target);
  FUZZ_REQUIRE(url || url.error().code == Code::kInvalidArgument, "the client's error");
  if (!url) return 0;
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    for (const std::string_view method : {"PATCH", "DELETE"}) {
      const auto asked = net::ParseByFilter(
          schema, entity, {.method = method, .target = target, .content_type = "", .body = body},
          *url);
      FUZZ_REQUIRE(asked || asked.error().code == Code::kInvalidArgument, "the client's error");
      if (!asked) continue;
      FUZZ_REQUIRE(!asked->filter.empty(), "not without a condition");
      const auto& attributes = asked->change.row.attributes;
      FUZZ_REQUIRE(method == "PATCH" || attributes.empty(), "a deletion sets nothing");
      FUZZ_REQUIRE(schema::CheckEntity(schema, entity, {"any", attributes}).has_value(),
                   "values of the schema");
      fuzz::Accepted();
    }
  }
  return 0;
}
