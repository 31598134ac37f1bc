#include "features/signal_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/numbers.h"
#include "base/suggest.h"

namespace upnext::features {
namespace {

using schema::EventType;
using schema::Role;

constexpr double kMaxWeight = 1000;

bool MayHaveWeight(Role role) {
  return role == Role::kPositive || role == Role::kStrength || role == Role::kContext;
}

std::vector<std::string> NamesOfTypes(const schema::Schema& schema) {
  std::vector<std::string> names;
  for (const schema::EventTypeInfo& type : schema.event_types()) {
    if (MayHaveWeight(type.role)) names.push_back(type.name);
  }
  return names;
}

SignalOptions::Weights ReadWeights(const base::ConfigTable& table, std::string_view key,
                                   const schema::Schema& schema) {
  SignalOptions::Weights weights;
  if (!table.Has(key)) return weights;
  if (!table.IsTable(key)) {
    table.Fail(key,
               "expected event types with weights, as in { purchase = 1.0, add_to_cart = 0.3 }");
    return weights;
  }
  const base::ConfigTable types = table.Table(key);
  for (const std::string& name : types.Keys()) {
    const double weight = types.Real(name, 1, {.min = 0.001, .max = kMaxWeight});
    const std::optional<EventType> type = schema.FindEventType(name);
    if (!type) {
      types.Fail(name, fmt::format("expected an event type, found '{}'{}", name,
                                   base::DidYouMean(name, NamesOfTypes(schema))));
    } else if (!MayHaveWeight(schema.info(*type).role)) {
      types.Fail(name, fmt::format("expected an event type that says that a user is interested in "
                                   "the item, found '{}' of role {}",
                                   name, schema::RoleName(schema.info(*type).role)));
    } else {
      weights.emplace_back(*type, static_cast<float>(weight));
    }
  }
  if (types.Keys().empty()) {
    table.Fail(key, "expected at least one event type, as in { purchase = 1.0 }");
  }
  return weights;
}

// Types that are positive together, the strongest first.
std::vector<std::vector<EventType>> Strengths(const schema::Schema& schema) {
  std::vector<std::vector<EventType>> strengths = {{EventType::kWatch, EventType::kComplete},
                                                   {EventType::kPurchase},
                                                   {EventType::kAddToCart},
                                                   {}};
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<EventType>(number);
    const bool known = type == EventType::kClick || type == EventType::kComplete ||
                       type == EventType::kPurchase || type == EventType::kAddToCart;
    if (!known && schema.info(type).role == Role::kPositive) strengths.back().push_back(type);
  }
  strengths.push_back({EventType::kClick});
  return strengths;
}

// The first with enough events, else the first with any, else the first.
std::vector<EventType> StrongestPresent(const schema::Schema& schema,
                                        const EventCountsByType& counts) {
  const std::vector<std::vector<EventType>> strengths = Strengths(schema);
  const auto with = [&](uint64_t least) {
    return std::ranges::find_if(strengths, [&](const std::vector<EventType>& types) {
      uint64_t events = 0;
      for (const EventType type : types) events += counts[static_cast<size_t>(type)];
      return events >= least;
    });
  };
  auto found = with(kEnoughEvents);
  if (found == strengths.end()) found = with(1);
  if (found == strengths.end() || found == strengths.begin()) return strengths.front();
  std::vector<EventType> present = *found;
  std::erase_if(present, [&](EventType type) { return counts[static_cast<size_t>(type)] == 0; });
  return present;
}

// "[labels] positives: { purchase = 1 }", as given.
std::string Given(std::string_view key, const SignalOptions::Weights& weights,
                  const schema::Schema& schema) {
  std::string text;
  for (const auto& [type, weight] : weights) {
    text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", schema.info(type).name, weight);
  }
  return fmt::format("{} {{ {} }}", key, text);
}

}  // namespace

SignalOptions SignalOptions::FromConfig(const base::Config& config, const schema::Schema& schema) {
  SignalOptions options;
  const base::ConfigTable labels = config.Table("labels"), history = config.Table("history");
  options.positives = ReadWeights(labels, "positives", schema);
  options.history = ReadWeights(history, "types", schema);
  options.share = labels.Real("complete_share", options.share, {.min = 0.01, .max = 1});
  options.seconds = labels.Real("complete_seconds", options.seconds, {.min = 0, .max = 86'400});
  options.watch_power = labels.Real("watch_power", options.watch_power, {.min = 0, .max = 1});
  if (!labels.Has("complete")) return options;
  const bool event = labels.Choice("complete", {"watch", "event"}, 0) == 1;
  if (labels.Has("positives")) {
    labels.Fail("complete", "expected `complete` or `positives`, found both; remove `complete`");
    return options;
  }
  options.positives = {{EventType::kComplete, 1.0f}};
  if (!event) options.positives.emplace_back(EventType::kWatch, 1.0f);
  return options;
}

float DefaultInterest(const schema::Schema& schema, EventType type) {
  const schema::EventTypeInfo& info = schema.info(type);
  if (type == EventType::kPurchase) return 3;
  if (type == EventType::kClick || type == EventType::kWatch) return 1;
  if (info.role == Role::kPositive) return 2;
  const bool declared = static_cast<size_t>(type) >= schema::kEventTypes;
  return info.role == Role::kContext && declared ? 1 : 0;
}

PositiveRule SignalOptions::Resolve(const schema::Schema& schema,
                                    const EventCountsByType& counts) const {
  PositiveRule rule = PositiveRule::Empty(share, seconds);
  rule.SetWatchPower(watch_power);
  for (const auto& [type, weight] : positives) rule.SetPositive(type, weight);
  if (positives.empty()) {
    for (const EventType type : StrongestPresent(schema, counts)) rule.SetPositive(type, 1);
  }
  for (const auto& [type, weight] : history) rule.SetInterest(type, weight);
  if (!history.empty()) return rule;
  const bool watched =
      rule.MayBePositive(EventType::kWatch) || rule.MayBePositive(EventType::kComplete);
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<EventType>(number);
    if (watched) {
      rule.SetInterest(type, rule.MayBePositive(type) ? 1 : 0);
    } else if (counts[number] > 0 || rule.MayBePositive(type)) {
      rule.SetInterest(type, DefaultInterest(schema, type));
    }
  }
  return rule;
}

Status SignalOptions::Check(const PositiveRule& rule, const schema::Schema& schema,
                            const std::string& version) const {
  const auto differs = [&](const std::string& given) {
    return FailedPrecondition(
        "[labels] or [history] changed since bundle {} was trained (then: {}; now: {}), so user "
        "states would mean something else than its models learned: train again, or put them back",
        version, rule.ToText(schema), given);
  };
  if (rule.share() != share || rule.seconds() != seconds) {
    return differs(fmt::format("complete_share = {}, complete_seconds = {}", share, seconds));
  }
  const PositiveRule now = Resolve(schema, {});
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<EventType>(number);
    if (!positives.empty() && now.positive(type) != rule.positive(type)) {
      return differs(Given("positives", positives, schema));
    }
    if (!history.empty() && now.interest(type) != rule.interest(type)) {
      return differs(Given("[history] types", history, schema));
    }
  }
  return Ok();
}

std::vector<std::string> Describe(const PositiveRule& rule, const schema::Schema& schema,
                                  const EventCountsByType& counts) {
  const auto list = [&](const auto& weight_of, double power) {
    std::string text;
    for (size_t number = 1; number <= schema.event_types().size(); ++number) {
      const auto type = static_cast<EventType>(number);
      const float weight = weight_of(type);
      if (weight == 0 || counts[number] == 0) continue;
      const bool by_minutes = power > 0 && type == EventType::kWatch;
      text += fmt::format("{}{} {} (weight {}{})", text.empty() ? "" : ", ",
                          base::WithThousands(counts[number]), schema.info(type).name, weight,
                          by_minutes ? fmt::format(" x minutes ^ {:g}", power) : "");
    }
    return text.empty() ? std::string("none in the log") : text;
  };
  std::vector<std::string> lines = {
      "positive examples: " +
          list([&](EventType type) { return rule.positive(type); }, rule.watch_power()),
      "history: " + list([&](EventType type) { return rule.interest(type); }, /*power=*/0)};
  const auto watch = EventType::kWatch;
  if (counts[static_cast<size_t>(watch)] > 0 &&
      (rule.positive(watch) > 0 || rule.interest(watch) > 0)) {
    lines.push_back(
        fmt::format("a watch counts from {:g} % of the item's duration on, or {:g} s where that is "
                    "unknown",
                    100 * rule.share(), rule.seconds()));
  }
  return lines;
}

}  // namespace upnext::features
