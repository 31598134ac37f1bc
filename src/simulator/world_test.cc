#include "simulator/world.h"

#include <gtest/gtest.h>

#include "simulator/log_writer.h"
namespace upnext::simulator {
TEST(World, Runs) {
  WorldOptions o;
  if (getenv("U")) o.users = atoi(getenv("U"));
  if (getenv("I")) o.items = atoi(getenv("I"));
  if (getenv("T")) o.threads = atoi(getenv("T"));
  auto s = SimulateLog(o, getenv("O"), base::NoProgress());
  ASSERT_TRUE(s) << s.error().message;
}
}  // namespace upnext::simulator
