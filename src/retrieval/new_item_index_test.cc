// Items that are posted while the index is searched.
#include "retrieval/new_item_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/test_world.h"
#include "features/feature_spec.h"
#include "nn/parameter.h"
#include "schema/attribute.h"

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

examples::WorldOptions Seen() {
  examples::WorldOptions options;
  options.items = {examples::Item("seen", 100, "", {"cats"}),
                   examples::Item("other", 100, "", {"dogs"}),
                   examples::Item("fresh", schema::kAbsent, "", {"cats"})};
  for (const char* user : {"u", "v", "w"}) {
    options.events.push_back(examples::Watch(user, "seen", 0, 100));
    options.events.push_back(examples::Watch(user, "other", examples::kHour, 100));
  }
  options.split.kind = examples::SplitOptions::Kind::kNone;
  return options;
}

class NewItemIndexTest : public testing::Test {
 protected:
  NewItemIndexTest() {
    for (nn::Parameter& parameter : model_.Parameters()) {
      if (parameter.name != "content.topic") continue;
      for (const char* topic : {"cats", "dogs"}) {
        const uint32_t row =
            tables_.vocabulary("topic").Row(world_.Id(schema::IdSpace::kTopic, topic));
        parameter.value[row * 2] = topic[0] == 'c' ? 3 : -3;
        parameter.value[row * 2 + 1] = 1;
      }
    }
  }
  static features::FeatureSpec Topics() {
    features::FeatureSpec spec;
    spec.retrieval = {{"item_topics", "item.topics", ""}};
    return spec;
  }
  uint32_t Post(const std::string& name, const std::string& topic, uint64_t sequence,
                bool removed = false) {
    uint32_t id = catalogue_.Find(schema::IdSpace::kItem, name);
    if (id == schema::kNone) {
      id = catalogue_.size(schema::IdSpace::kItem);
      catalogue_.Add(schema::IdSpace::kItem, name, id);
    }
    schema::RawAttributes attributes;
    if (!topic.empty()) attributes.emplace_back(schema::item_attribute::kTopics, topic);
    if (removed) attributes.emplace_back(schema::item_attribute::kRemoved, "true");
    catalogue_.Set(schema::Entity::kItem, id, {.sequence = sequence, .attributes = attributes});
    return id;
  }
  static std::vector<std::pair<uint32_t, float>> Found(const NewItemIndex& index) {
    std::vector<ann::Hit> hits;
    index.Search(std::vector<float>{1, 0}, 100, {}, &hits);
    std::vector<std::pair<uint32_t, float>> found;
    for (const ann::Hit& hit : hits) found.emplace_back(hit.id, hit.score);
    return found;
  }

  const examples::World world_{Seen()};
  catalogue::Catalogue catalogue_{world_.log};
  const features::FeatureStatistics tables_ = world_.Learn(Topics());
  base::Rng rng_{1};
  CandidateModel model_{
      {.items = ItemEncoder::kContent, .dim = 2, .embedding_dim = 2, .recent_windows = {}},
      ShapeOf(tables_),
      rng_};
};

TEST_F(NewItemIndexTest, FindsAnItemByItsContentOnceItIsPosted) {
  const auto index = NewItemIndex::Make(model_, tables_, catalogue_);
  const uint32_t fresh = world_.item("fresh");
  EXPECT_THAT(Found(*index), ElementsAre(std::pair(fresh, 3.0f)));
  const uint32_t dog = Post("dog", "dogs", 1);
  EXPECT_EQ(Found(*index).size(), 1u) << "not before the update";
  index->Update(dog);
  EXPECT_THAT(Found(*index), ElementsAre(std::pair(fresh, 3.0f), std::pair(dog, -3.0f)));
  Post("dog", "cats", 2);
  index->Update(dog);
  EXPECT_THAT(Found(*index), UnorderedElementsAre(std::pair(fresh, 3.0f), std::pair(dog, 3.0f)));
  // One made now has the same.
  EXPECT_THAT(Found(*NewItemIndex::Make(model_, tables_, catalogue_)),
              UnorderedElementsAre(std::pair(fresh, 3.0f), std::pair(dog, 3.0f)));
}

TEST_F(NewItemIndexTest, DoesNotFindWhatIsRemovedKnownOrNotDescribed) {
  const auto index = NewItemIndex::Make(model_, tables_, catalogue_);
  index->Update(Post("fresh", "cats", 1, /*removed=*/true));
  EXPECT_THAT(Found(*index), ElementsAre()) << "of the log";
  index->Update(Post("fresh", "cats", 2));
  index->Update(Post("bare", "", 3));
  index->Update(Post("seen", "dogs", 4));
  EXPECT_THAT(Found(*index), ElementsAre(std::pair(world_.item("fresh"), 3.0f)));
  index->Update(Post("fresh", "", 5));
  EXPECT_EQ(index->size(), 0u);
}

// Each block of the live index has room for 256 vectors.
TEST_F(NewItemIndexTest, IsMadeAnewWhenTheChangesHaveNoRoom) {
  const auto index = NewItemIndex::Make(model_, tables_, catalogue_, nullptr, /*bytes=*/1);
  std::set<uint32_t> want{world_.item("fresh")};
  for (uint64_t n = 1; n <= 2'000; ++n) {
    const uint32_t id = Post(fmt::format("item {}", n % 1'500), "dogs", n);
    index->Update(id);
    want.insert(id);
  }
  EXPECT_EQ(index->size(), want.size());
  std::vector<ann::Hit> hits;
  index->Search(std::vector<float>{1, 0}, 5'000, {}, &hits);
  std::set<uint32_t> found;
  for (const ann::Hit& hit : hits) found.insert(hit.id);
  EXPECT_EQ(found, want);
}

}  // namespace
}  // namespace upnext::retrieval
