#include "studies/study.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/test_folder.h"

namespace upnext::studies {
namespace {

using testing::HasSubstr;

// Two arms whose metrics depend on the seed (b is a + 1 + seed / 10); files show that each seed has
// its own folder.
Result<Measurements> RunToy(const StudyRun& run) {
  EXPECT_TRUE(std::filesystem::is_empty(run.folder));
  std::filesystem::create_directory(run.folder / "made");
  const auto seed = static_cast<double>(run.seed);
  Measurements m;
  m.Set("a", "x", 10 * seed);
  m.Set("b", "x", 10 * seed + 1 + seed / 10);
  m.AddPoint("plot", "line", 0, seed);
  m.AddPoint("plot", "line", 1, 2 * seed);
  return m;
}

Result<Measurements> Fail(const StudyRun& run) {
  if (run.seed == 2) return FailedPrecondition("nothing to learn from");
  return RunToy(run);
}

Study Toy() {
  return {.name = "toy",
          .question = "Is b > a & by how much?",
          .method = "Two arms.",
          .metrics = {{"x", "a number", 3}},
          .plots = {{"plot", "x", "y"}},
          .claims = {{"b is more", "x", "b", "a", 0},
                     {"b is much more", "x", "b", "a", 5},
                     {"a is about 20", "x", "a", "", 19, 21}},
          .settings =
              [](Scale) { return std::vector<std::pair<std::string, std::string>>{{"k", "3"}}; },
          .run = RunToy};
}

StudyReport RunOk(const Study& study, int seeds, const base::TestFolder& folder) {
  base::ThreadPool pool(1);
  const auto report = RunStudy(
      study, {.seeds = seeds, .first_seed = 1, .scale = Scale::kTiny, .scratch = folder.path()},
      pool, base::NoProgress());
  EXPECT_TRUE(report) << report.error().message;
  return *report;
}

TEST(RunStudy, PairsArmsBySeedSoThatDifferencesAreSharperThanFigures) {
  const base::TestFolder folder;
  const Study study = Toy();
  const StudyReport report = RunOk(study, 3, folder);
  ASSERT_EQ(report.arms.size(), 2u);
  EXPECT_DOUBLE_EQ(report.arms[0].metrics.at("x").mean, 20);
  const Estimate wide = report.arms[0].metrics.at("x");
  const Estimate difference = report.claims[0].found;
  EXPECT_NEAR(difference.mean, 1.2, 1e-12);
  EXPECT_LT(difference.high - difference.low, 0.1 * (wide.high - wide.low));
  ASSERT_EQ(report.curves.size(), 1u);
  EXPECT_EQ(report.curves[0].points, (Measurements::Curve{{0, 2}, {1, 4}}));
}

TEST(RunStudy, GivesAVerdictForEachClaim) {
  const base::TestFolder folder;
  const Study study = Toy();
  const StudyReport report = RunOk(study, 3, folder);
  EXPECT_EQ(report.claims[0].verdict, Verdict::kHeld);
  EXPECT_EQ(report.claims[1].verdict, Verdict::kNotHeld);
  EXPECT_EQ(report.claims[2].verdict, Verdict::kOpen) << "the mean is right, its interval wide";
  const std::string table = RenderTable(report), page = RenderHtml(report);
  for (const char* words : {"held", "not held", "open", "b is much more"}) {
    EXPECT_THAT(table, HasSubstr(words));
    EXPECT_THAT(page, HasSubstr(words));
  }
}

TEST(RunStudy, LeavesOneSeedUndecided) {
  const base::TestFolder folder;
  const Study study = Toy();
  const StudyReport report = RunOk(study, 1, folder);
  EXPECT_EQ(report.claims[0].verdict, Verdict::kOpen);
  EXPECT_EQ(report.claims[1].verdict, Verdict::kNotHeld);
}

TEST(RunStudy, RemovesItsFilesAndNamesTheSeedThatFailed) {
  const base::TestFolder folder;
  Study study = Toy();
  RunOk(study, 2, folder);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  study.run = Fail;
  base::ThreadPool pool(1);
  const auto report =
      RunStudy(study, {.seeds = 3, .scratch = folder.path()}, pool, base::NoProgress());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("toy, seed 2"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_FALSE(RunStudy(study, {.seeds = 0}, pool, base::NoProgress()));
}

TEST(RenderJson, ContainsEveryValueAndNullForMissingOnes) {
  const base::TestFolder folder;
  const Study study = Toy();
  const auto json = nlohmann::json::parse(RenderJson(RunOk(study, 2, folder)));
  EXPECT_EQ(json["arms"]["b"]["x"]["values"], nlohmann::json({11.1, 21.2}));
  EXPECT_EQ(json["claims"][1]["verdict"], "not held");
  EXPECT_EQ(json["claims"][0]["expected"], nlohmann::json({0.0, nullptr}));
  EXPECT_EQ(json["curves"][0]["points"][1], nlohmann::json({1.0, 3.0}));
  EXPECT_EQ(json["settings"]["k"], "3");
}

TEST(MergeReports, GivesTheReportOfAllSeeds) {
  const base::TestFolder folder;
  const Study study = Toy();
  base::ThreadPool pool(1);
  std::vector<std::string> parts;
  for (const uint64_t first : {3u, 1u}) {
    const auto part = RunStudy(
        study, {.seeds = 2, .first_seed = first, .scale = Scale::kTiny, .scratch = folder.path()},
        pool, base::NoProgress());
    ASSERT_TRUE(part);
    parts.push_back(RenderJson(*part));
  }
  const auto merged = MergeReports(study, parts);
  ASSERT_TRUE(merged) << merged.error().message;
  auto found = nlohmann::json::parse(RenderJson(*merged));
  auto expected = nlohmann::json::parse(RenderJson(RunOk(study, 4, folder)));
  for (auto* report : {&found, &expected}) report->erase("seconds_per_seed");
  EXPECT_EQ(found, expected);
}

TEST(MergeReports, RefusesOtherTextsOtherStudiesAndSeedsThatAreMissingOrTwice) {
  const base::TestFolder folder;
  Study study = Toy();
  const std::string first = RenderJson(RunOk(study, 2, folder));
  const auto error = [&](std::vector<std::string> parts) {
    const auto merged = MergeReports(study, parts);
    return merged ? "" : merged.error().message;
  };
  EXPECT_EQ(error({first}), "");
  EXPECT_THAT(error({}), HasSubstr("at least one"));
  EXPECT_THAT(error({first, "{}"}), HasSubstr("report 2"));
  EXPECT_THAT(error({first, first}), HasSubstr("expected seed 3 next, found 1"));
  study.name = "other";
  EXPECT_THAT(error({first}), HasSubstr("expected reports of other"));
}

TEST(RenderTable, HasTheShorterListInItsColumns) {
  const base::TestFolder folder;
  Study study = Toy();
  EXPECT_THAT(RenderTable(RunOk(study, 1, folder)), HasSubstr("\n  a   "));
  study.metrics.push_back({"y", "absent"});
  EXPECT_THAT(RenderTable(RunOk(study, 1, folder)), HasSubstr("\n  x   "));
}

TEST(RenderHtml, IsOneSelfContainedPage) {
  const base::TestFolder folder;
  const Study study = Toy();
  const std::string page = RenderHtml(RunOk(study, 2, folder));
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("b &gt; a &amp; by"));
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("http"), std::string::npos);
}

TEST(Studies, HaveDistinctNamesAndClaimsAboutFiguresOfTheirOwn) {
  std::set<std::string> names;
  for (const Study& study : Studies()) {
    EXPECT_TRUE(names.insert(study.name).second) << study.name;
    EXPECT_EQ(FindStudy(study.name), &study);
    std::set<std::string> metrics;
    for (const MetricInfo& metric : study.metrics) metrics.insert(metric.name);
    for (const Claim& claim : study.claims)
      EXPECT_TRUE(metrics.contains(claim.metric)) << claim.text;
  }
  EXPECT_EQ(FindStudy("nonsense"), nullptr);
}

}  // namespace
}  // namespace upnext::studies
