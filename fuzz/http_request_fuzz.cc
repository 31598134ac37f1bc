// net::RequestReader on any bytes of a connection, in pieces of several sizes.
#include <optional>

#include "fuzz/harness.h"
#include "net/host.h"
#include "net/request_reader.h"

namespace upnext::fuzz {
namespace {

constexpr net::RequestLimits kLimits = {
    .header_bytes = 1024, .headers = 12, .body_bytes = 2048, .framing_bytes = 256};
constexpr uint64_t kBudget = 6000;

struct Read {
  std::string method, target, host, content_type, content_encoding, accept_encoding, body;
  bool keep_alive = false;
  size_t left = 0;  // bytes of what follows the request
  bool operator==(const Read&) const = default;
};

// The first request of `bytes`; nullopt when it is refused or cut.
std::optional<Read> ReadInSteps(std::string_view bytes, size_t step) {
  net::ByteBudget budget(kBudget);
  std::optional<Read> result;
  {
    net::RequestReader reader(kLimits, budget);
    std::string held;
    while (!bytes.empty() && !reader.done() && !reader.refused()) {
      held += bytes.substr(0, step);
      bytes.remove_prefix(std::min(step, bytes.size()));
      const size_t used = reader.Read(held);
      FUZZ_REQUIRE(used <= held.size(), "more was taken than shown");
      held.erase(0, used);
      FUZZ_REQUIRE(reader.done() || reader.refused() ||
                       held.size() <= std::max(kLimits.header_bytes, kLimits.framing_bytes),
                   "more is held than the limits allow");
      FUZZ_REQUIRE(budget.used() <= kBudget, "the budget is exceeded");
      reader.TakeExpectation();
    }
    FUZZ_REQUIRE(!(reader.done() && reader.refused()), "done and refused");
    if (reader.refused()) {
      FUZZ_REQUIRE(reader.problem().status >= 400 && !reader.problem().detail.empty(), "a problem");
    }
    if (reader.done()) {
      const net::HttpRequest request = reader.request();
      FUZZ_REQUIRE(request.body.size() <= kLimits.body_bytes, "the body is too large");
      FUZZ_REQUIRE(
          reader.version() == 10 || !request.host.empty() || !net::IsOwnHost(request.host, {}),
          "a request without a host");
      result = Read{.method = std::string(request.method),
                    .target = std::string(request.target),
                    .host = std::string(request.host),
                    .content_type = std::string(request.content_type),
                    .content_encoding = std::string(request.content_encoding),
                    .accept_encoding = std::string(request.accept_encoding),
                    .body = std::string(request.body),
                    .keep_alive = reader.keep_alive(),
                    .left = held.size() + bytes.size()};
    }
  }
  FUZZ_REQUIRE(budget.used() == 0, "bytes were not given back");
  return result;
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  const std::string_view bytes = TextOf(data, size);
  const auto whole = ReadInSteps(bytes, size == 0 ? 1 : size);
  for (const size_t step : {1, 7, 300}) {
    const auto parts = ReadInSteps(bytes, step);
    if (!parts) continue;
    // Later bytes can make good for an extension that is too long for the body so far.
    FUZZ_REQUIRE(whole && *whole == *parts, "a request depends on how its bytes arrive");
    Accepted();
  }
  return 0;
}
