// The functions of the feature language that read words.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "features/feature_compiler.h"
#include "schema/attribute.h"

namespace upnext::features {

using schema::Entity;
using schema::IdSpace;
using schema::Kind;

Compiled<Feature> FeatureCompiler::Tokens(const Expression& call) {
  constexpr std::string_view kForms =
      "tokens(history(search, query, N)) or tokens(item.title, ROWS)";
  UPNEXT_RETURN_IF_ERROR(CheckArguments(call, 1, 2, kForms));
  if (call.arguments.size() == 2) return Words(call);
  if (call.arguments[0].kind != Expression::Kind::kCall) {
    return Wrong(call, fmt::format("expected {}, found '{}'", kForms, ToText(call)));
  }
  CategoryOp op;
  UPNEXT_RETURN_IF_ERROR(QueryBag(call.arguments[0], &op));
  op.code = CategoryOp::Code::kTokens;
  const uint32_t vocabulary = needs_.Vocabulary({.name = std::string(kTokenVocabulary),
                                                 .space = IdSpace::kQuery,
                                                 .counts = VocabularyPlan::Counts::kTokens,
                                                 .paths = {}});
  return CategoryFeature(std::move(op), /*list=*/true, Side::kQuery, vocabulary);
}

Compiled<void> FeatureCompiler::QueryBag(const Expression& queries, CategoryOp* op) {
  const bool sorted = queries.kind == Expression::Kind::kCall && queries.name == "sorted";
  if (sorted) UPNEXT_RETURN_IF_ERROR(CheckArguments(queries, 1, 1, "sorted(history(...))"));
  const Expression& list = sorted ? queries.arguments[0] : queries;
  AttributePath path;
  UPNEXT_ASSIGN_OR_RETURN(*op, Bag(list, sorted, &path));
  if (ToText(list.arguments[1]) == "query") return {};
  return Wrong(list.arguments[1], "expected query: tokens are the words of searches");
}

Compiled<AttributePath> FeatureCompiler::ItemText(const Expression& expression) const {
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, Attribute(expression));
  if (path.entity == Entity::kItem && path.kind == Kind::kText) return path;
  return Wrong(expression, fmt::format("expected a text of items, such as item.title, found '{}'",
                                       expression.name));
}

Compiled<Feature> FeatureCompiler::Words(const Expression& call) {
  UPNEXT_ASSIGN_OR_RETURN(const AttributePath path, ItemText(call.arguments[0]));
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t rows, WholeIn(call.arguments[1], 2, kMaxHashedRows));
  const uint32_t vocabulary =
      needs_.Vocabulary({.name = "words." + schema_.attributes(path.entity)[path.attribute].name,
                         .space = IdSpace::kItem,
                         .counts = VocabularyPlan::Counts::kWords,
                         .paths = {},
                         .rows = rows});
  if (needs_.vocabularies[vocabulary].rows != rows) {
    return Wrong(call.arguments[1], fmt::format("expected {}, as an earlier feature has it: words "
                                                "of one attribute share their rows",
                                                needs_.vocabularies[vocabulary].rows));
  }
  return CategoryFeature({.code = CategoryOp::Code::kWords, .paths = {path}, .rows = rows},
                         /*list=*/true, SideOf(path), vocabulary);
}

Compiled<Feature> FeatureCompiler::WordOverlap(const Expression& call) {
  NumberOp op{.code = NumberOp::Code::kWordOverlap};
  Side side = Side::kQuery;
  size_t texts = 0;
  for (const Expression& tokens : call.arguments) {
    if (tokens.kind != Expression::Kind::kCall || tokens.name != "tokens") {
      return Wrong(tokens, "expected tokens(...) on both sides");
    }
    UPNEXT_RETURN_IF_ERROR(CheckArguments(
        tokens, 1, 1, "tokens(item.title) or tokens(history(search, query, N)) in overlap()"));
    const Expression& of = tokens.arguments[0];
    if (of.kind == Expression::Kind::kName) {
      UPNEXT_ASSIGN_OR_RETURN((texts++ == 0 ? op.path : op.other), ItemText(of));
      side = std::max(side, SideOf(texts == 1 ? op.path : op.other));
      continue;
    }
    CategoryOp queries;
    UPNEXT_RETURN_IF_ERROR(QueryBag(of, &queries));
    if (queries.half_life_days > 0) {
      return Wrong(of.arguments[3],
                   "words in common have no weights by age: expected "
                   "history(EVENTS, query, N) in overlap()");
    }
    op.bag = queries.bag;
    op.newest = queries.newest;
  }
  if (texts == 0) return Wrong(call, "expected a text of items, such as item.title, on one side");
  return NumberFeature(std::move(op), side);
}

}  // namespace upnext::features
