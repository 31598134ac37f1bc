// Converts reports to JSON and back. "retrieval" and "ranking" contain plain values for programs;
// "intervals" contains every metric of every row with its interval, which ParseJson reads.
#include <cmath>
#include <nlohmann/json.hpp>

#include "evaluation/report.h"
#include "report/json_number.h"
#include "report/metric_names.h"
#include "report/ranker_details.h"
#include "report/render.h"
#include "report/retrieval_details.h"

namespace upnext::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kAuc = "auc.";

// The metrics among `keys`. A model has every key, with null for missing metrics; a baseline has
// only those that it has values for.
Json MainFigures(const evaluation::ModelMetrics& row, std::span<const char* const> keys,
                 bool every) {
  Json json = Json::object();
  for (const char* key : keys) {
    const auto found = row.metrics.find(key);
    if (found != row.metrics.end()) {
      json[key] = NumberJson(found->second.value);
    } else if (every) {
      json[key] = nullptr;
    }
  }
  return json;
}

void AddAuc(const evaluation::ModelMetrics& row, bool every, Json* json) {
  Json auc = Json::object();
  for (const auto& [key, metric] : row.metrics) {
    if (key.starts_with(kAuc)) auc[key.substr(kAuc.size())] = NumberJson(metric.value);
  }
  if (every || !auc.empty()) (*json)["auc"] = std::move(auc);
}

template <typename Stage>
Json Intervals(const Stage& stage) {
  Json json{{"model", {{"name", stage.model.name}, {"figures", AllFigures(stage.model)}}},
            {"baselines", Json::array()}};
  if (stage.current) {
    json["current"] = {{"name", stage.current->name}, {"figures", AllFigures(*stage.current)}};
  }
  for (const evaluation::ModelMetrics& row : stage.baselines) {
    json["baselines"].push_back({{"name", row.name}, {"figures", AllFigures(row)}});
  }
  return json;
}

template <typename Stage>
void ReadStage(const Json& json, Stage* stage) {
  stage->model = ReadModel(json.at("model"));
  if (json.contains("current")) stage->current = ReadModel(json.at("current"));
  for (const Json& row : json.at("baselines")) stage->baselines.push_back(ReadModel(row));
}

// The current bundle's on the same events, where they were measured.
template <typename Stage>
void AddCurrent(const Stage& stage, std::span<const char* const> keys, Json* json) {
  if (!stage.current) return;
  Json& current = (*json)["current"] = MainFigures(*stage.current, keys, /*every=*/true);
  AddAuc(*stage.current, /*every=*/false, &current);
}

Json DifferenceJson(const evaluation::PairedDifference& difference) {
  return {{"stage", difference.stage},
          {"metric", difference.metric},
          {"less_is_better", difference.less_is_better},
          {"next", NumberJson(difference.next)},
          {"current", NumberJson(difference.current)},
          {"interval", {NumberJson(difference.interval.low), NumberJson(difference.interval.high)}},
          {"users", difference.users}};
}

evaluation::PairedDifference ReadDifference(const Json& json) {
  return {
      .stage = json.at("stage").get<std::string>(),
      .metric = json.at("metric").get<std::string>(),
      .less_is_better = json.at("less_is_better").get<bool>(),
      .next = ReadNumber(json.at("next")),
      .current = ReadNumber(json.at("current")),
      .interval = {ReadNumber(json.at("interval").at(0)), ReadNumber(json.at("interval").at(1))},
      .users = json.at("users").get<uint64_t>()};
}

Json LossJson(const evaluation::BaselineLoss& loss) {
  return {{"baseline", loss.baseline},
          {"ours", loss.ours},
          {"difference", DifferenceJson(loss.difference)}};
}

std::vector<evaluation::BaselineLoss> ReadLosses(const Json& json, std::string_view stage) {
  std::vector<evaluation::BaselineLoss> losses;
  for (const Json& loss : json) {
    if (loss.at("difference").at("stage").get<std::string>() != stage) continue;
    losses.push_back({.baseline = loss.at("baseline").get<std::string>(),
                      .ours = loss.at("ours").get<std::string>(),
                      .difference = ReadDifference(loss.at("difference"))});
  }
  return losses;
}

Json OrderJson(const evaluation::OrderChoice& choice) {
  Json json{{"chosen", choice.order.ToText()},
            {"users", choice.users},
            {"parts", Json::array()},
            {"tried", Json::array()}};
  for (const auto& part : choice.order.parts) {
    json["parts"].push_back({{"generator", part.generator},
                             {"weight", part.weight},
                             {"half_life_hours", part.half_life_hours}});
  }
  for (const evaluation::TriedOrder& one : choice.tried) {
    json["tried"].push_back(
        {{"order", one.order},
         {"ndcg@10", NumberJson(one.ndcg)},
         {"difference", {NumberJson(one.difference.low), NumberJson(one.difference.high)}}});
  }
  return json;
}

evaluation::OrderChoice ReadOrder(const Json& json) {
  evaluation::OrderChoice choice;
  choice.users = json.at("users").get<uint64_t>();
  for (const Json& part : json.at("parts")) {
    choice.order.parts.push_back({part.at("generator").get<std::string>(),
                                  part.at("weight").get<double>(),
                                  part.at("half_life_hours").get<double>()});
  }
  for (const Json& one : json.at("tried")) {
    choice.tried.push_back({.order = one.at("order").get<std::string>(),
                            .ndcg = ReadNumber(one.at("ndcg@10")),
                            .difference = {ReadNumber(one.at("difference").at(0)),
                                           ReadNumber(one.at("difference").at(1))}});
  }
  return choice;
}

void AddRetrievalJson(const evaluation::RetrievalReport& retrieval, Json* json) {
  Json stage = MainFigures(retrieval.model, kRetrievalKeys, /*every=*/true);
  if (retrieval.served) {
    stage["served"] = MainFigures(*retrieval.served, kRetrievalKeys, /*every=*/true);
  }
  if (retrieval.ranked) {
    stage["ranked_feed"] = MainFigures(*retrieval.ranked, kRetrievalKeys, /*every=*/true);
    (*json)["users"]["ranked_feed"] = retrieval.ranked_users;
  }
  for (const auto& loss : retrieval.losses) (*json)["losses"].push_back(LossJson(loss));
  AddCurrent(retrieval, kRetrievalKeys, &stage);
  stage["baselines"] = Json::object();
  for (const evaluation::ModelMetrics& row : retrieval.baselines) {
    stage["baselines"][row.name] = MainFigures(row, kRetrievalKeys, /*every=*/false);
  }
  (*json)["retrieval"] = std::move(stage);
  (*json)["targets"] = {{"all", retrieval.targets.all},
                        {"seen", retrieval.targets.seen},
                        {"disliked", retrieval.targets.disliked},
                        {"removed", retrieval.targets.removed}};
  (*json)["users"]["retrieval"] = retrieval.users;
  if (!retrieval.network.empty()) (*json)["candidate_model"] = {{"network", retrieval.network}};
  (*json)["items"]["retrieval"] = retrieval.items;
  (*json)["intervals"]["retrieval"] = Intervals(retrieval);
  AddRetrievalDetailsJson(retrieval, json);
  Json& intervals = (*json)["intervals"]["retrieval"];
  const auto add = [&](const char* key, const std::optional<evaluation::ModelMetrics>& row) {
    if (row) intervals[key] = {{"name", row->name}, {"figures", AllFigures(*row)}};
  };
  add("served", retrieval.served);
  add("ranked_feed", retrieval.ranked);
}

void AddRankingJson(const evaluation::RankingReport& ranking, Json* json) {
  Json stage = MainFigures(ranking.model, kRankingKeys, /*every=*/true);
  AddAuc(ranking.model, /*every=*/true, &stage);
  AddCurrent(ranking, kRankingKeys, &stage);
  stage["baselines"] = Json::object();
  for (const evaluation::ModelMetrics& row : ranking.baselines) {
    Json& baseline = stage["baselines"][row.name] = MainFigures(row, kRankingKeys, false);
    AddAuc(row, /*every=*/false, &baseline);
  }
  for (const auto& loss : ranking.losses) (*json)["losses"].push_back(LossJson(loss));
  (*json)["ranking"] = std::move(stage);
  (*json)["users"]["ranking"] = ranking.users;
  (*json)["impressions"]["ranking"] = ranking.impressions;
  (*json)["ranker"] = {{"architecture", ranking.architecture},
                       {"multiplications", ranking.multiplications}};
  AddRankerDetailsJson(ranking, &(*json)["ranker"]);
  (*json)["intervals"]["ranking"] = Intervals(ranking);
}

evaluation::Report Read(const Json& json) {
  evaluation::Report report;
  const Json& intervals = json.at("intervals");
  if (intervals.contains("retrieval")) {
    evaluation::RetrievalReport& retrieval = report.retrieval.emplace();
    ReadStage(intervals.at("retrieval"), &retrieval);
    retrieval.users = json.at("users").at("retrieval").get<uint64_t>();
    if (json.contains("candidate_model")) {
      retrieval.network = json.at("candidate_model").at("network").get<std::string>();
    }
    retrieval.items = json.at("items").at("retrieval").get<uint64_t>();
    if (intervals.at("retrieval").contains("served")) {
      retrieval.served = ReadModel(intervals.at("retrieval").at("served"));
    }
    if (intervals.at("retrieval").contains("ranked_feed")) {
      retrieval.ranked = ReadModel(intervals.at("retrieval").at("ranked_feed"));
      retrieval.ranked_users = json.at("users").at("ranked_feed").get<uint64_t>();
    }
    retrieval.losses = ReadLosses(json.at("losses"), "retrieval");
    ReadRetrievalDetails(json, &retrieval);
    const Json& targets = json.at("targets");
    retrieval.targets = {.all = targets.at("all").get<uint64_t>(),
                         .seen = targets.at("seen").get<uint64_t>(),
                         .disliked = targets.at("disliked").get<uint64_t>(),
                         .removed = targets.at("removed").get<uint64_t>()};
  }
  if (intervals.contains("ranking")) {
    evaluation::RankingReport& ranking = report.ranking.emplace();
    ReadStage(intervals.at("ranking"), &ranking);
    ranking.losses = ReadLosses(json.at("losses"), "ranking");
    ranking.users = json.at("users").at("ranking").get<uint64_t>();
    ranking.impressions = json.at("impressions").at("ranking").get<uint64_t>();
    ranking.architecture = json.at("ranker").at("architecture").get<std::string>();
    ranking.multiplications = json.at("ranker").at("multiplications").get<uint64_t>();
    ReadRankerDetails(json.at("ranker"), &ranking);
  }
  for (const Json& one : json.at("differences")) report.differences.push_back(ReadDifference(one));
  if (json.contains("order")) report.order = ReadOrder(json.at("order"));
  report.split = json.at("split").get<std::string>();
  report.seed = json.at("seed").get<uint64_t>();
  report.machine = json.at("machine").get<std::string>();
  report.version = json.at("version").get<std::string>();
  report.notes = json.at("notes").get<std::vector<std::string>>();
  return report;
}

}  // namespace

std::string RenderJson(const evaluation::Report& report) {
  Json json = Json::object();
  json["split"] = report.split;
  json["seed"] = report.seed;
  json["machine"] = report.machine;
  json["version"] = report.version;
  json["notes"] = report.notes;
  json["differences"] = Json::array();
  for (const evaluation::PairedDifference& difference : report.differences) {
    json["differences"].push_back(DifferenceJson(difference));
  }
  if (report.order) json["order"] = OrderJson(*report.order);
  json["users"] = Json::object();
  json["intervals"] = Json::object();
  json["losses"] = Json::array();
  if (report.retrieval) AddRetrievalJson(*report.retrieval, &json);
  if (report.ranking) AddRankingJson(*report.ranking, &json);
  // Names come from project files and may contain any bytes; invalid UTF-8 is replaced.
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Result<evaluation::Report> ParseJson(std::string_view json) {
  try {
    return Read(Json::parse(json));
  } catch (const nlohmann::json::exception& error) {
    return DataLoss("expected a report written by upnext, found other or damaged JSON ({})",
                    error.what());
  }
}

}  // namespace upnext::report
