#include "serving/scenario.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/suggest.h"
#include "base/time_text.h"
#include "ranking/score.h"

namespace upnext::serving {
namespace {

using base::ConfigTable;

int64_t TimeOf(const ConfigTable& table, std::string_view key, int64_t fallback) {
  const std::string text = table.Text(key, "");
  if (text.empty()) return fallback;
  const auto time = base::ParseTime(text);
  if (!time) {
    table.Fail(key, fmt::format("expected a time with its offset such as \"2026-12-24T00:00:00Z\", "
                                "found \"{}\"",
                                text));
  }
  return time.value_or(fallback);
}

Period PeriodOf(const ConfigTable& table) {
  Period period;
  period.from_ms = TimeOf(table, "from", period.from_ms);
  period.until_ms = TimeOf(table, "until", period.until_ms);
  if (period.until_ms <= period.from_ms) table.Fail("until", "expected a time after `from`");
  return period;
}

std::string ItemOf(const ConfigTable& table) {
  std::string item = table.Text("item", "");
  if (item.empty()) table.Fail("item", "expected the id of an item");
  return item;
}

bool Overlap(const Period& a, const Period& b) {
  return a.from_ms < b.until_ms && b.from_ms < a.until_ms;
}

std::vector<Pin> PinsOf(const ConfigTable& table) {
  std::vector<Pin> pins;
  for (const ConfigTable& one : table.Tables("pin")) {
    if (!one.Has("position")) one.Fail("position", "expected the place of the item, from 1");
    Pin pin{.item = ItemOf(one),
            .place = static_cast<uint32_t>(one.Int("position", 1, {.min = 1, .max = 1000}) - 1),
            .period = PeriodOf(one)};
    for (const Pin& other : pins) {
      if (other.place != pin.place || !Overlap(other.period, pin.period)) continue;
      one.Fail("position", fmt::format("expected a place of its own, found that of \"{}\" at the "
                                       "same time",
                                       other.item));
    }
    pins.push_back(std::move(pin));
  }
  return pins;
}

std::vector<Hide> HidesOf(const ConfigTable& table) {
  std::vector<Hide> hides;
  for (const ConfigTable& one : table.Tables("hide")) {
    hides.push_back({.item = ItemOf(one), .period = PeriodOf(one)});
  }
  return hides;
}

std::vector<Cap> CapsOf(const ConfigTable& table, const schema::Schema& schema) {
  std::vector<Cap> caps;
  const auto attributes = schema.attributes(schema::Entity::kItem);
  const auto is_category = [](const schema::Attribute& one) {
    return one.kind == schema::Kind::kCategory || one.kind == schema::Kind::kCategories;
  };
  for (const std::string& name : table.Keys()) {
    const auto most = static_cast<uint32_t>(table.Int(name, 1, {.min = 1, .max = 1000}));
    const auto attribute = schema.FindAttribute(schema::Entity::kItem, name);
    if (attribute && is_category(attributes[*attribute])) {
      caps.push_back({*attribute, most});
      continue;
    }
    std::vector<std::string> names;
    for (const schema::Attribute& one : attributes) {
      if (is_category(one)) names.push_back(one.name);
    }
    table.Fail(name, fmt::format("expected an attribute of items that is a category: {}",
                                 fmt::join(names, ", ")));
  }
  return caps;
}

std::optional<std::string> ScoreOf(const ConfigTable& table,
                                   const std::optional<std::string>& fallback) {
  if (!table.Has("score")) return fallback;
  std::string score = table.Text("score", "");
  if (const auto weights = ranking::ParseScoreWeights(score); !weights) {
    table.Fail("score", weights.error().message);
  }
  return score;
}

// `of`: what holds where the table says nothing. Pins and hides of [serving] hold in every scenario.
Scenario Read(const ConfigTable& table, const schema::Schema& schema, Scenario of) {
  for (const retrieval::GeneratorEntry& entry : retrieval::BuiltInGenerators()) {
    const ConfigTable budgets = table.Table("generators");
    if (!budgets.Has(entry.name)) continue;
    of.budgets[std::string(entry.name)] =
        static_cast<uint32_t>(budgets.Int(entry.name, 0, {.min = 0, .max = 100'000}));
  }
  of.score = ScoreOf(table, of.score);
  of.diversity = table.Real("diversity", of.diversity, {.min = 0, .max = 1});
  of.novelty = static_cast<Novelty>(
      table.Choice("diversity_by", {"mmr", "dpp"}, static_cast<size_t>(of.novelty)));
  if (table.Has("at_most")) of.caps = CapsOf(table.Table("at_most"), schema);
  of.fresh_share = table.Real("fresh_share", of.fresh_share, {.min = 0, .max = 1});
  of.fresh_days = table.Real("fresh_days", of.fresh_days, {.min = 0.01, .max = 3650});
  of.explore = table.Real("explore", of.explore, {.min = 0, .max = 1});
  of.rotation = table.Real("rotation", of.rotation, {.min = 0, .max = 1});
  of.rotation_hours = table.Real("rotation_hours", of.rotation_hours, {.min = 0.01, .max = 168});
  of.budget_ms = table.Real("budget_ms", of.budget_ms, {.min = 0, .max = 60'000});
  if (table.Has("min_score")) of.min_score = table.Real("min_score", 0);
  for (Pin& pin : PinsOf(table)) of.pins.push_back(std::move(pin));
  for (Hide& hide : HidesOf(table)) of.hides.push_back(std::move(hide));
  return of;
}

}  // namespace

std::string Scenario::Title() const {
  return fmt::format("[{}{}{}]", name.empty() ? "serving" : "scenario.", name,
                     fewer_than ? ".cold_start" : "");
}

void Scenarios::Add(Scenario scenario, const ConfigTable& table, const ConfigTable& serving,
                    const schema::Schema& schema, const ExpressionTexts& site) {
  all_.push_back(std::move(scenario));
  const bool is_own = table.Has("cold_start");
  if (!is_own && !serving.Has("cold_start")) return;
  const ConfigTable policy = (is_own ? table : serving).Table("cold_start");
  Scenario& of = all_.back();
  Scenario cold = of;
  cold.expressions = ExpressionTexts::FromConfig(policy, schema, of.expressions.value_or(site));
  cold = Read(policy, schema, std::move(cold));
  cold.fewer_than =
      static_cast<uint32_t>(policy.Int("fewer_than", 1, {.min = 1, .max = features::kBagLimit}));
  of.cold_start = all_.size();
  all_.push_back(std::move(cold));
}

Scenarios Scenarios::FromConfig(const base::Config& config, const schema::Schema& schema) {
  Scenarios scenarios;
  scenarios.all_.clear();
  const ConfigTable serving = config.Table("serving");
  const ConfigTable tables = config.Table("scenario");
  const ExpressionTexts site = ExpressionTexts::FromConfig(config);
  const Scenario everywhere = Read(serving, schema, {});
  scenarios.Add(everywhere, serving, serving, schema, site);
  for (const std::string& name : tables.Keys()) {
    const ConfigTable table = tables.Table(name);
    Scenario of = everywhere;
    of.name = name;
    of.expressions = ExpressionTexts::FromConfig(table, schema, site);
    scenarios.Add(Read(table, schema, std::move(of)), table, serving, schema, site);
  }
  return scenarios;
}

Scenarios Scenarios::WithoutRules() const {
  Scenarios plain;
  plain.all_.clear();
  for (const Scenario& one : all_) {
    if (one.fewer_than) continue;
    Scenario& of = plain.all_.emplace_back();
    of.name = one.name;
    of.budgets = one.budgets;
    of.score = one.score;
    of.expressions = ExpressionTexts{};
  }
  return plain;
}

const Scenario& Scenarios::For(const Scenario& scenario, const features::UserState& state) const {
  if (scenario.cold_start == 0) return scenario;
  const Scenario& cold = all_[scenario.cold_start];
  return state.watches().size() < *cold.fewer_than ? cold : scenario;
}

bool Scenarios::Rotates(const Scenario& scenario) const {
  return scenario.rotation > 0 ||
         (scenario.cold_start > 0 && all_[scenario.cold_start].rotation > 0);
}

// A scenario comes before its [....cold_start], which has the same name.
Result<const Scenario*> Scenarios::Find(std::string_view name) const {
  const auto found = std::ranges::find(all_, name, &Scenario::name);
  if (found != all_.end()) return &*found;
  std::vector<std::string> names;
  for (const Scenario& one : all_) {
    if (!one.name.empty() && !one.fewer_than) names.push_back(one.name);
  }
  return InvalidArgument("scenario '{}': expected one of the project file's [scenario.NAME]{}{}",
                         name, names.empty() ? ", which has none" : ": ", fmt::join(names, ", "));
}

}  // namespace upnext::serving
