// An expression for the items of one request: names looked up in the catalogue, parameters read, and
// what does not depend on the item computed.
//
//   const RequestFacts facts{.catalogue = catalogue, .now_ms = now, .user = user};
//   UPNEXT_ASSIGN_OR_RETURN(const auto boost,
//                           BoundExpression::Bind(expression, facts, {{"factor", {"1.5"}}}));
//   std::optional<double> factor = boost.Number(item);
//
// Immutable: any number of threads. The catalogue outlives it; the attributes do not have to.
#ifndef UPNEXT_EXPRESSION_BOUND_EXPRESSION_H_
#define UPNEXT_EXPRESSION_BOUND_EXPRESSION_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "expression/evaluate.h"
#include "expression/expression.h"
#include "schema/attribute.h"

namespace upnext::expression {

// What is known of a request; ids of the catalogue, or kNone.
struct RequestFacts {
  const catalogue::Catalogue& catalogue;
  int64_t now_ms = 0;
  uint32_t user = schema::kNone, device = schema::kNone, region = schema::kNone;
  uint32_t current_item = schema::kNone;
  std::span<const schema::AttributeValue> attributes = {};  // declared ones, or none
};

// Values of parameters: one, or those of a list.
using Arguments = std::vector<std::pair<std::string, std::vector<std::string>>>;

class BoundExpression {
 public:
  // kInvalidArgument for a parameter without a value, unless it is optional, and for a value of
  // another type. `arguments` of other names are ignored.
  static Result<BoundExpression> Bind(const Expression& expression, const RequestFacts& facts,
                                      const Arguments& arguments);

  // A move leaves the values to which the slots refer at their addresses.
  BoundExpression(BoundExpression&&) = default;
  BoundExpression& operator=(BoundExpression&&) = default;

  // Of a condition.
  bool Holds(uint32_t item) const { return Run(item) == 1; }
  // Of a number; none when it is missing.
  std::optional<double> Number(uint32_t item) const;

 private:
  class Binder;
  BoundExpression(std::shared_ptr<const Program> program, const catalogue::Catalogue& catalogue)
      : program_(std::move(program)), catalogue_(&catalogue) {}
  double Run(uint32_t item) const {
    return Evaluate(program_->steps, slots_, *catalogue_, item).number;
  }

  std::shared_ptr<const Program> program_;
  const catalogue::Catalogue* catalogue_;
  std::vector<Value> slots_;
  // What slots refer to.
  std::deque<std::vector<uint32_t>> ids_;
  std::deque<std::vector<float>> numbers_;
  std::deque<std::string> strings_;
  std::deque<std::vector<std::string_view>> texts_;
};

}  // namespace upnext::expression

#endif  // UPNEXT_EXPRESSION_BOUND_EXPRESSION_H_
