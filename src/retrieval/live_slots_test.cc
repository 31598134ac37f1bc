#include "retrieval/live_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kNo = kNoLivePlace;

TEST(LiveSlots, EveryNthPlaceHasTheNextOfTheLiveOnesAndTheOthersKeepTheirOrder) {
  const std::vector<size_t> places = {kNo, kNo, kNo, kNo, 7, kNo, 2, kNo};
  EXPECT_THAT(WithLiveSlots(places, 3), ElementsAre(0, 1, 6, 2, 3, 4, 5, 7));
  EXPECT_THAT(WithLiveSlots(places, 1), ElementsAre(6, 4, 0, 1, 2, 3, 5, 7));
}

TEST(LiveSlots, ThoseForWhomThereIsNoSlotComeLast) {
  const std::vector<size_t> places = {3, kNo, 1, 2, kNo};
  EXPECT_THAT(WithLiveSlots(places, 4), ElementsAre(1, 4, 2, 3, 0));
  EXPECT_THAT(WithLiveSlots(places, 100), ElementsAre(1, 4, 2, 3, 0));
}

TEST(LiveSlots, NothingChangesWithoutLiveOnes) {
  EXPECT_THAT(WithLiveSlots(std::vector<size_t>{kNo, kNo, kNo}, 2), ElementsAre(0, 1, 2));
  EXPECT_THAT(WithLiveSlots({}, 5), IsEmpty());
}

}  // namespace
}  // namespace upnext::retrieval
