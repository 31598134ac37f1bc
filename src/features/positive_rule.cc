#include "features/positive_rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace upnext::features {
namespace {

using schema::EventType;

constexpr std::string_view kPositives = "positive: ", kHistory = "; history: ",
                           kWatch = "; watch: ", kSeconds = " of the duration, or ", kUnit = " s",
                           kPower = "; weight: minutes ^ ";

// Takes `head` off the front.
bool Take(std::string_view head, std::string_view* text) {
  if (!text->starts_with(head)) return false;
  text->remove_prefix(head.size());
  return true;
}

template <typename Number>
bool TakeNumber(std::string_view* text, Number* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return *number >= 0 && *number <= 1e6;
}

// "view 1, purchase 3", up to ';'; calls set(type, weight).
template <typename Set>
bool TakeWeights(const schema::Schema& schema, std::string_view* text, const Set& set) {
  while (!text->empty() && !text->starts_with(';')) {
    const std::string_view name = text->substr(0, text->find(' '));
    const std::optional<EventType> type = schema.FindEventType(name);
    float weight;
    if (!type || name.size() == text->size()) return false;
    text->remove_prefix(name.size() + 1);
    if (!TakeNumber(text, &weight) || !(weight > 0)) return false;
    set(*type, weight);
    Take(", ", text);
  }
  return true;
}

}  // namespace

PositiveRule::PositiveRule() {
  for (const EventType type : {EventType::kWatch, EventType::kComplete}) {
    SetPositive(type, 1);
    SetInterest(type, 1);
  }
}

PositiveRule PositiveRule::Empty(double share, double seconds) {
  PositiveRule rule;
  rule.share_ = share;
  rule.seconds_ = seconds;
  rule.positives_.fill(0);
  rule.interests_.fill(0);
  return rule;
}

PositiveRule PositiveRule::CompleteEvents() {
  PositiveRule rule;
  rule.SetPositive(EventType::kWatch, 0);
  rule.SetInterest(EventType::kWatch, 0);
  return rule;
}

void PositiveRule::SetInterest(EventType type, float weight) {
  interests_[Index(type)] = weight;
  float least = 0, most = 0;
  for (const float one : interests_) {
    if (one > 0 && (least == 0 || one < least)) least = one;
    most = std::max(most, one);
  }
  weighs_history_ = least < most;
}

bool PositiveRule::history_is_positives() const {
  return std::ranges::equal(
      positives_, interests_, {}, [](float weight) { return weight > 0; },
      [](float weight) { return weight > 0; });
}

float PositiveRule::WeightOf(const schema::Event& event) const {
  const float weight = positive(event.type);
  if (watch_power_ == 0 || event.type != EventType::kWatch) return weight;
  const double seconds = std::clamp(static_cast<double>(event.value), 1.0, 3600.0);
  return weight * static_cast<float>(std::pow(seconds / 60, watch_power_));
}

bool PositiveRule::Counts(const schema::Event& event, const schema::Item& item) const {
  if (event.type != EventType::kWatch) return true;
  const double watched = event.value;  // NaN compares as not reached
  return item.duration_s > 0 ? watched >= share_ * item.duration_s : watched >= seconds_;
}

std::string PositiveRule::ToText(const schema::Schema& schema) const {
  const auto weights = [&](const std::array<float, kTypeNumbers>& of) {
    std::string text;
    for (size_t type = 1; type <= schema.event_types().size(); ++type) {
      if (of[type] == 0) continue;
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                          schema.info(static_cast<EventType>(type)).name, of[type]);
    }
    return text;
  };
  const std::string text =
      fmt::format("{}{}{}{}{}{}{}{}{}", kPositives, weights(positives_), kHistory,
                  weights(interests_), kWatch, share_, kSeconds, seconds_, kUnit);
  return watch_power_ == 0 ? text : fmt::format("{}{}{}", text, kPower, watch_power_);
}

Result<PositiveRule> PositiveRule::Parse(std::string_view text, const schema::Schema& schema) {
  PositiveRule rule = Empty(0, 0);
  std::string_view rest = text;
  const auto positive = [&](EventType type, float weight) { rule.SetPositive(type, weight); };
  const auto interest = [&](EventType type, float weight) { rule.SetInterest(type, weight); };
  const bool fits =
      Take(kPositives, &rest) && TakeWeights(schema, &rest, positive) && Take(kHistory, &rest) &&
      TakeWeights(schema, &rest, interest) && Take(kWatch, &rest) &&
      TakeNumber(&rest, &rule.share_) && Take(kSeconds, &rest) &&
      TakeNumber(&rest, &rule.seconds_) && Take(kUnit, &rest) &&
      (rest.empty() || (Take(kPower, &rest) && TakeNumber(&rest, &rule.watch_power_) &&
                        rule.watch_power_ > 0 && rest.empty()));
  if (fits) return rule;
  return DataLoss(
      "expected labels as \"positive: purchase 1; history: view 1, purchase 3; watch: 0.7 of the "
      "duration, or 30 s\" with event types of the log, found \"{}\"; train again",
      text.substr(0, 200));
}

}  // namespace upnext::features
