// bundle::ReadManifest on any manifest.json, unchanged and, if it is JSON, again in the accepted
// form with a matching checksum.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "base/checksum.h"
#include "bundle/bundle.h"
#include "fuzz/harness.h"

namespace upnext::fuzz {
namespace {

using nlohmann::json;
constexpr std::ptrdiff_t kMaxBrackets = 200;  // more would exhaust the stack when rendered here

// "" if the text is not a JSON object.
std::string Sealed(std::string_view text) {
  const auto brackets = std::ranges::count_if(text, [](char c) { return c == '[' || c == '{'; });
  if (brackets > kMaxBrackets) return {};
  json parsed = json::parse(text, nullptr, false);
  if (!parsed.is_object()) return {};
  constexpr auto kReplace = json::error_handler_t::replace;
  parsed.erase("checksum");
  const std::string compact = parsed.dump(-1, ' ', false, kReplace);
  parsed["checksum"] = fmt::format("{:016x}", base::Checksum(std::as_bytes(std::span(compact))));
  return parsed.dump(2, ' ', false, kReplace) + "\n";
}

void Read(const ScratchFolder& folder, std::string_view text) {
  folder.Write("manifest.json", text);
  const auto manifest = bundle::ReadManifest(folder.path());
  const auto verified = bundle::VerifyBundle(folder.path());
  FUZZ_REQUIRE(!verified || manifest.has_value(), "verified without a manifest");
  if (!manifest) return;
  for (const bundle::PartEntry& part : manifest->parts) {
    FUZZ_REQUIRE(part.file.find('/') == std::string::npos, "a name that leads elsewhere");
    FUZZ_REQUIRE(part.file != "manifest.json" && part.file[0] != '.', "a name of another file");
  }
  FUZZ_REQUIRE(verified.has_value() == manifest->parts.empty(), "there are no such files here");
  Accepted();
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  static const ScratchFolder folder;
  const std::string_view text = TextOf(data, size);
  Read(folder, text);
  const std::string sealed = Sealed(text);
  if (!sealed.empty() && sealed != text) Read(folder, sealed);
  return 0;
}
