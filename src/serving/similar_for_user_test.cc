#include "serving/similar_for_user.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Recommendation> ListOf(const std::vector<uint32_t>& items) {
  std::vector<Recommendation> list;
  for (const uint32_t item : items) list.emplace_back().item = item;
  return list;
}
std::vector<uint32_t> NumbersOf(const std::vector<Recommendation>& list) {
  std::vector<uint32_t> items;
  for (const Recommendation& one : list) items.push_back(one.item);
  return items;
}

TEST(PullTowards, GoesFromTheOrderOfTheItemToThatOfTheUser) {
  const auto pulled = [](double pull, uint32_t n = 10) {
    return NumbersOf(PullTowards(ListOf({1, 2, 9, 3, 4}), ListOf({4, 3, 2, 1}), pull, n));
  };
  EXPECT_THAT(pulled(0), ElementsAre(1, 2, 3, 4)) << "9 is left out for the user";
  EXPECT_THAT(pulled(1), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(pulled(0.4), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(pulled(0.6), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(pulled(1, 2), ElementsAre(4, 3));
  EXPECT_THAT(NumbersOf(PullTowards({}, ListOf({1}), 0.5, 3)), IsEmpty());
}

TEST(SimilarForUser, LeavesOutWhatTheUserHasSeenAndPullsTheRest) {
  const TestService service;
  const auto similar = [&](double pull, const std::string& user = "u") {
    const auto found = service->generation()->Similar({.item = "i2",
                                                       .n = 12,
                                                       .filter = "item.duration > $least",
                                                       .parameters = {{"least", {"5"}}},
                                                       .user = user,
                                                       .pull = pull});
    EXPECT_TRUE(found) << found.error().message;
    return found ? NumbersOf(*found) : std::vector<uint32_t>();
  };
  const auto state = service->State("u");
  const std::vector<uint32_t> alike = similar(0), mine = similar(1);
  ASSERT_EQ(alike.size(), 12u);
  for (const uint32_t item : alike) EXPECT_FALSE(state->HasWatched(item)) << item;
  EXPECT_NE(alike, mine);
  // The order of the user is that of a list that is given.
  EXPECT_NE(similar(1, "u3"), mine);
  const auto nobody =
      service->generation()->Similar({.item = "i2", .n = 40, .filter = "item.duration > 5"});
  std::vector<uint32_t> unseen;
  for (const uint32_t item : NumbersOf(*nobody)) {
    if (!state->HasWatched(item) && unseen.size() < 12) unseen.push_back(item);
  }
  EXPECT_EQ(alike, unseen);
}

}  // namespace
}  // namespace upnext::serving
