#include "features/feature_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "features/feature_extractor.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(FeatureSpec, ReadsTheProjectFile) {
  const Result<base::Config> config = base::Config::Parse(
      "[features]\nmax_items = 10\nmin_item_count = 2\ndrop = [\"searches\", \"item_age_days\"]\n",
      "p.toml");
  ASSERT_TRUE(config);
  const FeatureSpec spec = FeatureSpec::FromConfig(config->Table("features"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(spec.max_items, 10u);
  EXPECT_EQ(spec.min_item_count, 2u);
  EXPECT_EQ(spec.max_channels, 1'000'000u);
  EXPECT_THAT(spec.drop, ElementsAre("searches", "item_age_days"));
}

TEST(FeatureSpec, AnUnknownFieldNamesTheNearest) {
  const Result<base::Config> config =
      base::Config::Parse("[features]\ndrop = [\"item_age_day\"]\n", "p.toml");
  ASSERT_TRUE(config);
  FeatureSpec::FromConfig(config->Table("features"));
  const Status status = config->Check();
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("item_age_day"));
  EXPECT_THAT(status.error().message, HasSubstr("did you mean 'item_age_days'?"));
}

// Without the sync of base::WriteFileAtomic, since tests damage files many times.
void Overwrite(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  ASSERT_TRUE(file.flush());
}

class FeatureTablesFile : public testing::Test {
 protected:
  static TestLog MakeLog() {
    const auto [events, items] = RandomHistory(500, 20, 8);
    return TestLog(events, items, {});
  }
  // One digest over the features of one user, one request and all items.
  uint64_t Features(const FeatureStatistics& tables) const {
    const UserState state = Fold(log_, "u", tables.plan.state());
    const Context context{.time_ms = Minutes(60 * 24 * 20), .example_age_ms = 1'000'000};
    FeatureBlock retrieval, queries, impressions;
    FeatureExtractor(tables, log_.catalogue(), Model::kRetrieval)
        .AppendQuery(state, schema::kNone, context, &retrieval);
    const FeatureExtractor extractor(tables, log_.catalogue(), Model::kRanking);
    extractor.AppendQuery(state, schema::kNone, context, &queries);
    for (uint32_t item = 0; item < 25; ++item) {
      extractor.AppendImpression(
          state, schema::kNone, context,
          {.item = item, .source = 0, .source_score = static_cast<float>(item % 4)}, &impressions);
    }
    return Digest(retrieval) ^ (Digest(queries) * 3) ^ (Digest(impressions) * 5);
  }
  TestLog log_ = MakeLog();
  base::TestFolder folder_;
};

TEST_F(FeatureTablesFile, LoadedTablesGiveTheSameFeaturesToTheByte) {
  FeatureStatistics tables =
      LearnTables(log_, {.drop = {"device", "topics"},
                         .ranking = {{"clicks_by_topic", "count(click, item.topics)", "declared"},
                                     {"score", "request.source_score", "declared"}}});
  tables.source_scores.Learn({{1, 2, 3}});
  tables.log_digest = 0x123456789abcdef0;
  ASSERT_TRUE(tables.Save(folder_ / "features.bin"));
  const Result<FeatureStatistics> loaded = FeatureStatistics::Load(folder_ / "features.bin");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->spec, tables.spec);
  EXPECT_EQ(loaded->vocabularies, tables.vocabularies);
  EXPECT_EQ(loaded->quantiles, tables.quantiles);
  EXPECT_EQ(loaded->train_begin_ms, tables.train_begin_ms);
  EXPECT_EQ(loaded->train_end_ms, tables.train_end_ms);
  EXPECT_EQ(loaded->log_digest, tables.log_digest);
  EXPECT_EQ(loaded->plan.text(), tables.plan.text());
  EXPECT_EQ(loaded->rows(loaded->plan.FindVocabulary(kTokenVocabulary)), tables.tokens.rows());
  EXPECT_EQ(Features(*loaded), Features(tables));
}

TEST_F(FeatureTablesFile, TablesWithoutQuantilesCanBeSaved) {
  FeatureStatistics tables = LearnTables(log_);
  tables.quantiles.clear();
  ASSERT_TRUE(tables.Save(folder_ / "features.bin"));
  const Result<FeatureStatistics> loaded = FeatureStatistics::Load(folder_ / "features.bin");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->quantiles.empty());
  tables.quantiles.resize(3);
  EXPECT_FALSE(tables.Save(folder_ / "other.bin"));
}

TEST_F(FeatureTablesFile, AFlippedByteOrACutIsRefused) {
  const std::filesystem::path path = folder_ / "features.bin";
  ASSERT_TRUE(LearnTables(log_).Save(path));
  const Result<std::string> whole = base::ReadFile(path);
  ASSERT_TRUE(whole);
  for (size_t i = 0; i < whole->size(); i += 101) {
    std::string bytes = *whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
    Overwrite(path, bytes);
    const Result<FeatureStatistics> loaded = FeatureStatistics::Load(path);
    ASSERT_FALSE(loaded) << i;
    ASSERT_EQ(loaded.error().code, Code::kDataLoss);
    ASSERT_THAT(loaded.error().message, HasSubstr("features.bin"));
  }
  Overwrite(path, whole->substr(0, whole->size() / 2));
  EXPECT_FALSE(FeatureStatistics::Load(path));
  const Result<FeatureStatistics> absent = FeatureStatistics::Load(folder_ / "absent.bin");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace upnext::features
