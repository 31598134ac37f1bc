#include "ranking/model_file.h"

#include <utility>

#include "schema/schema.h"

namespace upnext::ranking {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kLabels[] = {"event", "watch_seconds", "rating", "unwanted",
                                        "completion"};
constexpr std::string_view kLosses[] = {"logistic", "weighted_logistic", "squared",
                                        "huber",    "quantile",          "ordinal"};
constexpr std::string_view kForms[] = {"paper", "exact"};

// The name of a built-in type; the number of a type of the site's own, which the log's schema names.
Json TypeJson(schema::EventType type) {
  if (schema::Schema().Has(type)) return schema::EventTypeName(type);
  return static_cast<size_t>(type);
}

Json TypesJson(const schema::EventTypeSet& types) {
  Json list = Json::array();
  for (size_t number = 1; number <= schema::kMaxEventTypes; ++number) {
    const auto type = static_cast<schema::EventType>(number);
    if (types.Has(type)) list.push_back(TypeJson(type));
  }
  return list;
}

}  // namespace

Json ObjectiveJson(const Objective& objective) {
  Json json = {{"name", objective.name},
               {"label", kLabels[static_cast<size_t>(objective.label)]},
               {"event", TypeJson(objective.event)},
               {"loss", kLosses[static_cast<size_t>(objective.loss)]},
               {"form", kForms[static_cast<size_t>(objective.form)]},
               {"cap", objective.cap},
               {"delta", objective.delta},
               {"buckets", objective.buckets},
               {"observed", TypesJson(objective.observed)},
               {"loss_weight", objective.loss_weight},
               {"score_weight", objective.score_weight},
               {"position_bias", objective.position_bias}};
  if (objective.label == Objective::Label::kUnwanted) {
    json["against"] = TypesJson(objective.against);
    json["low_rating"] = objective.low_rating;
  }
  return json;
}

Objective ObjectiveFrom(const Json& json, ModelFileReader& read) {
  Objective objective;
  objective.name = read.Text(json, "name");
  objective.label = read.Choice<Objective::Label>(json, "label", kLabels);
  objective.event = read.Event("event", read.Member(json, "event"));
  objective.loss = read.Choice<Objective::Loss>(json, "loss", kLosses);
  objective.form = read.Choice<nn::WatchTimeForm>(json, "form", kForms);
  objective.cap = static_cast<float>(read.Number(json, "cap", 0, kMaxFileNumber));
  if (objective.loss == Objective::Loss::kHuber) {
    objective.delta = static_cast<float>(read.Number(json, "delta", 1e-4, kMaxFileNumber));
  }
  if (objective.learns()) {
    if (objective.label != Objective::Label::kWatchSeconds) {
      read.Fail("loss", "is of watch_seconds alone");
    }
    objective.buckets =
        static_cast<uint32_t>(read.Number(json, "buckets", 1, WatchQuantiles::kMaxBuckets));
  }
  const auto types = [&](const char* key) {
    schema::EventTypeSet set;
    for (const Json& name : read.Array(json, key, schema::kMaxEventTypes)) {
      set.Add(read.Event(key, name));
    }
    return set;
  };
  objective.observed = types("observed");
  if (objective.label == Objective::Label::kUnwanted) {
    objective.against = types("against");
    objective.low_rating =
        static_cast<float>(read.Number(json, "low_rating", -1, schema::kMaxValue));
  }
  objective.loss_weight = static_cast<float>(read.Number(json, "loss_weight", 0, kMaxFileNumber));
  objective.score_weight =
      static_cast<float>(read.Number(json, "score_weight", -kMaxFileNumber, kMaxFileNumber));
  objective.position_bias = read.Flag(json, "position_bias");
  return objective;
}

}  // namespace upnext::ranking
