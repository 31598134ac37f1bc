#include "serving/matching.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "expression/expression.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::serving {
namespace {

using expression::Expression;
using schema::Entity;

// A condition on nothing but the entity: what a request says is not known here.
Result<Expression> CompileFor(Entity entity, const std::string& text,
                              const schema::Schema& schema) {
  auto compiled = Expression::Compile(text, schema, expression::Use::kCondition);
  if (!compiled) return expression::ErrorOf(compiled.error(), "filter");
  const expression::Program& program = *compiled->program();
  const auto reads_item = [](const expression::Step& step) {
    return step.op >= expression::Op::kItemId && step.op <= expression::Op::kItemText;
  };
  const bool items = std::ranges::any_of(program.steps, reads_item);
  bool others = false, users = false;
  for (const expression::Slot& slot : program.slots) {
    if (slot.from != expression::Slot::From::kPath) continue;
    (slot.path.owner == expression::Owner::kUser ? users : others) = true;
  }
  const bool is_item = entity == Entity::kItem;
  if (others || (is_item ? users : items)) {
    return InvalidArgument("filter: expected a condition on attributes of the {} alone, such as {}",
                           is_item ? "item" : "user",
                           is_item ? "item.channel == 'news'" : "user.region == 'DE'");
  }
  return *std::move(compiled);
}

}  // namespace

Result<Matches> EntitiesMatching(const Generation& generation, Entity entity,
                                 const std::string& filter, const expression::Arguments& arguments,
                                 size_t most) {
  UPNEXT_ASSIGN_OR_RETURN(const Expression condition,
                          CompileFor(entity, filter, generation.schema()));
  const catalogue::Catalogue& catalogue = generation.catalogue();
  const bool is_item = entity == Entity::kItem;
  const schema::IdSpace space = is_item ? schema::IdSpace::kItem : schema::IdSpace::kUser;
  expression::RequestFacts facts{.catalogue = catalogue, .now_ms = base::SystemClock().NowMs()};
  UPNEXT_ASSIGN_OR_RETURN(auto bound,
                          expression::BoundExpression::Bind(condition, facts, arguments));
  Matches matches;
  for (uint32_t id = 0; id < catalogue.size(space); ++id) {
    if (!catalogue.IsPresent(entity, id)) continue;
    if (!is_item) {
      facts.user = id;
      UPNEXT_ASSIGN_OR_RETURN(bound,
                              expression::BoundExpression::Bind(condition, facts, arguments));
    }
    if (!bound.Holds(is_item ? id : 0)) continue;
    std::string name = catalogue.Name(space, id);
    if (name.empty()) continue;  // of a user who was forgotten
    if (++matches.all <= most) matches.names.push_back(std::move(name));
  }
  return matches;
}

}  // namespace upnext::serving
