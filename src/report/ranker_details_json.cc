// The details of a ranker as JSON, and back.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/ranker_report.h"
#include "report/json_number.h"
#include "report/ranker_details.h"

namespace upnext::report {
namespace {

using Json = nlohmann::ordered_json;

Json NumbersJson(const std::vector<double>& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(NumberJson(value));
  return json;
}

std::vector<double> ReadNumbers(const Json& json) {
  std::vector<double> values;
  for (const Json& value : json) values.push_back(ReadNumber(value));
  return values;
}

Json CalibrationJson(const evaluation::TaskCalibration& task) {
  Json bins = Json::array();
  for (const evaluation::CalibrationBin& bin : task.bins) {
    bins.push_back({{"predicted", NumberJson(bin.predicted)},
                    {"observed", NumberJson(bin.observed)},
                    {"examples", bin.examples}});
  }
  return {{"objective", task.objective},
          {"slope", NumberJson(task.slope)},
          {"error", NumberJson(task.error)},
          {"bins", std::move(bins)}};
}

evaluation::TaskCalibration ReadCalibration(const Json& json) {
  evaluation::TaskCalibration task{.objective = json.at("objective").get<std::string>(),
                                   .slope = ReadNumber(json.at("slope")),
                                   .error = ReadNumber(json.at("error"))};
  for (const Json& bin : json.at("bins")) {
    task.bins.push_back({ReadNumber(bin.at("predicted")), ReadNumber(bin.at("observed")),
                         bin.at("examples").get<uint64_t>()});
  }
  return task;
}

Json ContributionJson(const evaluation::Contribution& one) {
  return {{"objective", one.objective},
          {"exponent", one.exponent},
          {"variance_share", NumberJson(one.variance_share)},
          {"correlation", NumberJson(one.correlation)},
          {"value", NumberJson(one.value)},
          {"value_without", NumberJson(one.value_without)}};
}

evaluation::Contribution ReadContribution(const Json& json) {
  return {.objective = json.at("objective").get<std::string>(),
          .exponent = json.at("exponent").get<double>(),
          .variance_share = ReadNumber(json.at("variance_share")),
          .correlation = ReadNumber(json.at("correlation")),
          .value = ReadNumber(json.at("value")),
          .value_without = ReadNumber(json.at("value_without"))};
}

Json ExpertsJson(const evaluation::ExpertUse& use) {
  Json json{{"impressions", use.impressions}, {"experts", use.experts}, {"tasks", Json::array()}};
  for (const evaluation::ExpertUse::Task& task : use.tasks) {
    json["tasks"].push_back(
        {{"objective", task.objective}, {"weights", NumbersJson(task.weights)}});
  }
  return json;
}

evaluation::ExpertUse ReadExperts(const Json& json) {
  evaluation::ExpertUse use{.experts = json.at("experts").get<std::vector<std::string>>(),
                            .impressions = json.at("impressions").get<uint64_t>()};
  for (const Json& task : json.at("tasks")) {
    use.tasks.push_back({task.at("objective").get<std::string>(), ReadNumbers(task.at("weights"))});
  }
  return use;
}

Json BiasJson(const evaluation::BiasByPosition& bias) {
  Json json{{"positions", bias.positions}, {"rates", Json::array()}, {"learned", Json::array()}};
  for (const evaluation::BiasByPosition::Rates& rates : bias.rates) {
    json["rates"].push_back({{"device", rates.device},
                             {"impressions", rates.impressions},
                             {"click_rate", NumbersJson(rates.click_rate)}});
  }
  for (const evaluation::BiasByPosition::Learned& learned : bias.learned) {
    json["learned"].push_back({{"objective", learned.objective},
                               {"device", learned.device},
                               {"logit", NumbersJson(learned.logit)}});
  }
  return json;
}

evaluation::BiasByPosition ReadBias(const Json& json) {
  evaluation::BiasByPosition bias{.positions = json.at("positions").get<std::vector<size_t>>()};
  for (const Json& rates : json.at("rates")) {
    bias.rates.push_back({rates.at("device").get<std::string>(),
                          rates.at("impressions").get<std::vector<uint64_t>>(),
                          ReadNumbers(rates.at("click_rate"))});
  }
  for (const Json& learned : json.at("learned")) {
    bias.learned.push_back({learned.at("objective").get<std::string>(),
                            learned.at("device").get<std::string>(),
                            ReadNumbers(learned.at("logit"))});
  }
  return bias;
}

Json ImportanceJson(const evaluation::Importance& importance) {
  Json json{{"impressions", importance.impressions},
            {"requests", importance.requests},
            {"loss", NumberJson(importance.loss)},
            {"objectives", importance.objectives},
            {"features", Json::array()}};
  for (const evaluation::FeatureImportance& one : importance.features) {
    json["features"].push_back({{"feature", one.feature},
                                {"of_request", one.of_request},
                                {"loss_rise", NumberJson(one.loss_rise)},
                                {"error", NumberJson(one.error)},
                                {"pairs_fall", NumbersJson(one.pairs_fall)}});
  }
  return json;
}

evaluation::Importance ReadImportance(const Json& json) {
  evaluation::Importance importance{
      .objectives = json.at("objectives").get<std::vector<std::string>>(),
      .impressions = json.at("impressions").get<uint64_t>(),
      .requests = json.at("requests").get<uint64_t>(),
      .loss = ReadNumber(json.at("loss"))};
  for (const Json& one : json.at("features")) {
    importance.features.push_back({.feature = one.at("feature").get<std::string>(),
                                   .of_request = one.at("of_request").get<bool>(),
                                   .loss_rise = ReadNumber(one.at("loss_rise")),
                                   .error = ReadNumber(one.at("error")),
                                   .pairs_fall = ReadNumbers(one.at("pairs_fall"))});
  }
  return importance;
}

}  // namespace

void AddRankerDetailsJson(const evaluation::RankingReport& ranking, Json* ranker) {
  Json& calibration = (*ranker)["calibration"] = Json::array();
  for (const auto& task : ranking.calibration) calibration.push_back(CalibrationJson(task));
  Json& contributions = (*ranker)["contributions"] = Json::array();
  for (const auto& one : ranking.contributions) contributions.push_back(ContributionJson(one));
  if (!ranking.experts.tasks.empty()) (*ranker)["experts"] = ExpertsJson(ranking.experts);
  if (!ranking.bias.positions.empty()) (*ranker)["bias"] = BiasJson(ranking.bias);
  if (ranking.importance) (*ranker)["importance"] = ImportanceJson(*ranking.importance);
}

void ReadRankerDetails(const Json& ranker, evaluation::RankingReport* ranking) {
  for (const Json& task : ranker.at("calibration")) {
    ranking->calibration.push_back(ReadCalibration(task));
  }
  for (const Json& one : ranker.at("contributions")) {
    ranking->contributions.push_back(ReadContribution(one));
  }
  if (ranker.contains("experts")) ranking->experts = ReadExperts(ranker.at("experts"));
  if (ranker.contains("bias")) ranking->bias = ReadBias(ranker.at("bias"));
  if (ranker.contains("importance")) ranking->importance = ReadImportance(ranker.at("importance"));
}

}  // namespace upnext::report
