// net::ParseMerge on any body of POST /v1/users/{id}/merge, and the session that it names.
#include "fuzz/harness.h"
#include "net/sessions.h"
#include "schema/values.h"
#include "serving/session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string body(fuzz::TextOf(data, size));
  const auto session = net::ParseMerge(body);
  FUZZ_REQUIRE(session || session.error().code == Code::kInvalidArgument, "the client's error");
  if (!session) return 0;
  const auto user = serving::UserOfSession(*session);
  FUZZ_REQUIRE(user || user.error().code == Code::kInvalidArgument, "the client's error");
  if (!user) return 0;
  FUZZ_REQUIRE(schema::CheckId(*user).has_value(), "an id");
  FUZZ_REQUIRE(serving::IsSession(*user) && !serving::CheckUser(*user), "no user's name");
  fuzz::Accepted();
  return 0;
}
