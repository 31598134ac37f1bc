// Items that an import brings after the bundle was trained, in feeds of that bundle.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "features/test_log.h"
#include "log/event_log.h"
#include "retrieval/candidate_options.h"
#include "schema/raw_event.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

// Of the model's order, from the log with "fresh": of channel c1 and topic t2, without an event.
class NewItemsTest : public testing::TestWithParam<bool> {
 protected:
  NewItemsTest() {
    schema::RawItem item = features::ItemOf("fresh", 100, "c1", {"t2"});
    schema::RawItem unknown = features::ItemOf("bare", schema::kAbsent, "", {});
    features::AppendToLog(base::VersionedRoot(service_.project().log_root()), {}, {item, unknown});
    auto log = log::EventLog::Open(service_.project().log_root() / "v000002");
    EXPECT_TRUE(log) << log.error().message;
    auto bundle = bundle::Bundle::Open(service_.project().bundle_folder(), log->lineage());
    EXPECT_TRUE(bundle) << bundle.error().message;
    auto generation = Generation::Make({.log = *std::move(log), .bundle = *std::move(bundle)},
                                       service_.options().generation, service_.store());
    EXPECT_TRUE(generation) << generation.error().message;
    generation_ = *std::move(generation);
  }
  Slate Feed(Stage stage) const {
    const auto slate = generation_->Recommend(
        {.user = "u3", .n = 60, .time_ms = features::Minutes(20'000), .stage = stage});
    EXPECT_TRUE(slate) << slate.error().message;
    return *slate;
  }
  static const Recommendation* Find(const Slate& slate, std::string_view id) {
    const auto found = std::ranges::find(slate.items, id, &Recommendation::id);
    return found == slate.items.end() ? nullptr : &*found;
  }
  TestService service_{bundle::TestProjectOptions{
      .encoder = GetParam() ? retrieval::ItemEncoder::kContent : retrieval::ItemEncoder::kId}};
  std::shared_ptr<const Generation> generation_;
};

TEST_P(NewItemsTest, CG24_AreInTheFeedAtOnceIfTheModelReadsContent) {
  const Slate slate = Feed(Stage::kRetrieval);
  const Recommendation* fresh = Find(slate, "fresh");
  ASSERT_EQ(fresh != nullptr, GetParam());
  EXPECT_EQ(Find(slate, "bare"), nullptr);
  const auto worse = [](const Recommendation& a, const Recommendation& b) {
    return a.score > b.score;
  };
  EXPECT_TRUE(std::ranges::is_sorted(slate.items, worse));
  if (fresh == nullptr) return;
  ASSERT_EQ(fresh->sources.size(), 1u);
  EXPECT_EQ(fresh->sources[0].source, "candidate-model");
  EXPECT_EQ(Find(Feed(Stage::kRanking), "fresh")->id, "fresh");
}

// A filter is asked about them too.
TEST_P(NewItemsTest, AreExcludedAsOthersAre) {
  const auto slate = generation_->Recommend({.user = "u3",
                                             .n = 60,
                                             .time_ms = features::Minutes(20'000),
                                             .stage = Stage::kRetrieval,
                                             .exclude = {"fresh"}});
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(Find(*slate, "fresh"), nullptr);
  EXPECT_GT(slate->items.size(), 20u);
}

INSTANTIATE_TEST_SUITE_P(Encoders, NewItemsTest, testing::Bool(),
                         [](const auto& each) { return each.param ? "content" : "id"; });

}  // namespace
}  // namespace upnext::serving
