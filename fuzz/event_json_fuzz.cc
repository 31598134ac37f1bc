// net::ParseEvents on any body of POST /v1/events.
#include <cmath>

#include "fuzz/harness.h"
#include "fuzz/test_schema.h"
#include "net/event_json.h"
#include "schema/values.h"

namespace {

using namespace upnext;

void Check(const schema::Schema& schema, std::string_view body, net::BodyFormat format) {
  const auto batch = net::ParseEvents(schema, body, format);
  if (!batch) {
    FUZZ_REQUIRE(batch.error().code == Code::kInvalidArgument,
                 "a parse error is the client's "
                 "error");
    return;
  }
  FUZZ_REQUIRE(batch->events.size() == batch->ids.size(), "an id for every event");
  FUZZ_REQUIRE(batch->events.size() <= net::kMaxEvents, "more events than allowed");
  for (const schema::RawEvent& event : batch->events) {
    FUZZ_REQUIRE(!event.user.empty() && event.user.size() <= net::kMaxIdBytes, "user");
    FUZZ_REQUIRE(event.item.empty() == (event.type == schema::EventType::kSearch), "item");
    FUZZ_REQUIRE(!std::isinf(event.value) && !(event.value < 0), "value");
    FUZZ_REQUIRE(std::isnan(event.propensity) || (event.propensity > 0 && event.propensity <= 1),
                 "propensity");
    FUZZ_REQUIRE(!std::isinf(event.source_score), "source_score");
    FUZZ_REQUIRE(event.time_ms == schema::kNoTime || schema::CheckTime(event.time_ms), "time");
    FUZZ_REQUIRE(
        schema::CheckDeclared(schema, schema::Entity::kRequest, event.attributes).has_value(),
        "attributes");
  }
  if (!batch->events.empty()) fuzz::Accepted();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A buffer of exactly this size, so that reading beyond the end is detected.
  const std::string body(fuzz::TextOf(data, size));
  static const schema::Schema schema = fuzz::TestSchema();
  for (const auto format : {net::BodyFormat::kJson, net::BodyFormat::kLines})
    Check(schema, body, format);
  return 0;
}
