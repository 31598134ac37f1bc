// Costs of an expression: to compile, to bind to a request, and to evaluate for an item.
#include <benchmark/benchmark.h>

#include "catalogue/test_log.h"
#include "expression/test_site.h"

namespace upnext::expression {
namespace {

constexpr std::string_view kTypical =
    "item.price < $max and item.stock and item.topics has any ['sport', 'news'] and "
    "now - item.created < 30 days";

struct Site {
  schema::Schema schema = SiteSchema();
  catalogue::TestLog log{{}, SiteItems(schema), SiteUsers(schema), schema};
  Arguments arguments{{"max", {"10"}}};
  RequestFacts facts{.catalogue = log.catalogue(), .now_ms = catalogue::kStartMs};
};

void CompileExpression(benchmark::State& state) {
  const Site site;
  for (auto _ : state) {
    benchmark::DoNotOptimize(Expression::Compile(kTypical, site.schema, Use::kCondition));
  }
}
BENCHMARK(CompileExpression);

void BindExpression(benchmark::State& state) {
  const Site site;
  const auto expression = Expression::Compile(kTypical, site.schema, Use::kCondition);
  for (auto _ : state) {
    benchmark::DoNotOptimize(BoundExpression::Bind(*expression, site.facts, site.arguments));
  }
}
BENCHMARK(BindExpression);

void EvaluateExpression(benchmark::State& state) {
  const Site site;
  const auto expression = Expression::Compile(kTypical, site.schema, Use::kCondition);
  const auto bound = BoundExpression::Bind(*expression, site.facts, site.arguments);
  const uint32_t item = site.log.item("a");  // for which everything is evaluated
  for (auto _ : state) benchmark::DoNotOptimize(bound->Holds(item));
}
BENCHMARK(EvaluateExpression);

}  // namespace
}  // namespace upnext::expression
