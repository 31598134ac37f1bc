#include "report/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace upnext::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

evaluation::Report Example() {
  evaluation::Report report;
  evaluation::RetrievalReport& retrieval = report.retrieval.emplace();
  retrieval.model = {"candidate model",
                     {{"hr@10", {0.31, {0.30, 0.32}}},
                      {"ndcg@10", {0.18, {0.17, 0.19}}},
                      {"recall@100", {0.70, {0.69, 0.71}}},
                      {"recall@10", {0.31, {0.30, 0.32}}},
                      {"map", {0.15, {0.14, 0.16}}},
                      {"coverage@10", {0.5, evaluation::kNoInterval}}}};
  retrieval.baselines = {{"popularity", {{"hr@10", {0.04, {0.03, 0.05}}}}},
                         {"markov", {{"hr@10", {0.2144, {0.2, 0.23}}}}}};
  retrieval.losses = {{.baseline = "item-knn",
                       .ours = "candidate model",
                       .difference = {.stage = "retrieval",
                                      .metric = "ndcg@10",
                                      .next = 0.18,
                                      .current = 0.2,
                                      .interval = {-0.03, -0.01},
                                      .users = 6040}}};
  retrieval.users = 6040;
  retrieval.network = "<enc>.onnx";
  retrieval.items = 3416;
  retrieval.targets = {.all = 6100, .seen = 60, .disliked = 7, .removed = 1};
  evaluation::RankingReport& ranking = report.ranking.emplace();
  ranking.model = {"ranker",
                   {{"weighted_user_loss", {0.4, {0.38, 0.42}}},
                    {"watch_rmse_s", {24.5, {23, 26}}},
                    {"auc.click", {0.77, {0.75, 0.79}}}}};
  ranking.baselines = {{"mean <&>", {{"watch_rmse_s", {28.35, {27, 30}}}}}};
  ranking.losses = {{.baseline = "mean <&>",
                     .ours = "ranker",
                     .difference = {.stage = "ranking",
                                    .metric = "auc.click",
                                    .next = 0.77,
                                    .current = 0.78,
                                    .interval = {-0.02, -0.005},
                                    .users = 542}}};
  ranking.users = 542;
  ranking.impressions = 3821;
  ranking.architecture = "tower 256-128";
  ranking.multiplications = 123456;
  report.split = "time: train < A <= validation < B <= test";
  report.seed = 7;
  report.machine = "a processor, 2 threads, bf16";
  report.version = "v000003";
  report.notes = {"a note"};
  return report;
}

std::vector<std::string> Keys(const nlohmann::json& json) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  return keys;
}

TEST(Json, HasExactlyTheKeysThatProgramsRead) {
  const nlohmann::json json = nlohmann::json::parse(RenderJson(Example()));
  EXPECT_THAT(Keys(json["retrieval"]),
              UnorderedElementsAre("hr@10", "ndcg@10", "recall@100", "debiased_recall@100", "map",
                                   "coverage@10", "gini@10", "new@10", "baselines"));
  EXPECT_THAT(Keys(json["ranking"]),
              UnorderedElementsAre("weighted_user_loss", "watch_mae_s", "watch_rmse_s",
                                   "watch_xauc", "auc", "baselines"));
  EXPECT_EQ(json["retrieval"]["hr@10"], 0.31);
  EXPECT_EQ(json["retrieval"]["baselines"]["markov"]["hr@10"], 0.2144);
  EXPECT_EQ(json["ranking"]["auc"]["click"], 0.77);
  EXPECT_TRUE(json["ranking"]["watch_mae_s"].is_null());
  EXPECT_EQ(json["seed"], 7);
  EXPECT_EQ(json["split"], Example().split);
}

void ExpectSame(const evaluation::ModelMetrics& a, const evaluation::ModelMetrics& b) {
  EXPECT_EQ(a.name, b.name);
  ASSERT_EQ(a.metrics.size(), b.metrics.size());
  for (const auto& [key, metric] : a.metrics) {
    ASSERT_TRUE(b.metrics.contains(key)) << key;
    const evaluation::Metric& other = b.metrics.at(key);
    EXPECT_EQ(metric.value, other.value) << key;
    EXPECT_EQ(std::isnan(metric.interval.low), std::isnan(other.interval.low)) << key;
    if (!std::isnan(metric.interval.low)) {
      EXPECT_EQ(metric.interval.low, other.interval.low) << key;
      EXPECT_EQ(metric.interval.high, other.interval.high) << key;
    }
  }
}

TEST(Json, ComesBackAsTheReport) {
  const evaluation::Report report = Example();
  const evaluation::Report parsed = ParseJson(RenderJson(report)).value();
  ExpectSame(report.retrieval->model, parsed.retrieval->model);
  ASSERT_EQ(parsed.retrieval->baselines.size(), 2u);
  ExpectSame(report.retrieval->baselines[1], parsed.retrieval->baselines[1]);
  ExpectSame(report.ranking->model, parsed.ranking->model);
  ExpectSame(report.ranking->baselines[0], parsed.ranking->baselines[0]);
  EXPECT_EQ(parsed.retrieval->items, 3416u);
  EXPECT_EQ(parsed.retrieval->network, "<enc>.onnx");
  EXPECT_EQ(parsed.retrieval->targets.seen, 60u);
  ASSERT_EQ(parsed.retrieval->losses.size(), 1u);
  EXPECT_EQ(parsed.retrieval->losses[0].baseline, "item-knn");
  EXPECT_EQ(parsed.retrieval->losses[0].difference.interval.low, -0.03);
  ASSERT_EQ(parsed.ranking->losses.size(), 1u);
  EXPECT_EQ(parsed.ranking->losses[0].difference.metric, "auc.click");
  EXPECT_EQ(parsed.ranking->impressions, 3821u);
  EXPECT_EQ(parsed.ranking->architecture, "tower 256-128");
  EXPECT_EQ(parsed.ranking->multiplications, 123456u);
  EXPECT_EQ(RenderJson(parsed), RenderJson(report));
}

// As `upnext train` reports: with the current bundle on the same events.
evaluation::Report ExampleOfATraining() {
  evaluation::Report report = Example();
  report.retrieval->current = {"current bundle v000002", {{"hr@10", {0.30, {0.29, 0.31}}}}};
  report.differences = {{.stage = "retrieval",
                         .metric = "ndcg@10",
                         .less_is_better = false,
                         .next = 0.18,
                         .current = 0.17,
                         .interval = {-0.001, 0.021},
                         .users = 6040},
                        {.stage = "ranking",
                         .metric = "watch_rmse_s",
                         .less_is_better = true,
                         .next = 24.5,
                         .current = 25,
                         .interval = evaluation::kNoInterval,
                         .users = 12}};
  return report;
}

TEST(RankedFeed, IsARowNextToTheOthersAndComesBackFromJson) {
  evaluation::Report report = Example();
  EXPECT_THAT(RenderTable(report), Not(HasSubstr("ranked feed")));
  report.retrieval->ranked = {"ranked feed", {{"ndcg@10", {0.1234, {0.11, 0.13}}}}};
  report.retrieval->ranked_users = 5000;
  EXPECT_THAT(RenderTable(report), HasSubstr("ranked feed"));
  EXPECT_THAT(RenderTable(report), HasSubstr("0.1234"));
  EXPECT_THAT(RenderHtml(report), HasSubstr("ranked feed"));
  const std::string text = RenderJson(report);
  const nlohmann::json json = nlohmann::json::parse(text);
  EXPECT_EQ(json["retrieval"]["ranked_feed"]["ndcg@10"], 0.1234);
  EXPECT_EQ(json["users"]["ranked_feed"], 5000);
  const evaluation::Report parsed = ParseJson(text).value();
  ASSERT_TRUE(parsed.retrieval->ranked);
  ExpectSame(*parsed.retrieval->ranked, *report.retrieval->ranked);
  EXPECT_EQ(RenderJson(parsed), text);
}

TEST(Reach, OfEachGeneratorAndOfAllIsPrintedAndComesBackFromJson) {
  evaluation::Report report = Example();
  EXPECT_THAT(RenderTable(report), Not(HasSubstr("candidates:")));
  const evaluation::Interval none = evaluation::kNoInterval;
  report.retrieval->reach = {{"co-watch",
                              {{"recall@10", {0.125, none}},
                               {"recall@100", {0.25, {0.24, 0.26}}},
                               {"recall", {0.25, {0.24, 0.26}}},
                               {"adds", {0.0625, {0.06, 0.07}}},
                               {"candidates", {49.6, none}}}},
                             {"all together",
                              {{"recall", {0.5, {0.48, 0.52}}},
                               {"candidates", {371.2, none}},
                               {"lost@20", {0.03, {0.02, 0.04}}}}}};
  const std::string table = RenderTable(report), html = RenderHtml(report);
  EXPECT_THAT(table, HasSubstr("candidates: the share of targets among the first 10"));
  EXPECT_THAT(table, HasSubstr("this share is not among the candidates: 0.0300 ±0.0100\n"));
  for (const std::string& text : {table, html}) {
    for (const char* part : {"adds", "0.0625 ±0.0050", "0.5000 ±0.0200", "371", "0.0300 ±0.0100"}) {
      EXPECT_THAT(text, HasSubstr(part));
    }
  }
  const std::string json = RenderJson(report);
  const evaluation::Report parsed = ParseJson(json).value();
  ASSERT_EQ(parsed.retrieval->reach.size(), 2u);
  ExpectSame(parsed.retrieval->reach[1], report.retrieval->reach[1]);
  EXPECT_EQ(RenderJson(parsed), json);
}

TEST(Slices, OfUsersAndTargetsArePrintedAndComeBackFromJson) {
  evaluation::Report report = Example();
  const auto rows = [](double model, double popular) {
    return std::vector<evaluation::ModelMetrics>{
        {"candidate model", {{"recall@10", {model, evaluation::kNoInterval}}}},
        {"popularity", {{"recall@10", {popular, evaluation::kNoInterval}}}},
        {"item-knn", {{"recall@10", {0.7777, evaluation::kNoInterval}}}}};
  };
  report.retrieval->slices = {
      {.by = "events", .name = "3 to 12", .of = "users", .size = 1604, .rows = rows(0.25, 0.125)},
      {.by = "age", .name = "1 to 7 days", .of = "targets", .size = 31, .rows = rows(0.5, 0.375)}};
  const std::string table = RenderTable(report), html = RenderHtml(report);
  for (const std::string& text : {table, html}) {
    for (const char* part :
         {"3 to 12", "1,604", "0.2500", "0.1250", "1 to 7 days", "31", "0.5000", "0.3750"}) {
      EXPECT_THAT(text, HasSubstr(part));
    }
  }
  EXPECT_THAT(table, Not(HasSubstr("0.7777")));
  EXPECT_THAT(html, HasSubstr("0.7777"));
  const std::string json = RenderJson(report);
  const evaluation::Report parsed = ParseJson(json).value();
  ASSERT_EQ(parsed.retrieval->slices.size(), 2u);
  ExpectSame(parsed.retrieval->slices[1].rows[2], report.retrieval->slices[1].rows[2]);
  EXPECT_EQ(RenderJson(parsed), json);
}

TEST(Order, IsPrintedWithWhatWasTriedAndComesBackFromJson) {
  evaluation::Report report = Example();
  report.retrieval->served = {"served order", {{"hr@10", {0.33, {0.32, 0.34}}}}};
  report.order = {.order = {{{"candidate-model", 0.7}, {"co-watch", 0.3}}},
                  .tried = {{.order = "candidate-model", .ndcg = 0.18},
                            {.order = "0.7 candidate-model + 0.3 co-watch",
                             .ndcg = 0.2,
                             .difference = {0.01, 0.03}}},
                  .users = 5000};
  const std::string table = RenderTable(report);
  EXPECT_THAT(table, HasSubstr("order of feeds without a ranker: 0.7 candidate-model + 0.3 "
                               "co-watch, chosen by ndcg@10 on 5,000 validation users"));
  EXPECT_THAT(table, HasSubstr("  0.1800  candidate-model\n"));
  EXPECT_THAT(table, HasSubstr("  served order "));
  EXPECT_THAT(RenderHtml(report), HasSubstr("served order"));
  const evaluation::Report parsed = ParseJson(RenderJson(report)).value();
  EXPECT_EQ(parsed.order->order, report.order->order);
  EXPECT_EQ(RenderJson(parsed), RenderJson(report));
}

TEST(Differences, AreInEveryFormAndComeBackFromJson) {
  const evaluation::Report report = ExampleOfATraining();
  const nlohmann::json json = nlohmann::json::parse(RenderJson(report));
  EXPECT_EQ(json["retrieval"]["current"]["hr@10"], 0.30);
  EXPECT_EQ(json["differences"][0]["metric"], "ndcg@10");
  EXPECT_EQ(json["differences"][0]["interval"][1], 0.021);
  EXPECT_TRUE(json["differences"][1]["interval"][0].is_null());
  EXPECT_EQ(RenderJson(ParseJson(RenderJson(report)).value()), RenderJson(report));
  const std::string table = RenderTable(report), html = RenderHtml(report);
  for (const std::string& text : {table, html}) {
    EXPECT_THAT(text, HasSubstr("current bundle v000002"));
    EXPECT_THAT(text, HasSubstr("retrieval ndcg@10 less that of the current bundle: +0.0100 (95 % "
                                "interval -0.0010 to +0.0210, 6040 users, paired)"));
    EXPECT_THAT(text, HasSubstr("-0.50 (too few users for an interval, 12 users, paired)"));
  }
  EXPECT_LT(table.find("current bundle v000002"), table.find("popularity"));
}

TEST(Table, WithoutIntervalsDoesNotExplainThem) {
  evaluation::Report report = Example();
  report.ranking.reset();
  report.retrieval->baselines.clear();
  for (auto& [name, metric] : report.retrieval->model.metrics) {
    metric.interval = evaluation::kNoInterval;
  }
  EXPECT_THAT(RenderTable(report), Not(HasSubstr("±")));
  EXPECT_THAT(RenderTable(Example()), HasSubstr("± is half"));
}

TEST(Json, OneStageAlone) {
  evaluation::Report report = Example();
  report.ranking.reset();
  const evaluation::Report parsed = ParseJson(RenderJson(report)).value();
  EXPECT_TRUE(parsed.retrieval);
  EXPECT_FALSE(parsed.ranking);
}

TEST(Json, AnythingElseIsRefused) {
  const std::string json = RenderJson(Example());
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{\"seed\": 1}"),
                                 json.substr(0, json.size() / 2)}) {
    const auto parsed = ParseJson(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error().code, Code::kDataLoss);
    EXPECT_THAT(parsed.error().message, Not(HasSubstr("evaluate again")));
  }
}

TEST(Table, AlignsItsColumnsAndNamesSplitAndSeed) {
  const std::string table = RenderTable(Example());
  EXPECT_THAT(table, HasSubstr("retrieval: 6,040 users, 3,416 items; <enc>.onnx (ONNX)\n"));
  evaluation::Report own = Example();
  own.retrieval->network.clear();
  EXPECT_THAT(RenderTable(own), HasSubstr("retrieval: 6,040 users, 3,416 items\n"));
  EXPECT_THAT(RenderHtml(Example()), HasSubstr("3416 items; &lt;enc&gt;.onnx (ONNX)</p>"));
  EXPECT_THAT(table, HasSubstr("0.3100 ±0.0100"));
  EXPECT_THAT(table, HasSubstr("split: time: train < A"));
  EXPECT_THAT(table, HasSubstr("seed 7"));
  EXPECT_THAT(table, HasSubstr("machine: a processor, 2 threads, bf16"));
  EXPECT_THAT(table, HasSubstr("note: a note"));
  // The model's row comes before the baselines', and hr@10 is right-aligned in the same column.
  const size_t model = table.find("candidate model"), markov = table.find("markov");
  ASSERT_LT(model, markov);
  const auto column = [&](const char* text) {
    const size_t at = table.find(text);
    return at - table.rfind('\n', at);
  };
  EXPECT_EQ(column("0.3100 ±0.0100"), column("0.2144 ±0.0150"));
}

TEST(Html, IsOnePageWithoutRequestsOrRawText) {
  const std::string html = RenderHtml(Example());
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("mean &lt;&amp;&gt;"));
  for (const char* request : {"http:", "https:", "src=", "href=", "<script", "@import", "url("}) {
    EXPECT_THAT(html, Not(HasSubstr(request)));
  }
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  EXPECT_THAT(html, HasSubstr("<li>a note</li>"));
}

}  // namespace
}  // namespace upnext::report
