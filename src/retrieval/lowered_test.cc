#include "retrieval/lowered.h"

#include <gtest/gtest.h>

#include "features/test_log.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using features::ItemOf;
using features::Minutes;
using schema::EventType;

class LoweredTest : public testing::Test {
 protected:
  void Apply(EventType type, const std::string& item, float value = schema::kAbsent) {
    state_.Apply(
        {.time_ms = Minutes(++minute_), .type = type, .item = log_.item(item), .value = value},
        log_.catalogue(), {});
  }
  double Factor(const std::string& item) const {
    return Lowered(log_.catalogue(), state_, 2).Factor(log_.item(item));
  }
  const features::TestLog log_{
      {features::Watch("u", "bare", Minutes(0), 1)},
      {ItemOf("news", 100, "anna", {"politics"}), ItemOf("more", 100, "anna", {"sport"}),
       ItemOf("match", 100, "bert", {"sport", "politics"}), ItemOf("song", 100, "carl", {"music"}),
       ItemOf("bare", 100, "", {})},
      {}};
  features::UserState state_ = features::EmptyState();
  double minute_ = 0;
};

TEST_F(LoweredTest, ADislikeHalvesItemsOfItsChannelAndTopicsThatWereNeverWatched) {
  Apply(EventType::kDismiss, "news");
  EXPECT_EQ(Factor("more"), 0.5) << "the channel";
  EXPECT_EQ(Factor("match"), 0.5) << "the topic";
  EXPECT_EQ(Factor("song"), 1);
  EXPECT_EQ(Factor("bare"), 1);
  Apply(EventType::kRating, "more", 2);
  EXPECT_NEAR(Factor("more"), 1.0 / 3, 1e-12) << "two of the channel";
  EXPECT_EQ(Factor("match"), 0.5);
}

TEST_F(LoweredTest, WatchesOfAChannelWeighAgainstADislike) {
  Apply(EventType::kDismiss, "news");
  for (int i = 0; i < 9; ++i) Apply(EventType::kWatch, "more", 99);
  EXPECT_NEAR(Factor("more"), 10.0 / 11, 1e-12);
  EXPECT_EQ(Factor("match"), 0.5) << "politics was never watched";
}

TEST_F(LoweredTest, NothingIsLoweredWithoutDislikesOrWhenTheyChangeNothing) {
  EXPECT_TRUE(Lowered(log_.catalogue(), state_, 2).empty());
  Apply(EventType::kDislike, "news");
  EXPECT_FALSE(Lowered(log_.catalogue(), state_, 2).empty());
  EXPECT_TRUE(Lowered(log_.catalogue(), state_, std::nullopt).empty());
}

}  // namespace
}  // namespace upnext::retrieval
