#include "base/scratch_pool.h"

#include <gtest/gtest.h>

#include <vector>

namespace upnext::base {
namespace {

TEST(ScratchPool, WhatWasGivenBackIsBorrowedAgainWithItsMemory) {
  const ScratchPool<std::vector<int>> pool;
  const int* memory = nullptr;
  {
    const auto first = pool.Borrow();
    first->assign(1'000, 7);
    memory = first->data();
  }
  const auto again = pool.Borrow();
  EXPECT_EQ(again->data(), memory);
  EXPECT_EQ(again->size(), 1'000u);
}

TEST(ScratchPool, EveryBorrowerHoldsAnObjectOfItsOwn) {
  const ScratchPool<int> pool;
  const auto first = pool.Borrow(), second = pool.Borrow();
  EXPECT_NE(&*first, &*second);
}

}  // namespace
}  // namespace upnext::base
