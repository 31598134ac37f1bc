// The file of API keys, and the header of a request that has one: docs/formats/keys.md.
#include "fuzz/harness.h"
#include "net/keys.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string_view text = fuzz::TextOf(data, size);
  if (const auto keys = net::ParseKeys(text)) {
    for (const net::Key& key : *keys) {
      FUZZ_REQUIRE(key.sha256.size() == 64 && key.id.size() == 8, "of the documented form");
      for (const net::RouteInfo& line : net::Routes()) Allows(key, line);
    }
    fuzz::Accepted();
  } else {
    FUZZ_REQUIRE(keys.error().code == Code::kDataLoss, "the file is damaged");
  }
  FUZZ_REQUIRE(net::SecretOf(text).size() <= size, "a part of the header");
  if (const auto roles = net::ParseRoles(text)) FUZZ_REQUIRE(roles->size() <= 6, "each once");
  return 0;
}
