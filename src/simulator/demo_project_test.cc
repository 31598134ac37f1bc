// The demo's project file reads what the simulator writes: nothing rejected, nothing lost.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/test_folder.h"
#include "import/import.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "simulator/log_writer.h"

namespace upnext::simulator {
namespace {

TEST(DemoProject, ImportsASimulatedLogWhole) {
  WorldOptions options;
  options.users = 60;
  options.items = 200;
  options.days = 6;
  const base::TestFolder folder;
  const Status written = SimulateLog(options, folder / "data", base::NoProgress());
  ASSERT_TRUE(written) << written.error().message;

  const auto config = base::Config::Load(std::filesystem::path(UPNEXT_CONFIGS) / "demo.toml");
  ASSERT_TRUE(config) << config.error().message;
  import::ImportOptions import = import::ImportOptions::FromConfig(config->Table("import"));
  import.data = folder / "data";
  const auto report = import::Import(import, folder / "log", base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->rejected_events + report->rejected_items + report->rejected_users, 0u);

  Result<World> world = World::Create(options);
  ASSERT_TRUE(world);
  base::ThreadPool pool(1);
  uint64_t rows = 0, clicks = 0;
  ASSERT_TRUE(SimulateUsers(*world, pool, base::NoProgress(), [&](const UserRows& user) {
    rows += user.rows.size();
    for (const LogRow& row : user.rows) clicks += row.type == schema::EventType::kClick;
    return Ok();
  }));
  EXPECT_EQ(report->events, rows);
  EXPECT_EQ(report->items, options.items);
  EXPECT_EQ(report->users, options.users);

  const auto log = log::EventLog::Open(folder / "log" / report->version);
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->stats().by_type[static_cast<size_t>(schema::EventType::kClick)], clicks);
}

}  // namespace
}  // namespace upnext::simulator
