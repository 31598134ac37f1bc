#include "serving/site_expressions.h"

#include <algorithm>
#include <ranges>
#include <string_view>
#include <utility>

#include "base/suggest.h"
#include "catalogue/catalogue.h"

namespace upnext::serving {
namespace {

using expression::Expression;
using expression::Use;

// None for "". `name` stands for the text in messages.
Result<std::optional<Expression>> CompileOne(const std::string& text, std::string_view name,
                                             const schema::Schema& schema, Use use) {
  if (text.empty()) return std::optional<Expression>();
  auto compiled = Expression::Compile(text, schema, use);
  if (!compiled) return expression::ErrorOf(compiled.error(), name);
  return std::optional(*std::move(compiled));
}

// A parameter that no text has is a slip in its name.
Status CheckParameters(const expression::Arguments& parameters, auto&& expressions) {
  std::vector<std::string> known;
  for (const Expression* one : expressions) {
    for (const expression::Parameter& parameter : one->parameters()) {
      known.push_back(parameter.name);
    }
  }
  for (const auto& [name, values] : parameters) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return InvalidArgument("parameter ${}: no filter or boost has it{}", name,
                           base::DidYouMean(name, known));
  }
  return Ok();
}

}  // namespace

ExpressionTexts ExpressionTexts::FromConfig(const base::Config& config) {
  return FromConfig(config.Table("serving"), schema::Schema::FromConfig(config.Table("schema")),
                    {});
}

ExpressionTexts ExpressionTexts::FromConfig(const base::ConfigTable& table,
                                            const schema::Schema& schema,
                                            const ExpressionTexts& fallback) {
  const ExpressionTexts texts{.filter = table.Text("filter", fallback.filter),
                              .boost = table.Text("boost", fallback.boost)};
  const auto check = [&](std::string_view key, const std::string& text, Use use) {
    if (text.empty() || !table.Has(key)) return;
    const auto compiled = Expression::Compile(text, schema, use);
    if (!compiled) table.FailAt(key, compiled.error().at, compiled.error().message);
  };
  check("filter", texts.filter, Use::kCondition);
  check("boost", texts.boost, Use::kNumber);
  return texts;
}

bool RequestExpressions::Admits(uint32_t item) const {
  return std::ranges::all_of(filters, [&](const auto& filter) { return filter.Holds(item); });
}

double RequestExpressions::Boost(uint32_t item) const {
  double product = 1;
  for (const expression::BoundExpression& boost : boosts) {
    product *= std::clamp(boost.Number(item).value_or(1), 0.0, kMaxBoost);
  }
  return std::min(product, kMaxBoost);
}

Result<SiteExpressions> SiteExpressions::Compile(const ExpressionTexts& site,
                                                 const schema::Schema& schema) {
  SiteExpressions out;
  UPNEXT_ASSIGN_OR_RETURN(out.filter_,
                          CompileOne(site.filter, "[serving] filter", schema, Use::kCondition));
  UPNEXT_ASSIGN_OR_RETURN(out.boost_,
                          CompileOne(site.boost, "[serving] boost", schema, Use::kNumber));
  return out;
}

Result<RequestExpressions> SiteExpressions::For(const ExpressionTexts& request,
                                                const expression::RequestFacts& facts,
                                                const expression::Arguments& parameters) const {
  const schema::Schema& schema = facts.catalogue.schema();
  UPNEXT_ASSIGN_OR_RETURN(const auto filter,
                          CompileOne(request.filter, "filter", schema, Use::kCondition));
  UPNEXT_ASSIGN_OR_RETURN(const auto boost,
                          CompileOne(request.boost, "boost", schema, Use::kNumber));
  RequestExpressions out;
  std::vector<std::pair<const Expression*, std::vector<expression::BoundExpression>*>> used;
  for (const auto* one : {&filter_, &filter}) {
    if (*one) used.emplace_back(&**one, &out.filters);
  }
  for (const auto* one : {&boost_, &boost}) {
    if (*one) used.emplace_back(&**one, &out.boosts);
  }
  UPNEXT_RETURN_IF_ERROR(CheckParameters(parameters, used | std::views::keys));
  for (const auto& [one, bound] : used) {
    UPNEXT_ASSIGN_OR_RETURN(auto made, expression::BoundExpression::Bind(*one, facts, parameters));
    bound->push_back(std::move(made));
  }
  return out;
}

}  // namespace upnext::serving
