#include "serving/slate_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace upnext::serving {
namespace {

using testing::ElementsAre;
using testing::Optional;

std::vector<std::string> Items(const std::vector<ShownItem>& shown) {
  std::vector<std::string> items;
  for (const ShownItem& one : shown) items.push_back(one.item);
  return items;
}

TEST(SlateMemory, PagesAreThoseOfTheChainAndOfItsUserAlone) {
  SlateMemory memory(1 << 20);
  memory.Remember({.request = "r1", .user = "u", .items = {"a", "b"}, .time_ms = 1000});
  memory.Remember({.request = "r2", .user = "u", .after = "r1", .items = {"c"}, .time_ms = 2000});
  memory.Remember({.request = "x", .user = "u", .items = {"z"}, .time_ms = 2000});
  EXPECT_THAT(memory.Pages("r1", "u", 2000), Optional(ElementsAre("a", "b")));
  EXPECT_THAT(memory.Pages("r2", "u", 2000), Optional(ElementsAre("c", "a", "b")));
  EXPECT_EQ(memory.Pages("r2", "v", 2000), std::nullopt);
  EXPECT_EQ(memory.Pages("r3", "u", 2000), std::nullopt);
  EXPECT_EQ(memory.Pages("r2", "u", 1001 + SlateMemory::kPageMs), std::nullopt) << "r1 is too old";
}

TEST(SlateMemory, WhatAUserWasShownComesNewestFirstUntilItIsOld) {
  SlateMemory memory(1 << 20);
  memory.Remember({.request = "r2", .user = "u", .items = {"c", "a"}, .time_ms = 2000});
  memory.Remember({.request = "r1", .user = "u", .items = {"a"}, .time_ms = 1000});
  memory.Remember({.request = "r3", .user = "v", .items = {"z"}, .time_ms = 3000});
  EXPECT_THAT(Items(memory.ShownTo("u", 3000)), ElementsAre("c", "a", "a"));
  EXPECT_THAT(Items(memory.ShownTo("u", 1500 + SlateMemory::kShownMs)), ElementsAre("c", "a"));
  EXPECT_THAT(Items(memory.ShownTo("w", 3000)), ElementsAre());
  for (int i = 0; i < 40; ++i) {
    memory.Remember(
        {.request = "s" + std::to_string(i), .user = "u", .items = {"n"}, .time_ms = 4000 + i});
  }
  EXPECT_EQ(memory.ShownTo("u", 5000).size(), SlateMemory::kSlatesOfUser);
}

TEST(SlateMemory, BytesAreBoundedAndTheOldestGoFirst) {
  SlateMemory memory(20'000);
  for (int i = 0; i < 1000; ++i) {
    memory.Remember({.request = "request-with-a-long-name-" + std::to_string(i),
                     .user = "user-" + std::to_string(i % 7),
                     .items = {"an-item-with-a-name-that-is-long", "b"},
                     .time_ms = i});
    ASSERT_LE(memory.bytes(), 20'000u);
  }
  EXPECT_EQ(memory.Pages("request-with-a-long-name-0", "user-0", 1000), std::nullopt);
  EXPECT_NE(memory.Pages("request-with-a-long-name-999", "user-5", 1000), std::nullopt);
  EXPECT_GT(memory.bytes(), 15'000u);
  memory.Remember({.request = "large",
                   .user = "u",
                   .items = std::vector<std::string>(1000, "x"),
                   .time_ms = 1});
  EXPECT_NE(memory.Pages("request-with-a-long-name-999", "user-5", 1000), std::nullopt);
}

TEST(SlateMemory, AForgottenUserHasNoSlates) {
  SlateMemory memory(1 << 20);
  memory.Remember({.request = "r1", .user = "u", .items = {"a"}, .time_ms = 1});
  memory.Remember({.request = "r2", .user = "v", .items = {"b"}, .time_ms = 1});
  memory.Forget("u");
  EXPECT_EQ(memory.Pages("r1", "u", 1), std::nullopt);
  EXPECT_TRUE(memory.ShownTo("u", 1).empty());
  EXPECT_THAT(Items(memory.ShownTo("v", 1)), ElementsAre("b"));
  const size_t one = memory.bytes();
  memory.Forget("v");
  EXPECT_GT(one, 0u);
  EXPECT_EQ(memory.bytes(), 0u);
}

}  // namespace
}  // namespace upnext::serving
