#include "studies/simulated_log.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "import/import.h"

namespace upnext::studies {
namespace {

using schema::EventType;

simulator::WorldOptions SmallWorld() {
  simulator::WorldOptions world;
  world.users = 60;
  world.items = 150;
  world.days = 5;
  return world;
}

log::EventLog Imported(const simulator::WorldOptions& options, const base::TestFolder& folder) {
  EXPECT_TRUE(simulator::SimulateLog(options, folder / "data", base::NoProgress()));
  import::ImportOptions import{.events_sql = "SELECT * FROM read_parquet('{data}/events.parquet')",
                               .items_sql = "SELECT * FROM read_parquet('{data}/items.parquet')",
                               .users_sql = "SELECT * FROM read_parquet('{data}/users.parquet')",
                               .data = folder / "data"};
  const auto report = import::Import(import, folder / "imported", base::NoProgress());
  EXPECT_TRUE(report) << report.error().message;
  auto log = log::EventLog::Open(folder / "imported" / report->version);
  EXPECT_TRUE(log) << log.error().message;
  return *std::move(log);
}

TEST(SimulatedLog, EqualsTheImportOfTheWorldsFiles) {
  const base::TestFolder folder;
  const auto world = simulator::World::Create(SmallWorld());
  ASSERT_TRUE(world);
  base::ThreadPool pool(2);
  SimulatedLog rows(*world);
  ASSERT_TRUE(rows.AddWindow(pool, base::NoProgress()));
  const auto log = rows.Write(folder / "log");
  ASSERT_TRUE(log) << log.error().message;
  const log::EventLog imported = Imported(SmallWorld(), folder);

  ASSERT_GT(log->events(), 1000u);
  EXPECT_EQ(log->events(), imported.events());
  ASSERT_EQ(log->users(), imported.users());
  ASSERT_EQ(log->items(), imported.items());
  for (size_t type = 1; type < schema::kEventTypes; ++type) {
    EXPECT_EQ(log->stats().by_type[type], imported.stats().by_type[type]) << "type " << type;
  }
  // Both number users and items as the world does, so that rows can be compared.
  for (uint32_t user = 0; user < log->users(); ++user) {
    ASSERT_EQ(log->end(user) - log->begin(user), imported.end(user) - imported.begin(user));
    for (uint64_t row = log->begin(user), other = imported.begin(user); row < log->end(user);
         ++row, ++other) {
      const schema::Event a = log->event(row), b = imported.event(other);
      ASSERT_EQ(a.time_ms, b.time_ms);
      ASSERT_EQ(a.position, b.position);
      ASSERT_EQ(a.request, b.request);
    }
  }
  EXPECT_EQ(log->item(7).created_ms, imported.item(7).created_ms);
  EXPECT_EQ(log->item(7).title, imported.item(7).title);
  EXPECT_EQ(log->item(7).topics.size(), imported.item(7).topics.size());
}

TEST(SimulatedLog, DropsRowsBeforeATime) {
  const base::TestFolder folder;
  const auto world = simulator::World::Create(SmallWorld());
  ASSERT_TRUE(world);
  base::ThreadPool pool(2);
  SimulatedLog rows(*world);
  ASSERT_TRUE(rows.AddWindow(pool, base::NoProgress()));
  const size_t all = rows.events();
  const int64_t from = world->options().start_ms() + 2 * int64_t{86'400'000};
  rows.ForgetBefore(from);
  EXPECT_LT(rows.events(), all);
  const auto log = rows.Write(folder / "log");
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_GE(log->stats().first_ms, from);
  EXPECT_EQ(log->items(), world->catalogue().size());
}

}  // namespace
}  // namespace upnext::studies
