// api::Request::Parse on any operation and request of the C library. The first line is the name of the operation, the rest the
// request.
#include <algorithm>

#include "api/operations.h"
#include "api/request.h"
#include "fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  const std::string_view input = fuzz::TextOf(data, size);
  const size_t end = std::min(input.find('\n'), input.size());
  // Buffers of exactly these sizes, so that reading beyond the end is detected.
  const std::string name(input.substr(0, end)), json(input.substr(std::min(end + 1, input.size())));
  const auto operation = api::FindOperation(name);
  FUZZ_REQUIRE(operation || operation.error().code == Code::kNotFound, "no such operation");
  if (!operation) return 0;
  const auto request = api::Request::Parse((*operation)->name, (*operation)->keys, json);
  FUZZ_REQUIRE(request || request.error().code == Code::kInvalidArgument, "the caller's error");
  if (!request) return 0;
  for (const api::Key& key : (*operation)->keys) {
    if (!request->Has(key.name)) continue;
    // Getters of the key's type take what Parse has let through.
    switch (key.type) {
      case api::KeyType::kText: {
        const std::string text = request->Text(key.name);
        FUZZ_REQUIRE(
            key.choices.empty() || std::ranges::find(key.choices, text) != key.choices.end(),
            "one of the choices");
        break;
      }
      case api::KeyType::kWhole: {
        const auto whole = static_cast<double>(request->Whole(key.name, 0));
        FUZZ_REQUIRE(whole >= key.min && whole <= key.max, "within the bounds");
        break;
      }
      case api::KeyType::kNumber:
        FUZZ_REQUIRE(request->Number(key.name, 0) <= key.max, "within the bounds");
        break;
      case api::KeyType::kFlag:
        request->Flag(key.name);
        break;
      case api::KeyType::kTexts:
        request->Texts(key.name);
        break;
      case api::KeyType::kValues:
        request->Values(key.name);
        break;
      case api::KeyType::kEvents:
        FUZZ_REQUIRE(request->Json(key.name).is_array(), "a list");
        break;
    }
  }
  fuzz::Accepted();
  return 0;
}
