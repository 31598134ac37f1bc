#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <new>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace upnext::base {
namespace {

std::set<std::pair<size_t, size_t>> Chunks(ThreadPool& pool, size_t n, size_t grain) {
  Mutex mutex;
  std::set<std::pair<size_t, size_t>> chunks;
  pool.ParallelFor(n, grain, [&](size_t begin, size_t end) {
    MutexLock lock(mutex);
    EXPECT_TRUE(chunks.emplace(begin, end).second);
  });
  return chunks;
}

TEST(ThreadPool, ChunksDependOnGrainAlone) {
  const std::set<std::pair<size_t, size_t>> expected = {{0, 4}, {4, 8}, {8, 10}};
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    EXPECT_EQ(Chunks(pool, 10, 4), expected) << threads;
    EXPECT_EQ(Chunks(pool, 8, 4).size(), 2u);
    EXPECT_EQ(Chunks(pool, 3, 0).size(), 3u);
    EXPECT_TRUE(Chunks(pool, 0, 4).empty());
  }
}

TEST(ThreadPool, RunsEveryIndexOnceOverManyLoops) {
  ThreadPool pool(4);
  std::vector<int> counts(1000);
  for (int loop = 0; loop < 500; ++loop) {
    pool.ParallelFor(counts.size(), 7, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) ++counts[i];
    });
  }
  EXPECT_EQ(counts, std::vector<int>(1000, 500));
}

TEST(ThreadPool, OtherThreadsTakePart) {
  ThreadPool pool(2);
  std::atomic<int> arrived = 0;
  // Neither chunk ends before both have begun, which needs two threads.
  pool.ParallelFor(2, 1, [&](size_t, size_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 2);
}

TEST(ThreadPool, LoopInsideAChunkRunsInlineInTheSameChunks) {
  ThreadPool pool(3);
  std::atomic<int> chunks = 0, elsewhere = 0;
  pool.ParallelFor(6, 1, [&](size_t, size_t) {
    const auto self = std::this_thread::get_id();
    pool.ParallelFor(10, 4, [&](size_t begin, size_t end) {
      EXPECT_EQ(end - begin, begin == 8 ? 2u : 4u);
      ++chunks;
      if (std::this_thread::get_id() != self) ++elsewhere;
    });
  });
  EXPECT_EQ(chunks, 18);
  EXPECT_EQ(elsewhere, 0);
}

TEST(ThreadPool, LoopsOfDifferentThreadsTakeTurns) {
  ThreadPool pool(2);
  std::atomic<int> total = 0;
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 50; ++loop) {
        pool.ParallelFor(20, 3,
                         [&](size_t begin, size_t end) { total += static_cast<int>(end - begin); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(total, 4 * 50 * 20);
}

TEST(ThreadPool, WhatAChunkThrowsComesOutOfTheLoopWhenAllHaveLeft) {
  ThreadPool pool(3);
  for (const size_t bad : {0u, 7u, 99u}) {
    std::atomic<int> inside = 0;
    const auto body = [&](size_t begin, size_t) {
      ++inside;
      std::this_thread::yield();
      --inside;
      if (begin == bad) throw std::bad_alloc();
    };
    EXPECT_THROW(pool.ParallelFor(100, 1, body), std::bad_alloc);
    EXPECT_EQ(inside, 0);
  }
  std::atomic<size_t> done = 0;
  pool.ParallelFor(100, 1, [&](size_t, size_t) { ++done; });
  EXPECT_EQ(done, 100u) << "the pool goes on";
}

TEST(ThreadPool, ZeroMeansAsManyAsTheMachineHas) { EXPECT_GE(ThreadPool().threads(), 1); }

}  // namespace
}  // namespace upnext::base
