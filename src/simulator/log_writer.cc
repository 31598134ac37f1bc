#include "simulator/log_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "base/file.h"
#include "base/lock_file.h"
#include "simulator/log_tables.h"
#include "simulator/policies.h"

namespace upnext::simulator {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLogChunk = 512, kLogGrain = 16;  // users in memory at a time; users per task
// Target number of events of a part of the log: enough for an efficient Parquet file, few enough to
// buffer in memory, and enough parts for every thread in large logs.
constexpr double kPartEvents = 500'000;

// Users per part. Computed from the expected number of events, not the actual one, so that the
// parts are known in advance.
uint32_t UsersOfAPart(const WorldOptions& options, int days) {
  const double per_session = 6 + 1.3 * options.sessions.slate_size;
  const double per_user = days * options.audience.sessions_per_day * per_session;
  return static_cast<uint32_t>(std::clamp(kPartEvents / per_user, 1.0, 1e9));
}

// "events.parquet", or "events-0007.parquet" when there are several parts.
std::string PartName(std::string_view table, size_t part, size_t parts) {
  if (parts == 1) return fmt::format("{}.parquet", table);
  const size_t digits = std::max<size_t>(4, fmt::formatted_size("{}", parts - 1));
  return fmt::format("{}-{:0{}}.parquet", table, part, digits);
}

// Whether a run may have written this file, for any size of world.
bool IsOfALog(const std::string& name) {
  if (!name.ends_with(".parquet")) return false;
  const std::string stem = name.substr(0, name.size() - std::string_view(".parquet").size());
  for (const char* whole : {"events", "items", "users", "truth", "examination", "qualities"}) {
    if (stem == whole) return true;
  }
  const size_t dash = stem.find('-');
  const std::string table = stem.substr(0, dash);
  return dash != std::string::npos && (table == "events" || table == "truth") &&
         stem.size() > dash + 4 &&
         stem.find_first_not_of("0123456789", dash + 1) == std::string::npos;
}

// Simulates and writes the parts of a log independently of each other.
class LogParts {
 public:
  LogParts(const World& world, const LogOptions& options, const fs::path& staging,
           base::Progress& progress)
      : world_(world),
        options_(options),
        staging_(staging),
        progress_(progress),
        logging_(MakeLoggingPolicy(world)),
        policy_(options.policy != nullptr ? *options.policy : *logging_),
        users_(std::min(UsersOfAPart(world.options(), options.end_day - options.first_day),
                        world.options().users)) {}

  size_t parts() const { return (world_.options().users + users_ - 1) / users_; }
  uint64_t events() const { return events_; }
  // Items are numbered by upload: all items in the events of the parts written so far are below it.
  uint32_t items_named() const { return items_named_; }

  Status Write(size_t part) {
    const auto first = static_cast<uint32_t>(part * users_);
    const uint32_t end = first + std::min(users_, world_.options().users - first);
    UserSimulator simulator(world_, {.truth = options_.truth});
    UserRows before, rows;
    for (uint32_t user = first; user < end; ++user) {
      if (progress_.stop_requested()) {
        return Cancelled("simulation stopped after {} events", events_.load());
      }
      UserMemory memory;
      UPNEXT_RETURN_IF_ERROR(
          simulator.RunDays(user, 0, options_.first_day, *logging_, memory, before));
      before.clear();
      UPNEXT_RETURN_IF_ERROR(
          simulator.RunDays(user, options_.first_day, options_.end_day, policy_, memory, rows));
    }
    UPNEXT_RETURN_IF_ERROR(WriteEvents(world_, rows, staging_ / PartName("events", part, parts())));
    if (options_.truth) {
      UPNEXT_RETURN_IF_ERROR(
          WriteImpressionTruth(world_, rows, staging_ / PartName("truth", part, parts())));
    }
    NoteItems(rows);
    events_ += rows.rows.size();
    progress_.Update(done_ += end - first, fmt::format("{} events", events_.load()));
    return Ok();
  }

 private:
  void NoteItems(const UserRows& rows) {
    uint32_t end = 0;
    for (const LogRow& row : rows.rows) {
      if (row.item != kNoItem) end = std::max(end, row.item + 1);
      if (row.current_item != kNoItem) end = std::max(end, row.current_item + 1);
    }
    uint32_t named = items_named_;
    while (named < end && !items_named_.compare_exchange_weak(named, end)) {
    }
  }

  const World& world_;
  const LogOptions options_;
  const fs::path staging_;
  base::Progress& progress_;
  const std::unique_ptr<Recommender> logging_;
  Recommender& policy_;
  const uint32_t users_;  // of a part
  std::atomic<uint64_t> events_ = 0, done_ = 0;
  std::atomic<uint32_t> items_named_ = 0;
};

double SecondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// Runs all of them at once, until one fails.
Status RunTables(const std::vector<std::function<Status()>>& tables, base::ThreadPool& pool) {
  std::vector<Status> written(tables.size());
  std::atomic<bool> failed = false;
  base::Tasks tasks;
  for (size_t t = 0; t < tables.size(); ++t) {
    tasks.push_back([&, t] {
      if (failed) return;
      written[t] = tables[t]();
      if (!written[t]) failed = true;
    });
  }
  base::RunAll(tasks, &pool);
  for (const Status& status : written) UPNEXT_RETURN_IF_ERROR(status);
  return Ok();
}

// Fills the staging folder.
Result<LogReport> WriteFiles(const WorldOptions& options, const LogOptions& log,
                             const fs::path& staging, base::Progress& progress) {
  LogReport report;
  auto begin = std::chrono::steady_clock::now();
  UPNEXT_ASSIGN_OR_RETURN(const World world, World::Create(options));
  report.world_s = SecondsSince(begin);
  begin = std::chrono::steady_clock::now();
  const int64_t until_ms = options.start_ms() + int64_t{log.end_day} * 86'400'000 - 1;
  base::ThreadPool pool(options.threads);
  const base::ProgressStage stage(progress, "simulate", "users", options.users);
  LogParts parts(world, log, staging, progress);
  std::vector<std::function<Status()>> tables = {
      [&] { return WriteUsers(world, staging / "users.parquet"); }};
  if (log.truth) {
    tables.push_back([&] { return WriteExamination(world, staging / "examination.parquet"); });
  }
  for (size_t part = 0; part < parts.parts(); ++part) {
    tables.push_back([&parts, part] { return parts.Write(part); });
  }
  UPNEXT_RETURN_IF_ERROR(RunTables(tables, pool));
  // Items are written last, since the events determine how many are needed.
  const uint32_t items = std::max(world.catalogue().CountAt(until_ms), parts.items_named());
  tables = {[&] { return WriteItems(world, items, staging / "items.parquet"); }};
  if (log.truth) {
    tables.push_back([&] { return WriteQualities(world, items, staging / "qualities.parquet"); });
  }
  UPNEXT_RETURN_IF_ERROR(RunTables(tables, pool));
  report.events = parts.events();
  report.parts = parts.parts();
  report.log_s = SecondsSince(begin);
  return report;
}

// Moves the contents of `staging` to `directory` and removes other files of earlier runs there.
Status Publish(const fs::path& staging, const fs::path& directory) {
  std::error_code error;
  std::set<std::string> files, leftovers;
  for (const fs::directory_entry& entry : fs::directory_iterator(staging, error)) {
    files.insert(entry.path().filename().string());
  }
  if (error) return base::OsError(error.value(), staging, "list");
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (IsOfALog(name) && !files.contains(name)) leftovers.insert(name);
  }
  if (error) return base::OsError(error.value(), directory, "list");
  for (const std::string& name : leftovers) {
    fs::remove(directory / name, error);
    if (error) return base::OsError(error.value(), directory / name, "remove");
  }
  for (const std::string& name : files) {
    fs::rename(staging / name, directory / name, error);
    if (error) return base::OsError(error.value(), directory / name, "replace");
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
  std::vector<UserRows> chunk(std::min(kLogChunk, users));
  std::vector<Status> statuses(chunk.size());
  uint64_t rows = 0;
  for (size_t first = 0; first < users; first += kLogChunk) {
    if (progress.stop_requested())
      return Cancelled("simulation stopped after {} of {} users", first, users);
    const size_t count = std::min(kLogChunk, users - first);
    pool.ParallelFor(count, kLogGrain, [&](size_t begin, size_t end) {
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

Result<LogReport> SimulateLog(const WorldOptions& options, const LogOptions& log,
                              const fs::path& directory, base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(options.Validate());
  LogOptions whole = log;
  if (whole.end_day == 0) whole.end_day = options.days;
  if (whole.first_day < 0 || whole.end_day <= whole.first_day || whole.end_day > options.days) {
    return InvalidArgument("days of the log: expected a range within 0 to {}, found {} to {}",
                           options.days, whole.first_day, whole.end_day);
  }
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  UPNEXT_ASSIGN_OR_RETURN(const base::LockFile lock,
                          base::LockFile::Acquire(directory / ".simulate.lock"));
  const fs::path staging = directory / ".simulating";
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(staging));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(staging));
  const Result<LogReport> written = WriteFiles(options, whole, staging, progress);
  const Status published = written ? Publish(staging, directory) : Ok();
  const Status removed = base::RemoveAll(staging);
  if (!written) return std::unexpected(written.error());
  UPNEXT_RETURN_IF_ERROR(published);
  UPNEXT_RETURN_IF_ERROR(removed);
  UPNEXT_RETURN_IF_ERROR(base::SyncDirectory(directory));
  return *written;
}

Status SimulateLog(const WorldOptions& options, const fs::path& directory,
                   base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(SimulateLog(options, {}, directory, progress));
  return Ok();
}

}  // namespace upnext::simulator
