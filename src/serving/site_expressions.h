// What a site and a request say about the items of a feed in the expression language: filters, of
// which all must hold, and boosts, whose product multiplies the score.
//
//   const Result<SiteExpressions> site = SiteExpressions::Compile(options, schema);
//   UPNEXT_ASSIGN_OR_RETURN(const RequestExpressions mine,
//                           site->For({.filter = "item.price < $max"}, facts, {{"max", {"5"}}}));
//   if (mine.Admits(item)) ... score *= mine.Boost(item);
//
// Immutable: any number of threads.
#ifndef UPNEXT_SERVING_SITE_EXPRESSIONS_H_
#define UPNEXT_SERVING_SITE_EXPRESSIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "expression/bound_expression.h"
#include "expression/expression.h"
#include "schema/schema.h"

namespace upnext::serving {

inline constexpr double kMaxBoost = 1e6;

// "" for none.
struct ExpressionTexts {
  std::string filter = {}, boost = {};
  // [serving] filter and boost. Mistakes are recorded for config.Check().
  static ExpressionTexts FromConfig(const base::Config& config);
  // Of another table; what it does not have is that of `fallback`.
  static ExpressionTexts FromConfig(const base::ConfigTable& table, const schema::Schema& schema,
                                    const ExpressionTexts& fallback);
};

// Of one request.
struct RequestExpressions {
  std::vector<expression::BoundExpression> filters = {}, boosts = {};
  bool Admits(uint32_t item) const;
  // In [0, kMaxBoost]; a boost that is missing counts as 1, one below 0 as 0.
  double Boost(uint32_t item) const;
};

class SiteExpressions {
 public:
  // kInvalidArgument with the place of the mistake.
  static Result<SiteExpressions> Compile(const ExpressionTexts& site, const schema::Schema& schema);

  // The site's and those of a request together. kInvalidArgument for a mistake in a text, for a
  // parameter without a value, and for one that no text has.
  Result<RequestExpressions> For(const ExpressionTexts& request,
                                 const expression::RequestFacts& facts,
                                 const expression::Arguments& parameters) const;

 private:
  std::optional<expression::Expression> filter_, boost_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SITE_EXPRESSIONS_H_
