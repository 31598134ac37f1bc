// The functions that count events: count, since, mean and rate.
#include <fmt/format.h>

#include <utility>

#include "features/expression_names.h"
#include "features/feature_compiler.h"
#include "schema/schema.h"

namespace upnext::features {

using schema::Entity;
using schema::Kind;
using Code = NumberOp::Code;

Compiled<StateKey> FeatureCompiler::KeyOf(const AttributePath& path, const Expression& expression) {
  if (path.attribute == kItself) return StateKey{.of = StateKey::Of::kItem};
  if (path.entity == Entity::kItem) {
    return StateKey{.of = StateKey::Of::kItemAttribute,
                    .attribute = path.attribute,
                    .list = path.kind == Kind::kCategories};
  }
  if (path.entity == Entity::kRequest) {
    return StateKey{.of = StateKey::Of::kRequest, .attribute = path.attribute};
  }
  return Wrong(expression,
               fmt::format("events are not kept by '{}': expected item, an attribute of items, or "
                           "of requests",
                           expression.name));
}

Compiled<StateKey> FeatureCompiler::KeyAt(const Expression& call, size_t* at, bool everybody,
                                          Feature* feature) {
  StateKey key;
  if (*at < call.arguments.size() && call.arguments[*at].kind != Expression::Kind::kNumber) {
    const Expression& expression = call.arguments[(*at)++];
    UPNEXT_ASSIGN_OR_RETURN(feature->number.path, Category(expression));
    UPNEXT_RETURN_IF_ERROR(CheckKnownAtRequest(feature->number.path, expression));
    UPNEXT_ASSIGN_OR_RETURN(key, KeyOf(feature->number.path, expression));
    feature->side = SideOf(feature->number.path);
  }
  if (everybody && key.of == StateKey::Of::kUser) {
    return Wrong(call,
                 "everybody's events are counted by an attribute: expected one, as in "
                 "everybody(count(watch, item))");
  }
  feature->number.everybody = everybody;
  return key;
}

Cells FeatureCompiler::Columns(const StateKey& key, Column::Kind kind,
                               const std::vector<Term>& terms, bool everybody,
                               const std::vector<Term>& resets, uint32_t* table) {
  Cells cells;
  StateSpec::Builder& builder = everybody ? needs_.everybody : needs_.state;
  for (const Term term : terms) {
    const CellRef cell = builder.AddColumn(key, {.kind = kind, .terms = {term}, .resets = resets});
    *table = cell.table;
    cells.push_back(static_cast<uint8_t>(cell.column));
  }
  return cells;
}

// Everybody's rate over the whole training log, counted by what the feature is counted by, or by
// item.
void FeatureCompiler::AddPrior(NumberOp* op, Column::Kind kind, const std::vector<Term>& part,
                               const std::vector<Term>& whole) {
  StateKey key{.of = StateKey::Of::kItem};
  if (op->everybody) {
    op->prior_table = op->table;
    op->prior_part = op->part;
    op->prior_whole = op->whole;
    return;
  }
  op->prior_part = Columns(key, kind, part, /*everybody=*/true, {}, &op->prior_table);
  op->prior_whole =
      Columns(key, Column::Kind::kCount, whole, /*everybody=*/true, {}, &op->prior_table);
}

Compiled<Feature> FeatureCompiler::Counted(const Expression& call, bool everybody) {
  const bool since = call.name == "since";
  UPNEXT_RETURN_IF_ERROR(
      CheckArguments(call, 1, 2, call.name + "(EVENTS) or " + call.name + "(EVENTS, ATTRIBUTE)"));
  Feature feature = NumberFeature({.code = since ? Code::kSince : Code::kCount}, Side::kQuery);
  UPNEXT_ASSIGN_OR_RETURN(const Events events, EventsOf(call.arguments[0]));
  if (!events.unless.empty() || !events.measure.empty() ||
      ((since || everybody) && !events.after.empty())) {
    return Wrong(call.arguments[0], "expected events; only count() of the user takes 'after'");
  }
  size_t at = 1;
  UPNEXT_ASSIGN_OR_RETURN(const StateKey key, KeyAt(call, &at, everybody, &feature));
  if (at < call.arguments.size()) return Wrong(call.arguments[at], "expected an attribute");
  NumberOp& op = feature.number;
  if (since) {
    const CellRef cell = needs_.state.AddColumn(
        key, {.kind = Column::Kind::kLast, .terms = events.terms, .resets = {}});
    op.table = cell.table;
    op.part = {static_cast<uint8_t>(cell.column)};
  } else {
    op.part = Columns(key, Column::Kind::kCount, events.terms, everybody, events.after, &op.table);
  }
  return feature;
}

Compiled<Feature> FeatureCompiler::Mean(const Expression& call, bool everybody) {
  constexpr std::string_view kForm =
      "mean(EVENT.value or .share [, ATTRIBUTE] [, WEIGHT [, PRIOR]])";
  UPNEXT_RETURN_IF_ERROR(CheckArguments(call, 1, 4, kForm));
  Feature feature = NumberFeature({.code = Code::kRatio, .sum = true}, Side::kQuery);
  UPNEXT_ASSIGN_OR_RETURN(const Events events, EventsOf(call.arguments[0]));
  if (events.measure.empty() || events.terms.size() != 1 || !events.after.empty() ||
      !events.unless.empty()) {
    return Wrong(call.arguments[0],
                 "expected what to average: an event's .value, or its .share of "
                 "the item's duration, as in mean(watch.value)");
  }
  size_t at = 1;
  UPNEXT_ASSIGN_OR_RETURN(const StateKey key, KeyAt(call, &at, everybody, &feature));
  NumberOp& op = feature.number;
  const bool share = events.measure == "share";
  const Column::Kind kind = share ? Column::Kind::kShare : Column::Kind::kValue;
  op.part = Columns(key, kind, events.terms, everybody, {}, &op.table);
  op.whole = Columns(key, share ? Column::Kind::kShares : Column::Kind::kCount, events.terms,
                     everybody, {}, &op.table);
  if (at < call.arguments.size()) {
    UPNEXT_ASSIGN_OR_RETURN(op.weight, NumberIn(call.arguments[at++], 0, 1e6));
    if (at < call.arguments.size()) {
      UPNEXT_ASSIGN_OR_RETURN(op.prior, NumberIn(call.arguments[at++], 0, 1e6));
    } else if (share) {
      return Wrong(call,
                   "a mean of shares with a weight needs a prior too: mean(watch.share, 10, "
                   "0.5)");
    } else if (op.weight > 0) {
      AddPrior(&op, kind, events.terms, events.terms);
    }
  }
  if (at < call.arguments.size())
    return Wrong(call.arguments[at], fmt::format("expected {}", kForm));
  return feature;
}

Compiled<Feature> FeatureCompiler::Rate(const Expression& call, bool everybody) {
  UPNEXT_RETURN_IF_ERROR(
      CheckArguments(call, 2, 4, "rate(EVENTS, OF EVENTS [, ATTRIBUTE] [, WEIGHT])"));
  Feature feature = NumberFeature({.code = Code::kRatio}, Side::kQuery);
  Events sides[2];
  for (size_t i = 0; i < 2; ++i) {
    UPNEXT_ASSIGN_OR_RETURN(sides[i], EventsOf(call.arguments[i]));
    if (!sides[i].after.empty() || !sides[i].unless.empty() || !sides[i].measure.empty()) {
      return Wrong(call.arguments[i], "expected events");
    }
  }
  size_t at = 2;
  UPNEXT_ASSIGN_OR_RETURN(const StateKey key, KeyAt(call, &at, everybody, &feature));
  NumberOp& op = feature.number;
  op.part = Columns(key, Column::Kind::kCount, sides[0].terms, everybody, {}, &op.table);
  op.whole = Columns(key, Column::Kind::kCount, sides[1].terms, everybody, {}, &op.table);
  if (at < call.arguments.size()) {
    UPNEXT_ASSIGN_OR_RETURN(op.weight, NumberIn(call.arguments[at++], 0, 1e6));
    if (op.weight > 0) AddPrior(&op, Column::Kind::kCount, sides[0].terms, sides[1].terms);
  }
  if (at < call.arguments.size())
    return Wrong(call.arguments[at], "expected no more than a weight");
  return feature;
}

Compiled<Term> FeatureCompiler::TermNamed(const Expression& expression,
                                          std::string_view name) const {
  if (name == "any") return kAny;
  if (name == "positive") return kPositive;
  if (name == "interest") return kInterest;
  if (const auto type = schema_.FindEventType(name)) return TermOf(*type);
  return Wrong(expression, UnknownEvent(schema_, name));
}

Compiled<FeatureCompiler::Events> FeatureCompiler::EventsOf(const Expression& expression) const {
  Events events;
  const bool chain = expression.kind == Expression::Kind::kChain;
  std::vector<Term>* into = &events.terms;
  for (size_t i = 0; i < (chain ? expression.arguments.size() : 1); ++i) {
    const Expression& operand = chain ? expression.arguments[i] : expression;
    if (chain && i > 0) {
      const std::string& word = expression.words[i - 1];
      if (word == "after") into = &events.after;
      if (word == "unless") into = &events.unless;
      if (word == "else")
        return Wrong(operand, "'else' joins attributes; events are joined by 'or'");
    }
    if (operand.kind != Expression::Kind::kName) {
      return Wrong(operand, fmt::format("expected an event type, found '{}'", ToText(operand)));
    }
    std::string_view name = operand.name;
    if (const size_t dot = name.find('.'); dot != std::string_view::npos) {
      events.measure = name.substr(dot + 1);
      name = name.substr(0, dot);
      if (events.measure != "value" && events.measure != "share") {
        return Wrong(operand,
                     fmt::format("events have a .value and a .share, found '.{}'", events.measure));
      }
    }
    UPNEXT_ASSIGN_OR_RETURN(const Term term, TermNamed(operand, name));
    into->push_back(term);
    if (into->size() > kMaxTerms) {
      return Wrong(operand, fmt::format("expected at most {} event types", kMaxTerms));
    }
  }
  return events;
}

}  // namespace upnext::features
