#include "features/source_scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "base/test_folder.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// 0, 1 .. n - 1, each times `unit`.
std::vector<float> Ramp(size_t n, float unit) {
  std::vector<float> scores;
  for (size_t i = 0; i < n; ++i) scores.push_back(unit * static_cast<float>(i));
  return scores;
}

float Share(const SourceScores& scores, uint32_t source, float score) {
  return scores.ShareOf({.item = 0, .source = source, .source_score = score});
}

TEST(SourceScores, RK08_EachSourceHasAScaleOfItsOwn) {
  SourceScores scores;
  scores.Learn({Ramp(101, 0.01f), {}, Ramp(101, 1000)});
  EXPECT_NEAR(Share(scores, 0, 0.5f), 0.5, 1e-3);
  EXPECT_NEAR(Share(scores, 2, 50'000), 0.5, 1e-3);
  EXPECT_LT(Share(scores, 2, 0.5f), 0.001) << "next to nothing among its own";
  EXPECT_EQ(Share(scores, 0, -7), 0) << "below all that were seen";
  EXPECT_LT(Share(scores, 0, 7), 1);
  EXPECT_GT(Share(scores, 0, 7), 0.999);
}

TEST(SourceScores, RK08_WithoutAScoreASourceOrAScaleTheShareIsMissing) {
  SourceScores scores;
  scores.Learn({Ramp(10, 1), {schema::kAbsent, kInfinity}});
  EXPECT_TRUE(std::isnan(Share(scores, 0, schema::kAbsent)));
  EXPECT_TRUE(std::isnan(Share(scores, 0, kInfinity)));
  EXPECT_TRUE(std::isnan(Share(scores, 0, -kInfinity)));
  EXPECT_TRUE(std::isnan(Share(scores, 1, 1))) << "it had no finite score";
  EXPECT_TRUE(std::isnan(Share(scores, 9, 1)));
  EXPECT_TRUE(std::isnan(Share(scores, schema::kNone, 1)));
  EXPECT_FALSE(std::isnan(Share(scores, 0, 1)));
}

TEST(SourceScores, TR02_LearningMoreKeepsTheScalesThatThereAre) {
  SourceScores scores;
  scores.Learn({Ramp(100, 1)});
  const float before = Share(scores, 0, 20);
  scores.Learn({Ramp(100, 5), Ramp(100, 5)});
  EXPECT_EQ(Share(scores, 0, 20), before);
  EXPECT_LT(Share(scores, 1, 20), before) << "a new source has its own";
}

TEST(SourceScores, OfTooManySourcesThoseWithTheMostScoresHaveScales) {
  std::vector<std::vector<float>> by_source(SourceScores::kMaxSources + 2);
  for (size_t source = 0; source < by_source.size(); ++source) {
    by_source[source] = Ramp(source == 1 || source == 5 ? 1 : 2, 1);
  }
  SourceScores scores;
  EXPECT_EQ(scores.Learn(by_source), 2u);
  EXPECT_EQ(scores.Learn(by_source), 2u) << "there is still no room for the two";
  for (uint32_t source = 0; source < by_source.size(); ++source) {
    EXPECT_EQ(std::isnan(Share(scores, source, 0)), source == 1 || source == 5) << source;
  }
}

TEST(SourceScores, KeepTheirScalesInAFileAndUnderOtherIds) {
  const base::TestFolder folder;
  SourceScores scores;
  scores.Learn({Ramp(100, 1), {}, Ramp(100, 5)});
  auto writer = base::SectionWriter::Create(folder / "file", "features", 1);
  ASSERT_TRUE(writer && scores.Save(*writer) && writer->Commit());
  const auto file = base::SectionFile::Open(folder / "file", "features", 1);
  ASSERT_TRUE(file);
  const auto loaded = SourceScores::Load(*file);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, scores);
  EXPECT_EQ(loaded->ids(), 3u);

  const SourceScores renumbered = scores.Renumbered(std::vector<uint32_t>{schema::kNone, 2, 1, 0});
  EXPECT_EQ(Share(renumbered, 1, 20), Share(scores, 2, 20));
  EXPECT_EQ(Share(renumbered, 3, 20), Share(scores, 0, 20));
  EXPECT_TRUE(std::isnan(Share(renumbered, 0, 20)));
  EXPECT_TRUE(std::isnan(Share(renumbered, 2, 20)));
}

TEST(SourceScores, AFileThatNamesASourceTwiceOrWithoutScoresIsRefused) {
  const base::TestFolder folder;
  const auto why = [&](std::vector<uint32_t> sources, size_t boundaries) {
    auto writer = base::SectionWriter::Create(folder / "file", "features", 1);
    EXPECT_TRUE(writer);
    EXPECT_TRUE(writer->Add<uint32_t>("source_scores.sources", sources));
    EXPECT_TRUE(writer->Add<float>("source_scores.3", std::vector<float>(boundaries, 1.0f)));
    EXPECT_TRUE(writer->Commit());
    const auto file = base::SectionFile::Open(folder / "file", "features", 1);
    EXPECT_TRUE(file);
    const auto loaded = SourceScores::Load(*file);
    return loaded ? "" : loaded.error().message;
  };
  EXPECT_EQ(why({3}, Quantiles::kBoundaries), "");
  EXPECT_NE(why({3, 3}, Quantiles::kBoundaries), "");
  EXPECT_NE(why({3}, 0), "");
  EXPECT_NE(why({4}, Quantiles::kBoundaries), "") << "there is no section 4";
}

}  // namespace
}  // namespace upnext::features
