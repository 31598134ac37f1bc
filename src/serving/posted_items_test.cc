// Items and users that are put, patched and deleted while the service runs: what is acknowledged is in
// the next answer, or in none any more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/versioned_root.h"
#include "bundle/opened_bundle.h"
#include "features/test_log.h"
#include "retrieval/candidate_options.h"
#include "schema/raw_event.h"
#include "serving/test_service.h"
#include "store/store.h"

namespace upnext::serving {
namespace {

using schema::Entity;
using Change = store::WriteBatch::NewRecord::Change;

constexpr uint32_t kCreated = schema::item_attribute::kCreated,
                   kDuration = schema::item_attribute::kDuration,
                   kChannel = schema::item_attribute::kChannel,
                   kTopics = schema::item_attribute::kTopics,
                   kTitle = schema::item_attribute::kTitle,
                   kRemoved = schema::item_attribute::kRemoved;

class PostedItemsTest : public testing::Test {
 protected:
  Result<Changed> Apply(Change change, const std::string& name, schema::RawAttributes attributes,
                        std::vector<uint32_t> mentioned = {}, Entity entity = Entity::kItem) {
    const store::EntityChange one{change, {name, std::move(attributes)}, std::move(mentioned)};
    return service_->Change(entity, {&one, 1});
  }
  // Of a channel and a topic that users watch, created before the request.
  void PutFresh(const std::string& name = "fresh") {
    const auto put = Apply(Change::kPut, name,
                           {{kCreated, "1700000000"},
                            {kDuration, "100"},
                            {kChannel, "c1"},
                            {kTopics, "t2"},
                            {kTitle, "Fresh"}});
    ASSERT_TRUE(put) << put.error().message;
  }
  Slate Feed(Stage stage = Stage::kRanking, const std::string& user = "u3") const {
    const auto slate = service_->Recommend(
        {.user = user, .n = 100, .time_ms = features::Minutes(20'000), .stage = stage});
    EXPECT_TRUE(slate) << slate.error().message;
    return slate ? *slate : Slate();
  }
  static bool Has(const Slate& slate, std::string_view id, std::string_view source = "") {
    return std::ranges::any_of(slate.items, [&](const Recommendation& item) {
      const auto is_named = [&](const auto& one) { return one.source == source; };
      return item.id == id && (source.empty() || std::ranges::any_of(item.sources, is_named));
    });
  }
  // The same bundle with a log that has one event more, as after an import.
  void TakeUpNewLog(const std::vector<schema::RawItem>& items = {}) {
    auto generation = MakeNewLog(items);
    const Status replaced = service_->Replace(std::move(generation));
    ASSERT_TRUE(replaced) << replaced.error().message;
  }
  std::shared_ptr<const Generation> MakeNewLog(const std::vector<schema::RawItem>& items = {}) {
    features::AppendToLog(base::VersionedRoot(service_.project().log_root()),
                          {features::Watch("u5", "i7", features::Minutes(19'000), 90)}, items);
    auto opened = bundle::OpenCurrent(base::VersionedRoot(service_.project().bundle_root()),
                                      base::VersionedRoot(service_.project().log_root()), {},
                                      bundle::LogChoice::kNewest);
    EXPECT_TRUE(opened) << opened.error().message;
    auto generation = Generation::Make(*std::move(opened), service_.options().generation,
                                       service_.store(), service_->generation().get());
    EXPECT_TRUE(generation) << generation.error().message;
    return *std::move(generation);
  }

  TestService service_{bundle::TestProjectOptions{.encoder = retrieval::ItemEncoder::kContent}};
};

TEST_F(PostedItemsTest, AnItemIsInTheNextAnswerByItsContentAndAsANewItem) {
  ASSERT_FALSE(Has(Feed(), "fresh"));
  PutFresh();
  EXPECT_TRUE(Has(Feed(Stage::kRetrieval), "fresh", "candidate-model"));
  EXPECT_TRUE(Has(Feed(), "fresh", "candidate-model"));
  EXPECT_TRUE(Has(Feed(), "fresh", "new-items"));
  EXPECT_TRUE(Has(Feed(Stage::kRanking, "nobody"), "fresh", "new-items"));
  const auto attributes = service_->generation()->Attributes(Entity::kItem, "fresh");
  ASSERT_TRUE(attributes) << attributes.error().message;
  EXPECT_THAT(*attributes, testing::Contains(testing::Pair(kTitle, "Fresh")));
}

TEST_F(PostedItemsTest, WhatIsRemovedOrDeletedIsInNoAnswerOfThisLogTheNextOrAfterARestart) {
  PutFresh();
  PutFresh("other");
  ASSERT_TRUE(Has(Feed(), "i2"));
  ASSERT_TRUE(Apply(Change::kPatch, "fresh", {{kRemoved, "true"}}, {kRemoved}));
  ASSERT_TRUE(Apply(Change::kDelete, "other", {}));
  ASSERT_TRUE(Apply(Change::kDelete, "i2", {}));
  ASSERT_TRUE(Apply(Change::kPatch, "i3", {{kRemoved, "true"}}, {kRemoved}));
  const auto check = [&](const char* when) {
    for (const Stage stage : {Stage::kRetrieval, Stage::kRanking}) {
      const Slate slate = Feed(stage);
      EXPECT_GT(slate.items.size(), 20u) << when;
      for (const char* item : {"fresh", "other", "i2", "i3"}) {
        EXPECT_FALSE(Has(slate, item)) << item << " " << when;
      }
    }
    const auto similar = service_->generation()->Similar({.item = "i7", .n = 100});
    ASSERT_TRUE(similar);
    for (const Recommendation& one : *similar) EXPECT_NE(one.id, "i2") << when;
    EXPECT_FALSE(service_->generation()->Attributes(Entity::kItem, "i2")) << when;
    EXPECT_TRUE(service_->generation()->Attributes(Entity::kItem, "i3")) << when;
  };
  check("at once");
  TakeUpNewLog();
  check("with the next log");
  service_.Restart();
  check("after a restart");
  PutFresh("i2");
  PutFresh("other");
  EXPECT_TRUE(Has(Feed(), "i2"));
  EXPECT_TRUE(Has(Feed(), "other"));
}

TEST_F(PostedItemsTest, AreThereAfterARestartAndWithTheNextLog) {
  PutFresh();
  service_.Restart();
  EXPECT_TRUE(Has(Feed(), "fresh", "candidate-model"));
  EXPECT_TRUE(Has(Feed(), "fresh", "new-items"));
  TakeUpNewLog();
  EXPECT_EQ(service_->generation()->log_version(), "v000002");
  EXPECT_TRUE(Has(Feed(), "fresh", "candidate-model"));
  EXPECT_TRUE(Has(Feed(), "fresh", "new-items"));
}

// The new generation has read the store when they come.
TEST_F(PostedItemsTest, WhatIsPostedWhileAGenerationIsMadeIsInIt) {
  PutFresh("before");
  for (const bool same_log : {false, true}) {
    const std::string name = same_log ? "again" : "meanwhile";
    auto next = same_log ? nullptr : MakeNewLog();
    if (same_log) {
      auto opened = bundle::OpenCurrent(base::VersionedRoot(service_.project().bundle_root()),
                                        base::VersionedRoot(service_.project().log_root()), {},
                                        bundle::LogChoice::kNewest);
      ASSERT_TRUE(opened) << opened.error().message;
      auto made = Generation::Make(*std::move(opened), service_.options().generation,
                                   service_.store(), service_->generation().get());
      ASSERT_TRUE(made) << made.error().message;
      next = *std::move(made);
    }
    PutFresh(name);
    ASSERT_TRUE(Apply(Change::kDelete, "before", {}));
    ASSERT_TRUE(service_->Replace(next));
    EXPECT_TRUE(Has(Feed(), name, "candidate-model"));
    EXPECT_TRUE(Has(Feed(), name, "new-items"));
    EXPECT_FALSE(Has(Feed(), "before"));
    PutFresh("before");
  }
}

TEST_F(PostedItemsTest, ARowCanBeListedFromACursor) {
  PutFresh();
  ASSERT_TRUE(Apply(Change::kDelete, "i2", {}));
  const auto generation = service_->generation();
  std::vector<std::string> names;
  std::string after;
  for (int pages = 0; pages < 100; ++pages) {
    const auto rows = generation->Rows(Entity::kItem, after, 7);
    ASSERT_TRUE(rows) << rows.error().message;
    for (const schema::RawEntity& row : *rows) names.push_back(row.name);
    if (rows->size() < 7) break;
    after = rows->back().name;
  }
  EXPECT_EQ(names.size(), generation->catalogue().present(Entity::kItem));
  EXPECT_THAT(names, testing::Contains("fresh"));
  EXPECT_THAT(names, testing::Not(testing::Contains("i2")));
  EXPECT_TRUE(generation->Rows(Entity::kItem, "i2", 7)) << "a name stays a cursor";
  EXPECT_FALSE(generation->Rows(Entity::kItem, "nothing", 7));
}

TEST_F(PostedItemsTest, ACursorOutlivesTheUserThatItNames) {
  for (const char* name : {"a", "b", "c~1", "d"}) {
    ASSERT_TRUE(
        Apply(Change::kPut, name, {{schema::user_attribute::kRegion, "US"}}, {}, Entity::kUser));
  }
  const auto generation = service_->generation();
  std::string next;
  const auto names_after = [&](const std::string& after) {
    next.clear();
    const auto rows = generation->Rows(Entity::kUser, after, 1, &next);
    return rows && !rows->empty() ? rows->front().name : std::string();
  };
  ASSERT_EQ(names_after("a"), "b");
  const std::string of_b = next;
  EXPECT_EQ(names_after(of_b), "c~1");
  const std::string of_c = next;
  EXPECT_EQ(names_after(of_c), "d");
  EXPECT_EQ(names_after("c~1"), "d") << "a name that looks like a cursor";
  for (const char* name : {"b", "c~1"}) ASSERT_TRUE(service_->Forget(name));
  EXPECT_EQ(names_after(of_b), "d");
  EXPECT_EQ(names_after(of_c), "d");
  EXPECT_FALSE(generation->Rows(Entity::kUser, "b", 1)) << "the name alone says nothing any more";
  EXPECT_FALSE(generation->Rows(Entity::kUser, "b~4000000000", 1));
}

// A client that pages by the name of the last line, and one that pages by `next`.
TEST_F(PostedItemsTest, ANameThatLooksLikeTheCursorOfAnotherLeadsOn) {
  const auto put = [this](const std::string& name) {
    ASSERT_TRUE(
        Apply(Change::kPut, name, {{schema::user_attribute::kRegion, "US"}}, {}, Entity::kUser));
  };
  put("e");
  const std::string like =
      fmt::format("e~{}", service_->generation()->catalogue().Find(schema::IdSpace::kUser, "e"));
  put("f");
  put(like);
  put("g");
  for (const bool by_name : {true, false}) {
    std::vector<std::string> seen;
    for (std::string after = "e", next; seen.size() < 9; after = by_name ? seen.back() : next) {
      const auto rows = service_->generation()->Rows(Entity::kUser, after, 1, &next);
      if (!rows || rows->empty()) break;
      seen.push_back(rows->front().name);
    }
    EXPECT_THAT(seen, testing::ElementsAre("f", like, "g")) << by_name;
  }
}

TEST_F(PostedItemsTest, AUserIsForgottenWithAttributes) {
  constexpr uint32_t kRegion = schema::user_attribute::kRegion;
  ASSERT_TRUE(Apply(Change::kPut, "newcomer", {{kRegion, "US"}}, {}, Entity::kUser));
  const auto known = [&] {
    return service_->generation()->Attributes(Entity::kUser, "newcomer").has_value();
  };
  EXPECT_TRUE(known());
  for (const std::string& note : Feed(Stage::kRanking, "newcomer").notes) {
    EXPECT_THAT(note, testing::Not(testing::HasSubstr("unknown user")));
  }
  auto next = MakeNewLog();
  ASSERT_TRUE(service_->Forget("newcomer"));
  EXPECT_FALSE(known());
  ASSERT_TRUE(service_->Replace(std::move(next)));
  EXPECT_FALSE(known()) << "of a generation that had read the store before";
  service_.Restart();
  EXPECT_FALSE(known());
}

// Requests go on while items come and go: each answer is of the items that were there.
TEST_F(PostedItemsTest, AreReadWhileTheyChange) {
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) EXPECT_GT(Feed().items.size(), 20u);
  });
  for (int i = 0; i < 30; ++i) {
    PutFresh(fmt::format("fresh {}", i % 5));
    EXPECT_TRUE(Has(Feed(), fmt::format("fresh {}", i % 5)));
    ASSERT_TRUE(Apply(Change::kDelete, fmt::format("fresh {}", i % 5), {}));
    EXPECT_FALSE(Has(Feed(), fmt::format("fresh {}", i % 5)));
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace upnext::serving
