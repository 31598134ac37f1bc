#include "retrieval/item_content.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "ann/index.h"
#include "base/rng.h"
#include "examples/test_world.h"
#include "nn/parameter.h"
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

// As from a training with gBCE, in which nearly all scores are below the 0 of a zero vector.
TEST(ItemContent, CG24_NewItemsOfWhoseContentNothingWasLearnedAreNotIndexed) {
  const examples::World world(ContentWorld());
  const features::FeatureStatistics tables = world.Learn(TopicsAndDuration());
  base::Rng rng(1);
  CandidateModel model(
      {.items = ItemEncoder::kContent, .dim = 2, .embedding_dim = 2, .recent_windows = {}},
      ShapeOf(tables), rng);
  EXPECT_EQ(NewItemIndex::Make(model, tables, world.catalogue)->size(), 0u);
  std::vector<nn::Parameter> parameters = model.Parameters();
  const auto topics = std::ranges::find(parameters, "content.topic", &nn::Parameter::name);
  ASSERT_NE(topics, parameters.end());
  const uint32_t cats = tables.vocabulary("topic").Row(world.Id(schema::IdSpace::kTopic, "cats"));
  topics->value[cats * 2 + 1] = 3;
  const auto index = NewItemIndex::Make(model, tables, world.catalogue);
  ASSERT_NE(index, nullptr);
  std::vector<ann::Hit> hits;
  index->Search(std::vector<float>{1, -1}, 10, {}, &hits);
  ASSERT_EQ(hits.size(), 1u) << "'long' has only a duration";
  EXPECT_EQ(hits[0].id, world.item("fresh"));
  EXPECT_EQ(hits[0].score, -3);
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
