#include "simulator/log_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/lock_file.h"
#include "events/duckdb.h"
#include "simulator/policies.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

namespace fs = std::filesystem;
using events::Appender;
using events::Database;
using events::EventType;

constexpr size_t kChunk = 512, kGrain = 16;  // users in memory at a time; users per task
constexpr std::array<const char*, 3> kFiles = {"events.parquet", "items.parquet", "users.parquet"};

// Names in the files are "u00042" and "v00017", as wide as the largest number needs, at least 5.
int Digits(uint32_t count) {
  return std::max(5, static_cast<int>(fmt::formatted_size("{}", count == 0 ? 0 : count - 1)));
}

void AddId(Appender& out, uint32_t id, uint32_t none) {
  id == none ? out.AddNull() : out.Add(int64_t{id});
}

Status AppendEvents(Appender& out, const UserRows& user) {
  for (const LogRow& row : user.rows) {
    out.Add(int64_t{row.user});
    AddId(out, row.item, kNoItem);
    out.Add(row.time_ms);
    out.Add(static_cast<int64_t>(row.type));
    std::isnan(row.value) ? out.AddNull() : out.Add(static_cast<double>(row.value));
    row.query == kNoQuery ? out.AddNull() : out.Add(std::string_view(user.queries[row.query]));
    AddId(out, row.request, 0);
    AddId(out, row.position, 0);
    out.Add(static_cast<int64_t>(row.source));
    row.propensity > 0 ? out.Add(row.propensity) : out.AddNull();
    out.Add(static_cast<int64_t>(row.device));
    out.Add(int64_t{row.region});
    AddId(out, row.seed, kNoItem);
    out.Add(row.off_site);
    UPNEXT_RETURN_IF_ERROR(out.EndRow());
  }
  return Ok();
}

Status AppendItems(Database& db, const World& world) {
  UPNEXT_ASSIGN_OR_RETURN(Appender out, Appender::Create(db, "items"));
  const Catalogue& catalogue = world.catalogue();
  for (uint32_t id = 0; id < catalogue.size(); ++id) {
    const Item& item = catalogue.item(id);
    out.Add(int64_t{id});
    out.Add(item.created_ms);
    out.Add(static_cast<double>(item.duration_s));
    out.Add(std::string_view(catalogue.channels()[item.channel].name()));
    out.Add(Topic(item.topic).name);
    item.second_topic == kNoTopic ? out.AddNull() : out.Add(Topic(item.second_topic).name);
    out.Add(kLanguageNames[item.language]);
    out.Add(std::string_view(catalogue.Title(id)));
    UPNEXT_RETURN_IF_ERROR(out.EndRow());
  }
  return out.Close();
}

Status AppendUsers(Database& db, const World& world) {
  UPNEXT_ASSIGN_OR_RETURN(Appender out, Appender::Create(db, "users"));
  for (uint32_t id = 0; id < world.options().users; ++id) {
    const User user = world.user(id);
    out.Add(int64_t{id});
    out.Add(kRegionTable[user.region].name);
    out.Add(kLanguageNames[user.language]);
    // A site knows age and gender of those who have an account.
    user.logged_in ? out.Add(static_cast<double>(user.age)) : out.AddNull();
    user.logged_in ? out.Add(static_cast<double>(user.gender)) : out.AddNull();
    out.Add(user.logged_in);
    UPNEXT_RETURN_IF_ERROR(out.EndRow());
  }
  return out.Close();
}

constexpr std::string_view kTables = R"(
CREATE TABLE events(usr BIGINT, item BIGINT, time_ms BIGINT, type BIGINT, value DOUBLE, query VARCHAR,
  request BIGINT, position BIGINT, source BIGINT, propensity DOUBLE, device BIGINT, region BIGINT,
  seed BIGINT, off_site BOOLEAN);
CREATE TABLE items(item BIGINT, created_ms BIGINT, duration DOUBLE, channel VARCHAR, topic VARCHAR,
  second_topic VARCHAR, language VARCHAR, title VARCHAR);
CREATE TABLE users(usr BIGINT, region VARCHAR, language VARCHAR, age DOUBLE, gender DOUBLE,
  logged_in BOOLEAN);
)";

// SQL that turns a small number into a name: an indexed list of literals.
std::string NameSql(std::string_view column, const std::vector<std::string_view>& names) {
  std::string list;
  for (std::string_view name : names) list += (list.empty() ? "" : ", ") + events::QuoteSql(name);
  return fmt::format("nullif(([{}])[{} + 1], '')", list, column);
}

std::string IdSql(char prefix, std::string_view column, int digits) {
  return fmt::format("'{}' || lpad(CAST({} AS VARCHAR), {}, '0')", prefix, column, digits);
}

std::string EventsSql(const WorldOptions& options) {
  std::vector<std::string_view> types = {""}, regions;
  for (size_t t = 1; t < events::kEventTypes; ++t) {
    types.push_back(events::EventTypeName(static_cast<EventType>(t)));
  }
  for (const Region& region : kRegionTable) regions.push_back(region.name);
  return fmt::format(
      "SELECT {} AS \"user\", {} AS item, epoch_ms(time_ms) AS \"time\", {} AS \"type\", value, "
      "query,"
      " 'r' || usr || '-' || request AS request, CAST(position AS INTEGER) AS position, {} AS "
      "source,"
      " propensity, {} AS device, {} AS region, {} AS seed, off_site FROM events",
      IdSql('u', "usr", Digits(options.users)), IdSql('v', "item", Digits(options.items)),
      NameSql("type", types), NameSql("source", {kSourceNames.begin(), kSourceNames.end()}),
      NameSql("device", {kDeviceNames.begin(), kDeviceNames.end()}), NameSql("region", regions),
      IdSql('v', "seed", Digits(options.items)));
}

std::string ItemsSql(const WorldOptions& options) {
  return fmt::format(
      "SELECT {} AS item, epoch_ms(created_ms) AS created, duration, channel,"
      " CASE WHEN second_topic IS NULL THEN [topic] ELSE [topic, second_topic] END AS topics,"
      " language, title, false AS removed FROM items",
      IdSql('v', "item", Digits(options.items)));
}

std::string UsersSql(const WorldOptions& options) {
  return fmt::format("SELECT {} AS \"user\", region, language, age, gender, logged_in FROM users",
                     IdSql('u', "usr", Digits(options.users)));
}

// Fills the staging folder with the three files.
Status WriteFiles(const WorldOptions& options, const fs::path& staging, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const World world, World::Create(options));
  base::ThreadPool pool(options.threads);
  // One thread in the database: with more, the order of row groups would be up to the scheduler.
  UPNEXT_ASSIGN_OR_RETURN(Database db,
                          Database::Open({.file = staging / "rows.duckdb",
                                          .temp_directory = staging / "spill",
                                          .threads = 1,
                                          .memory_limit_mb = options.memory_limit_mb}));
  UPNEXT_RETURN_IF_ERROR(db.Run(kTables));
  UPNEXT_RETURN_IF_ERROR(AppendItems(db, world));
  UPNEXT_RETURN_IF_ERROR(AppendUsers(db, world));
  {
    UPNEXT_ASSIGN_OR_RETURN(Appender out, Appender::Create(db, "events"));
    UPNEXT_RETURN_IF_ERROR(SimulateUsers(
        world, pool, progress, [&out](const UserRows& user) { return AppendEvents(out, user); }));
    UPNEXT_RETURN_IF_ERROR(out.Close());
  }
  base::ProgressStage stage(progress, "write Parquet", "files", kFiles.size());
  const std::array<std::string, 3> selects = {EventsSql(options), ItemsSql(options),
                                              UsersSql(options)};
  for (size_t i = 0; i < kFiles.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(
        db.Run(fmt::format("COPY ({}) TO {} (FORMAT parquet, COMPRESSION zstd)", selects[i],
                           events::QuoteSql((staging / kFiles[i]).string()))));
    stage.Update(i + 1);
  }
  return Ok();
}

}  // namespace

Status SimulateUsers(const World& world, base::ThreadPool& pool, base::Progress& progress,
                     const std::function<Status(const UserRows&)>& take) {
  const std::unique_ptr<Recommender> policy = MakeLoggingPolicy(world);
  return SimulateUsers(world, *policy, {}, pool, progress, take);
}

Status SimulateUsers(const World& world, Recommender& recommender,
                     const UserSimulatorOptions& options, base::ThreadPool& pool,
                     base::Progress& progress, const std::function<Status(const UserRows&)>& take) {
  const size_t users = world.options().users;
  base::ProgressStage stage(progress, "simulate", "users", users);
  std::vector<UserRows> chunk(std::min(kChunk, users));
  std::vector<Status> statuses(chunk.size());
  uint64_t rows = 0;
  for (size_t first = 0; first < users; first += kChunk) {
    if (progress.stop_requested())
      return Cancelled("simulation stopped after {} of {} users", first, users);
    const size_t count = std::min(kChunk, users - first);
    pool.ParallelFor(count, kGrain, [&](size_t begin, size_t end) {
      UserSimulator simulator(world, options);
      for (size_t i = begin; i < end; ++i) {
        chunk[i].clear();
        statuses[i] = simulator.Run(static_cast<uint32_t>(first + i), recommender, chunk[i]);
      }
    });
    for (size_t i = 0; i < count; ++i) {
      UPNEXT_RETURN_IF_ERROR(statuses[i]);
      UPNEXT_RETURN_IF_ERROR(take(chunk[i]));
      rows += chunk[i].rows.size();
    }
    stage.Update(first + count, fmt::format("{} events", rows));
  }
  return Ok();
}

Status SimulateLog(const WorldOptions& options, const fs::path& directory,
                   base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(options.Validate());
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock,
                          base::LockFile::Acquire(directory / ".simulate.lock"));
  const fs::path staging = directory / ".simulating";
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(staging));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(staging));
  Status written = WriteFiles(options, staging, progress);
  for (const char* file : kFiles) {
    if (!written) break;
    std::error_code error;
    fs::rename(staging / file, directory / file, error);
    if (error) written = base::OsError(error.value(), directory / file, "replace");
  }
  const Status removed = base::RemoveAll(staging);
  UPNEXT_RETURN_IF_ERROR(written);
  UPNEXT_RETURN_IF_ERROR(removed);
  return base::SyncDirectory(directory);
}

}  // namespace upnext::simulator
