#include "training/feature_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/progress.h"
#include "examples/test_world.h"
#include "retrieval/test_reference.h"

namespace upnext::training {
namespace {

const FeatureRow& Named(const std::vector<FeatureRow>& rows, std::string_view model,
                        std::string_view name) {
  const auto found = std::ranges::find_if(
      rows, [&](const FeatureRow& row) { return row.model == model && row.name == name; });
  EXPECT_NE(found, rows.end()) << name;
  return found == rows.end() ? rows.front() : *found;
}

TEST(FeatureReport, SaysWhatTheStateKeepsForAFeature) {
  const std::vector<FeatureRow> rows = DescribeFeatures({}, {});
  EXPECT_EQ(rows.size(), 54u);
  EXPECT_EQ(Named(rows, "retrieval", "watches").keeps, "the newest 50 by item");
  EXPECT_EQ(Named(rows, "ranking", "channel_complete_rate").keeps, "2 counts by item.channel");
  EXPECT_EQ(Named(rows, "ranking", "since_item_impression_s").keeps, "1 time by item");
  EXPECT_EQ(Named(rows, "ranking", "item_click_rate").keeps, "of everybody: 2 counts by item");
  EXPECT_EQ(Named(rows, "ranking", "duration_s").keeps, "");
  EXPECT_EQ(Named(rows, "ranking", "topics").vocabulary, "topic");
  EXPECT_EQ(Named(rows, "ranking", "duration_s").side, "impression");
}

TEST(FeatureReport, SharesAreThoseOfTheTrainingExamples) {
  const examples::World world(examples::RandomWorld(3));
  base::ThreadPool pool(1);
  DatasetOptions options;
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 1, .test_days = 1};
  options.features.drop = {"topics"};
  const auto dataset = Dataset::Prepare(world.log, options, pool, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  std::vector<FeatureRow> rows = DescribeFeatures((*dataset)->statistics().plan, {});
  MeasureFeatures(**dataset, {}, 10'000, pool, &rows);
  const FeatureRow& topics = Named(rows, "ranking", "topics");
  EXPECT_TRUE(topics.dropped);
  EXPECT_EQ(topics.missing, 1);
  EXPECT_TRUE(std::isnan(topics.coverage)) << "there is no id";
  EXPECT_EQ(Named(rows, "ranking", "watches").missing, 0);
  EXPECT_EQ(Named(rows, "ranking", "gender").missing, 1) << "the world has none";
  const FeatureRow& duration = Named(rows, "ranking", "duration_s");
  EXPECT_GT(duration.missing, 0.05) << "each fifth item has none";
  EXPECT_LT(duration.missing, 0.6);
  const FeatureRow& watches = Named(rows, "retrieval", "watches");
  EXPECT_EQ(watches.coverage, 1);
  EXPECT_EQ(watches.dim, TrainOptions().candidate.embedding_dim);
  EXPECT_GT(watches.rows, 5u);
}

TEST(FeatureReport, ContentIsCountedByItem) {
  const examples::World world(examples::RandomWorld(3));
  base::ThreadPool pool(1);
  DatasetOptions options;
  options.split.kind = examples::SplitOptions::Kind::kNone;
  options.features.retrieval = features::ContentFeatures();
  const auto dataset = Dataset::Prepare(world.log, options, pool, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  std::vector<FeatureRow> rows = DescribeFeatures((*dataset)->statistics().plan, {});
  TrainOptions train;
  train.candidate.dim = 24;
  MeasureFeatures(**dataset, train, 10'000, pool, &rows);
  const FeatureRow& topics = Named(rows, "retrieval", "item_topics");
  EXPECT_EQ(topics.side, "impression");
  EXPECT_EQ(topics.dim, 24u);
  EXPECT_EQ(topics.coverage, 1);
  const auto items =
      static_cast<double>((*dataset)->statistics().vocabulary(features::kItemVocabulary).rows());
  EXPECT_EQ(topics.missing, 1 / items) << "row 0 is no item";
  EXPECT_EQ(Named(rows, "retrieval", "item_title").missing, 1) << "the world has no titles";
}

TEST(FeatureReport, RK16_WhatAReferenceMakesIsMeasuredWithOneOnExamplesThatItHasNotSeen) {
  const examples::World world(examples::RandomWorld(3));
  base::ThreadPool pool(1);
  DatasetOptions options;
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 1, .test_days = 1};
  options.features.ranking = {{"dot", "request.retrieval_score", ""},
                              {"user_vector", "vector(request.user_vector, 4)", ""}};
  const auto measured = [&](const auto& reference) {
    const auto dataset =
        Dataset::Prepare(world.log, options, pool, base::NoProgress(), nullptr, reference);
    EXPECT_TRUE(dataset) << dataset.error().message;
    std::vector<FeatureRow> rows = DescribeFeatures((*dataset)->statistics().plan, {});
    MeasureFeatures(**dataset, {}, 10'000, pool, &rows);
    return rows;
  };
  for (const FeatureRow& row : measured(nullptr)) {
    const bool made_by_it = row.name == "dot" || row.name == "user_vector";
    EXPECT_EQ(std::isnan(row.missing), made_by_it) << row.name;
  }
  const auto rows = measured(retrieval::RandomReference(world.Learn(options.features), 4,
                                                        examples::kStart + 4 * examples::kDay));
  EXPECT_EQ(Named(rows, "ranking", "user_vector").missing, 0);
  EXPECT_EQ(Named(rows, "ranking", "user_vector").dim, 4u);
  EXPECT_LT(Named(rows, "ranking", "dot").missing, 0.5);
}

}  // namespace
}  // namespace upnext::training
