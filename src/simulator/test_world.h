// For the tests of this room and of those above it: creates a world, or fails the test.
#ifndef UPNEXT_SIMULATOR_TEST_WORLD_H_
#define UPNEXT_SIMULATOR_TEST_WORLD_H_

#include <gtest/gtest.h>

#include <utility>

#include "simulator/world.h"

namespace upnext::simulator {

inline World MakeWorld(const WorldOptions& options) {
  Result<World> world = World::Create(options);
  EXPECT_TRUE(world) << world.error().message;
  return *std::move(world);
}

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_TEST_WORLD_H_
