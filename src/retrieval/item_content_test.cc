#include "retrieval/item_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "examples/test_world.h"
#include "retrieval/new_item_index.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

// "seen" is watched; "fresh" has the topic of "seen", "odd" one that no event has, "bare" nothing.
examples::WorldOptions ContentWorld() {
  examples::WorldOptions options;
  options.items = {examples::Item("seen", 100, "", {"cats"}),
                   examples::Item("other", 100, "", {"cats"}),
                   examples::Item("fresh", schema::kAbsent, "", {"cats"}),
                   examples::Item("odd", schema::kAbsent, "", {"dogs"}),
                   examples::Item("long", 100),
                   examples::Item("bare", schema::kAbsent),
                   examples::Item("removed", 100, "", {"cats"})};
  options.items.back().removed = true;
  for (const char* user : {"u", "v", "w"}) {
    options.events.push_back(examples::Watch(user, "seen", 0, 100));
    options.events.push_back(examples::Watch(user, "other", examples::kHour, 100));
  }
  options.split.kind = examples::SplitOptions::Kind::kNone;
  return options;
}

features::FeatureSpec TopicsAndDuration() {
  features::FeatureSpec spec;
  spec.retrieval = {{"item_topics", "item.topics", ""}, {"item_duration", "item.duration", ""}};
  return spec;
}

TEST(ItemContent, RowsAreThoseOfTheVocabularyAndRowZeroKnowsNothing) {
  const examples::World world(ContentWorld());
  const features::FeatureStatistics tables = world.Learn(TopicsAndDuration());
  const features::FeatureBlock content = ContentOfItems(tables, world.catalogue);
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  ASSERT_EQ(content.rows, items.rows());
  const uint32_t cats = tables.vocabulary("topic").Row(world.Id(schema::IdSpace::kTopic, "cats"));
  EXPECT_TRUE(content.categorical[0][0].empty());
  EXPECT_EQ(content.dense[features::kPowers - 1], 1);  // the duration is missing
  for (uint32_t row = 1; row < items.rows(); ++row) {
    EXPECT_THAT(content.categorical[0][row], ElementsAre(cats));
    EXPECT_EQ(content.dense[row * content.dense_width + features::kPowers - 1], 0);
  }
}

TEST(ItemContent, CG24_NewItemsAreThoseWithoutARowOfWhichSomethingIsKnown) {
  const examples::World world(ContentWorld());
  const NewItems fresh = NewItemsOf(world.Learn(TopicsAndDuration()), world.catalogue);
  EXPECT_THAT(fresh.ids, UnorderedElementsAre(world.item("fresh"), world.item("long")));
  EXPECT_EQ(fresh.content.rows, 2u);
}

TEST(ItemContent, AModelWithoutATowerHasNoNewItems) {
  const examples::World world(ContentWorld());
  const features::FeatureStatistics tables = world.Learn();
  base::Rng rng(1);
  const CandidateModel model({.dim = 4, .embedding_dim = 4, .recent_windows = {}}, ShapeOf(tables),
                             rng);
  EXPECT_EQ(NewItemIndex::Make(model, tables, world.catalogue), nullptr);
}

}  // namespace
}  // namespace upnext::retrieval
