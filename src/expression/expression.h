// A filter, a boost or a rule as a site writes it: compiled once, bound to a request, evaluated for
// each item.
//
//   auto filter = Expression::Compile("item.price < $max", schema, Use::kCondition);
//   if (!filter) return ErrorOf(filter.error(), "filter");     "filter: at byte 6: unknown attribute ..."
//   UPNEXT_ASSIGN_OR_RETURN(auto bound, BoundExpression::Bind(*filter, facts, arguments));
//   if (bound.Holds(item)) ...
//
// What is missing: a comparison with a missing value is false, arithmetic with one is missing
// (docs/guides/expressions.md). Immutable, cheap to copy: any number of threads.
#ifndef UPNEXT_EXPRESSION_EXPRESSION_H_
#define UPNEXT_EXPRESSION_EXPRESSION_H_

#include <memory>
#include <span>
#include <string_view>

#include "base/status.h"
#include "expression/checker.h"
#include "expression/program.h"
#include "expression/tree.h"
#include "schema/schema.h"

namespace upnext::expression {

class Expression {
 public:
  static Checked<Expression> Compile(std::string_view text, const schema::Schema& schema, Use use);

  std::span<const Parameter> parameters() const { return program_->parameters; }
  const std::shared_ptr<const Program>& program() const { return program_; }

 private:
  explicit Expression(Program program)
      : program_(std::make_shared<const Program>(std::move(program))) {}
  std::shared_ptr<const Program> program_;
};

// kInvalidArgument, "NAME: at byte 6: ...".
[[nodiscard]] std::unexpected<Error> ErrorOf(const Mistake& mistake, std::string_view name);

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_EXPRESSION_H_
