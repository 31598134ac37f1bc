// expression::Expression on any text: a mistake is within the text; what compiles binds to a request
// or names its parameter, and evaluates for every item, twice with the same result. The first line is
// the value of every parameter, the rest the expression.
#include <algorithm>
#include <cmath>
#include <vector>

#include "catalogue/catalogue.h"
#include "expression/bound_expression.h"
#include "expression/expression.h"
#include "fuzz/harness.h"
#include "fuzz/test_log.h"

namespace {

using namespace upnext;
using expression::Use;

const catalogue::Catalogue& Site() {
  static const fuzz::ScratchFolder folder;
  static const catalogue::Catalogue catalogue = [] {
    fuzz::WriteTestLog(folder.path());
    auto log = log::EventLog::Open(folder.path());
    FUZZ_REQUIRE(log.has_value(), "expected to be able to open the log that was written");
    return catalogue::Catalogue(*std::move(log));
  }();
  return catalogue;
}

void Evaluate(const expression::BoundExpression& bound, Use use) {
  const uint32_t items = Site().size(schema::IdSpace::kItem);
  for (uint32_t item = 0; item <= items; ++item) {  // and one that came after the log
    if (use == Use::kCondition) {
      FUZZ_REQUIRE(bound.Holds(item) == bound.Holds(item), "the same result");
      continue;
    }
    const std::optional<double> number = bound.Number(item);
    FUZZ_REQUIRE(number == bound.Number(item), "the same result");
    FUZZ_REQUIRE(!number || std::isfinite(*number), "a number, or missing");
  }
}

void Bind(const expression::Expression& compiled, std::string_view value, Use use) {
  expression::Arguments arguments;
  for (const expression::Parameter& parameter : compiled.parameters()) {
    arguments.emplace_back(parameter.name, std::vector{std::string(value)});
  }
  const auto id = [](schema::IdSpace space, std::string_view name) {
    return Site().Find(space, name);
  };
  const std::vector<schema::AttributeValue> attributes = {
      {}, {.number = 2}, {.number = 1}, {.time_ms = 5000}};
  const auto bound =
      expression::BoundExpression::Bind(compiled,
                                        {.catalogue = Site(),
                                         .now_ms = 1'800'000'000'000,
                                         .user = id(schema::IdSpace::kUser, "u1"),
                                         .device = id(schema::IdSpace::kDevice, "tv"),
                                         .current_item = id(schema::IdSpace::kItem, "a"),
                                         .attributes = attributes},
                                        arguments);
  FUZZ_REQUIRE(bound || bound.error().message.starts_with("parameter $"),
               "only a parameter can be wrong");
  if (!bound) return;
  Evaluate(*bound, use);
  fuzz::Accepted();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input = fuzz::TextOf(data, size);
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string_view text = input.substr(std::min(line + 1, input.size()));
  for (const Use use : {Use::kCondition, Use::kNumber}) {
    const auto compiled = expression::Expression::Compile(text, Site().schema(), use);
    if (!compiled) {
      FUZZ_REQUIRE(compiled.error().at <= text.size(), "a mistake has its place in the text");
      continue;
    }
    Bind(*compiled, input.substr(0, line), use);
  }
  return 0;
}
