// mcp::Session on any message: one line of JSON comes back, or nothing.
#include <nlohmann/json.hpp>

#include "fuzz/harness.h"
#include "mcp/session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string message(fuzz::TextOf(data, size));
  const mcp::Session session({.version = "1", .may_change = true},
                             [](const std::vector<std::string>& words) -> Result<std::string> {
                               FUZZ_REQUIRE(!words.empty(), "a verb");
                               for (const std::string& word : words) {
                                 FUZZ_REQUIRE(word.find('\0') == std::string::npos,
                                              "words of a command line");
                               }
                               fuzz::Accepted();
                               return std::string("{}");
                             });
  const auto answer = session.Answer(message);
  if (!answer) return 0;
  FUZZ_REQUIRE(answer->find('\n') == std::string::npos, "one line");
  const auto parsed = nlohmann::json::parse(*answer, nullptr, false);
  FUZZ_REQUIRE(parsed.is_object() && parsed["jsonrpc"] == "2.0", "an answer of JSON-RPC");
  FUZZ_REQUIRE(parsed.contains("result") != parsed.contains("error"), "a result or an error");
  return 0;
}
