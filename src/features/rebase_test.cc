#include "features/rebase.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "features/feature_extractor.h"
#include "features/test_log.h"
#include "features/test_reference.h"
#include "features/test_tables.h"
#include "schema/raw_event.h"

namespace upnext::features {
namespace {

using testing::HasSubstr;

// The same history twice, the second time with other numbers: new names come first, and an item is
// gone.
class RebaseTest : public testing::Test {
 protected:
  static constexpr uint32_t kItems = 20;

  static TestLog MakeLog(bool renumbered) {
    auto [events, items] = RandomHistory(500, kItems, 8);
    const std::string gone = Numbered("i", kItems - 1);
    std::erase_if(events, [&](const schema::RawEvent& event) { return event.item == gone; });
    if (!renumbered) return TestLog(events, items, {});
    std::erase_if(items, [&](const schema::RawItem& item) { return item.item == gone; });
    items.push_back(ItemOf("a", 50, "a", {"a"}));
    std::ranges::reverse(items);
    events.insert(events.begin(), Search("a", "a new query", kStartMs - 1));
    for (const char* item : {"a", "i9", "i5"}) {
      events.insert(events.begin(), Watch("a", item, kStartMs - 2, 9));
    }
    return TestLog(events, items, {});
  }

  // Everything that a model reads of user "u", who is shown the item of this name.
  static uint64_t Features(const FeatureStatistics& tables, const TestLog& log,
                           std::string_view name) {
    const UserState state = Fold(log, "u", tables.plan.state());
    const Context context{.time_ms = Minutes(60 * 24 * 20), .example_age_ms = 1'000'000};
    FeatureBlock retrieval, queries, impressions;
    FeatureExtractor(tables, log.catalogue(), Model::kRetrieval)
        .AppendQuery(state, schema::kNone, context, &retrieval);
    const FeatureExtractor extractor(tables, log.catalogue(), Model::kRanking);
    extractor.AppendQuery(state, schema::kNone, context, &queries);
    extractor.AppendImpression(state, schema::kNone, context, {.item = log.item(name)},
                               &impressions);
    return Digest(retrieval) ^ (Digest(queries) * 3) ^ (Digest(impressions) * 5);
  }

  const TestLog learned_on_ = MakeLog(false), now_ = MakeLog(true);
};

TEST_F(RebaseTest, NamesKeepTheirFeaturesWhateverTheirNumbers) {
  ASSERT_NE(learned_on_.item("i5"), now_.item("i5"));
  const FeatureStatistics tables = LearnTables(
      learned_on_, {.ranking = {{"clicks_by_topic", "count(click, item.topics)", "declared"}}});
  const auto rebased = Rebase(tables, learned_on_.log(), now_.log());
  ASSERT_TRUE(rebased) << rebased.error().message;
  EXPECT_EQ(rebased->log_digest, now_.log().digest());
  for (uint32_t item = 0; item + 1 < kItems; ++item) {
    const std::string name = Numbered("i", item);
    EXPECT_EQ(Features(*rebased, now_, name), Features(tables, learned_on_, name)) << name;
  }
  EXPECT_NE(Features(*rebased, now_, "i3"), Features(*rebased, now_, "i4"));
}

TEST_F(RebaseTest, NewNamesAreOutOfVocabularyAndRowsOfLostOnesHaveNoItem) {
  const auto rebased = Rebase(LearnTables(learned_on_), learned_on_.log(), now_.log());
  ASSERT_TRUE(rebased) << rebased.error().message;
  const Vocabulary& items = rebased->vocabulary(kItemVocabulary);
  EXPECT_EQ(items.rows(), kItems + 1);
  EXPECT_EQ(items.Row(now_.item("a")), 0u);
  EXPECT_EQ(std::ranges::count(items.ids_by_row(), schema::kNone), 2) << "row 0 and the lost one";
}

TEST_F(RebaseTest, RK16_TheReferenceKnowsItemsByName) {
  FeatureStatistics tables = LearnTables(learned_on_);
  tables.Refer(ReferenceOf(tables, /*end_ms=*/5));
  const auto rebased = Rebase(tables, learned_on_.log(), now_.log());
  ASSERT_TRUE(rebased) << rebased.error().message;
  EXPECT_EQ(rebased->reference_stamp, tables.reference_stamp);
  const std::vector<float> user = {1, 0, 0};
  for (uint32_t item = 0; item + 1 < kItems; ++item) {
    const std::string name = Numbered("i", item);
    EXPECT_EQ(rebased->reference->Score(user, now_.item(name)),
              tables.reference->Score(user, learned_on_.item(name)));
  }
  EXPECT_TRUE(std::isnan(rebased->reference->Score(user, now_.item("a")))) << "it is new";
}

TEST_F(RebaseTest, HashesOfNumbersAndOtherSchemasAreRefused) {
  const FeatureStatistics crossed = LearnTables(
      learned_on_, {.ranking = {{"crossed", "cross(item.channel, user.region, 100)", ""}}});
  const auto hashed = Rebase(crossed, learned_on_.log(), now_.log());
  ASSERT_FALSE(hashed);
  EXPECT_EQ(hashed.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(hashed.error().message, HasSubstr("crossed"));

  const auto config = base::Config::Parse("[schema.items]\nprice = \"number\"\n", "p.toml");
  ASSERT_TRUE(config);
  const auto [events, items] = RandomHistory(50, kItems, 8);
  const TestLog other(events, items, {}, schema::Schema::FromConfig(config->Table("schema")));
  const auto schema = Rebase(LearnTables(learned_on_), learned_on_.log(), other.log());
  ASSERT_FALSE(schema);
  EXPECT_THAT(schema.error().message, HasSubstr("[schema]"));
}

}  // namespace
}  // namespace upnext::features
