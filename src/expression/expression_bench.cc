// Costs of an expression: to compile, to bind to a request, and to evaluate for an item.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "expression/bound_expression.h"
#include "expression/expression.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::expression {
namespace {

constexpr int64_t kNowMs = 1'700'000'000'000;
constexpr std::string_view kTypical =
    "item.price < $max and item.stock and item.topics has any ['sport', 'news'] and "
    "now - item.created < 30 days";

// One item, for which every part of the expression is evaluated.
struct Site {
  Site() {
    const auto of = [&](std::string_view name) {
      return *schema.FindAttribute(schema::Entity::kItem, name);
    };
    schema::RawItem item;
    item.item = "a";
    item.created_ms = kNowMs - 1000;
    item.topics = {"politics", "sport"};
    item.attributes = {{of("stock"), "true"}, {of("price"), "9.99"}};
    std::string folder = std::filesystem::temp_directory_path() / "upnext-bench-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) std::abort();
    if (!log::WriteEventLog(folder, {}, std::vector{item}, {}, 1, schema)) std::abort();
    names = std::make_unique<catalogue::Catalogue>(*log::EventLog::Open(folder));
    std::filesystem::remove_all(folder);  // stays mapped
  }
  RequestFacts facts() const { return {.catalogue = *names, .now_ms = kNowMs}; }

  const schema::Schema schema =
      *schema::Schema::Parse("schema.items.stock = 'flag'\nschema.items.price = 'number'\n");
  const Arguments arguments{{"max", {"10"}}};
  std::unique_ptr<catalogue::Catalogue> names;
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
    benchmark::DoNotOptimize(BoundExpression::Bind(*expression, site.facts(), site.arguments));
  }
}
BENCHMARK(BindExpression);

void EvaluateExpression(benchmark::State& state) {
  const Site site;
  const auto expression = Expression::Compile(kTypical, site.schema, Use::kCondition);
  const auto bound = BoundExpression::Bind(*expression, site.facts(), site.arguments);
  const uint32_t item = site.names->Find(schema::IdSpace::kItem, "a");
  for (auto _ : state) benchmark::DoNotOptimize(bound->Holds(item));
}
BENCHMARK(EvaluateExpression);

}  // namespace
}  // namespace upnext::expression
