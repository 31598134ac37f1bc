#include "expression/bound_expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/time_text.h"
#include "expression/parser.h"

namespace upnext::expression {
namespace {

using schema::Entity;

constexpr uint32_t kUnknown = schema::kNone - 1;  // of a name that no item has: equal to no id

std::optional<double> ParseNumber(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<double> ParseFlag(std::string_view text) {
  if (text == "true" || text == "1") return 1;
  if (text == "false" || text == "0") return 0;
  return std::nullopt;
}

// Seconds since 1970, a date or a date and time.
std::optional<double> ParseSeconds(const std::string& text) {
  constexpr size_t kDayBytes = 10;
  const auto ms = base::ParseTime(text.size() == kDayBytes ? text + "Z" : text);
  return ms ? static_cast<double>(*ms) / 1000 : ParseNumber(text);
}

}  // namespace

class BoundExpression::Binder {
 public:
  Binder(BoundExpression* out, const RequestFacts& facts, const Arguments& arguments)
      : out_(*out), facts_(facts), arguments_(arguments) {}

  Status BindAll() {
    const Program& program = *out_.program_;
    for (const Parameter& parameter : program.parameters) {
      if (parameter.is_optional || Find(parameter.name) != nullptr) continue;
      return InvalidArgument("parameter ${}: expected a value, found none", parameter.name);
    }
    out_.slots_.reserve(program.slots.size());
    for (const Slot& slot : program.slots) {
      UPNEXT_ASSIGN_OR_RETURN(const Value value, ValueOf(slot));
      out_.slots_.push_back(value);
    }
    return Ok();
  }

 private:
  const std::vector<std::string>* Find(std::string_view name) const {
    const auto found = std::ranges::find(arguments_, name, &Arguments::value_type::first);
    return found == arguments_.end() || found->second.empty() ? nullptr : &found->second;
  }

  Result<Value> ValueOf(const Slot& slot) {
    switch (slot.from) {
      case Slot::From::kNumber:
        return Value::Of(slot.number);
      case Slot::From::kText:
        return slot.type.kind == Kind::kId ? Id(slot.type.space, slot.word)
                                           : Value::Of(std::string_view(slot.word));
      case Slot::From::kList:
        return Written(slot);
      case Slot::From::kParameter:
        return Given(slot);
      case Slot::From::kIsGiven:
        return Value::Of((Find(slot.word) == nullptr) != (slot.number == 1) ? 1.0 : 0.0);
      case Slot::From::kNow:
        return Value::Of(SecondsOf(facts_.now_ms));
      case Slot::From::kPath:
        return Attribute(slot.path, slot.type);
      case Slot::From::kSteps:
        break;
    }
    return Evaluate(slot.steps, out_.slots_, facts_.catalogue, schema::kNone);
  }

  Value Id(schema::IdSpace space, std::string_view name) {
    const uint32_t id = facts_.catalogue.Find(space, name);
    return Value::Of(std::span<const uint32_t>(
        out_.ids_.emplace_back(std::vector{id == schema::kNone ? kUnknown : id})));
  }

  Value Known(uint32_t id) {  // kNone is missing
    if (id == schema::kNone) return Value::Of(std::span<const uint32_t>());
    return Value::Of(std::span<const uint32_t>(out_.ids_.emplace_back(std::vector{id})));
  }

  // Lists are sorted, with each value once.
  template <typename T>
  static void Sort(std::vector<T>* values) {
    std::ranges::sort(*values);
    const auto rest = std::ranges::unique(*values);
    values->erase(rest.begin(), rest.end());
  }
  template <typename T>
  Value Ids(schema::IdSpace space, const std::vector<T>& names) {
    std::vector<uint32_t>& ids = out_.ids_.emplace_back();
    for (const std::string_view name : names) {
      const uint32_t id = facts_.catalogue.Find(space, name);
      ids.push_back(id == schema::kNone ? kUnknown : id);
    }
    Sort(&ids);
    return Value::Of(std::span<const uint32_t>(ids));
  }
  Value Numbers(std::vector<float> values) {
    Sort(&values);
    const std::vector<float>& kept = out_.numbers_.emplace_back(std::move(values));
    Value value;
    value.numbers = kept.data();
    value.size = kept.size();
    return value;
  }
  Value Texts(std::vector<std::string_view> values) {
    Sort(&values);
    const auto& kept = out_.texts_.emplace_back(std::move(values));
    Value value;
    value.texts = kept.data();
    value.size = kept.size();
    return value;
  }

  Value Written(const Slot& slot) {
    if (slot.type.kind == Kind::kNumbers) {
      std::vector<float> numbers;
      for (const Literal& one : slot.list) numbers.push_back(static_cast<float>(one.number));
      return Numbers(std::move(numbers));
    }
    std::vector<std::string_view> texts;
    for (const Literal& one : slot.list) texts.push_back(one.text);
    return slot.type.kind == Kind::kIds ? Ids(slot.type.space, texts) : Texts(std::move(texts));
  }

  Result<Value> Given(const Slot& slot) {
    const std::vector<std::string>* given = Find(slot.word);
    const bool is_list = slot.type.kind == Kind::kIds || slot.type.kind == Kind::kNumbers ||
                         slot.type.kind == Kind::kTexts;
    if (is_list) return GivenList(slot, given == nullptr ? std::vector<std::string>() : *given);
    const bool is_number = slot.type.kind <= Kind::kTime;
    if (given == nullptr) {
      return is_number ? Value::Of(kMissing) : Value::Of(std::span<const uint32_t>());
    }
    if (given->size() > 1) {
      return InvalidArgument("parameter ${}: expected one value, found {}", slot.word,
                             given->size());
    }
    const std::string& text = given->front();
    if (slot.type.kind == Kind::kId) return Id(slot.type.space, text);
    if (!is_number) return Value::Of(std::string_view(out_.strings_.emplace_back(text)));
    const std::optional<double> number = slot.type.kind == Kind::kFlag   ? ParseFlag(text)
                                         : slot.type.kind == Kind::kTime ? ParseSeconds(text)
                                                                         : ParseNumber(text);
    if (number) return Value::Of(*number);
    return Unexpected(slot,
                      slot.type.kind == Kind::kFlag ? "true or false"
                      : slot.type.kind == Kind::kTime
                          ? "seconds since 1970, or a date such as 2026-01-31"
                          : "a number",
                      text);
  }

  Result<Value> GivenList(const Slot& slot, const std::vector<std::string>& given) {
    if (given.size() > kMaxListValues) {
      return InvalidArgument("parameter ${}: expected at most {} values, found {}", slot.word,
                             kMaxListValues, given.size());
    }
    if (slot.type.kind == Kind::kIds) return Ids(slot.type.space, given);
    if (slot.type.kind == Kind::kTexts) {
      std::vector<std::string_view> texts;
      for (const std::string& text : given) texts.push_back(out_.strings_.emplace_back(text));
      return Texts(std::move(texts));
    }
    std::vector<float> numbers;
    for (const std::string& text : given) {
      const std::optional<double> number = ParseNumber(text);
      if (!number) return Unexpected(slot, "numbers", text);
      numbers.push_back(static_cast<float>(*number));
    }
    return Numbers(std::move(numbers));
  }

  static std::unexpected<Error> Unexpected(const Slot& slot, std::string_view what,
                                           std::string_view found) {
    return InvalidArgument("parameter ${}: expected {}, found '{}'", slot.word, what, found);
  }

  schema::AttributeValue OfRequest(uint32_t attribute) const {
    switch (attribute) {
      case schema::request_attribute::kDevice:
        return {.category = facts_.device};
      case schema::request_attribute::kRegion:
        return {.category = facts_.region};
      case schema::request_attribute::kCurrentItem:
        return {.category = facts_.current_item};
      default:
        break;
    }
    const size_t i = attribute - schema::request_attribute::kBuiltIn;
    return i < facts_.attributes.size() ? facts_.attributes[i] : schema::AttributeValue();
  }

  Value Attribute(const Path& path, const Type& type) {
    if (path.owner == Owner::kRequest) return Of(OfRequest(path.attribute), type);
    const bool is_user = path.owner == Owner::kUser;
    const Entity entity = is_user ? Entity::kUser : Entity::kItem;
    const uint32_t id = is_user ? facts_.user : OfRequest(path.through).category;
    if (type.kind == Kind::kIds) {
      return Value::Of(facts_.catalogue.Categories(entity, path.attribute, id));
    }
    if (type.kind == Kind::kText) {
      return Value::Of(facts_.catalogue.Text(entity, path.attribute, id));
    }
    return Of(facts_.catalogue.Value(entity, path.attribute, id), type);
  }
  Value Of(const schema::AttributeValue& value, const Type& type) {
    if (type.kind == Kind::kId) return Known(value.category);
    if (type.kind == Kind::kTime) return Value::Of(SecondsOf(value.time_ms));
    return Value::Of(static_cast<double>(value.number));
  }

  BoundExpression& out_;
  const RequestFacts& facts_;
  const Arguments& arguments_;
};

Result<BoundExpression> BoundExpression::Bind(const Expression& expression,
                                              const RequestFacts& facts,
                                              const Arguments& arguments) {
  BoundExpression bound(expression.program(), facts.catalogue);
  UPNEXT_RETURN_IF_ERROR(Binder(&bound, facts, arguments).BindAll());
  return bound;
}

std::optional<double> BoundExpression::Number(uint32_t item) const {
  const double number = Run(item);
  return std::isnan(number) ? std::nullopt : std::optional(number);
}

}  // namespace upnext::expression
