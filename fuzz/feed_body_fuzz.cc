// net::ParseFeedBody on any body of POST /v1/recommendations, and what is read from it.
#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "net/feed_body.h"
#include "net/feed_request.h"
#include "net/feed_rows.h"
#include "schema/values.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  // A buffer of exactly this size, so that reading beyond the end is detected.
  const std::string body(fuzz::TextOf(data, size));
  static const schema::Schema schema = fuzz::TestSchema();
  auto body_asked = net::ParseFeedBody(schema, body);
  FUZZ_REQUIRE(body_asked || body_asked.error().code == Code::kInvalidArgument,
               "a parse error is the client's error");
  if (!body_asked) return 0;
  const auto asked = net::ReadFeed(*std::move(body_asked), schema);
  FUZZ_REQUIRE(asked || asked.error().code == Code::kInvalidArgument, "the client's error");
  if (!asked) return 0;
  const serving::Request& request = asked->request;
  FUZZ_REQUIRE(schema::CheckId(request.user).has_value(), "user");
  FUZZ_REQUIRE(request.n >= 1 && request.last() <= net::kMaxFeedItems, "number of items");
  FUZZ_REQUIRE(asked->rows.size() <= net::kMaxFeedRows, "rows");
  for (const auto& row : asked->rows) FUZZ_REQUIRE(row.n >= 1 && row.each >= 1, "a row");
  FUZZ_REQUIRE(request.exclude.size() <= net::kMaxFeedIds, "excluded items");
  FUZZ_REQUIRE(
      schema::CheckDeclared(schema, schema::Entity::kRequest, request.attributes).has_value(),
      "attributes");
  fuzz::Accepted();
  return 0;
}
