#include "import/watched.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

namespace upnext::import {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(100);

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Rows of a node of a plan, as EXPLAIN (FORMAT json) gives it; none where only running it tells.
std::optional<uint64_t> RowsOf(const nlohmann::json& node) {
  std::string name = node.value("name", "");
  name.erase(name.find_last_not_of(' ') + 1);
  const nlohmann::json info = node.value("extra_info", nlohmann::json::object());
  if (name == "PARQUET_SCAN" || name == "READ_PARQUET") {
    for (const auto& [key, value] : info.items()) {
      if (key.contains("Filter")) return std::nullopt;
    }
    return std::stoull(info.value("Estimated Cardinality", "0"));
  }
  if (name != "PROJECTION" && name != "UNION") return std::nullopt;
  uint64_t rows = 0;
  for (const nlohmann::json& child : node.value("children", nlohmann::json::array())) {
    const std::optional<uint64_t> more = RowsOf(child);
    if (!more) return std::nullopt;
    rows += *more;
  }
  return rows;
}

}  // namespace

uint64_t DiskReserve(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder, error);
  return error ? 0 : std::min<uint64_t>(uint64_t{1} << 30, space.capacity / 20);
}

Status WatchedDatabase::Watch(const std::function<Status()>& body,
                              const std::function<void()>& tick) {
  if (progress_.stop_requested()) return Cancelled("stopped on request; nothing was published");
  std::mutex mutex;
  std::condition_variable wake;
  bool done = false, full = false;
  std::jthread watcher([&] {
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, kTick, [&] { return done; })) {
      full = full || DiskIsLow();
      if (progress_.stop_requested() || full) database_.Interrupt();
      tick();
    }
  });
  Status status = body();
  {
    const std::lock_guard lock(mutex);
    done = true;
  }
  wake.notify_one();
  watcher.join();
  // An interrupted statement fails in one of several ways, but always for this reason.
  if (progress_.stop_requested()) return Cancelled("stopped on request; nothing was published");
  if (!status && (full || status.error().code == Code::kResourceExhausted)) {
    return ResourceExhausted(
        "{}: the disk is full or nearly so; nothing was published. Free some space, or check that "
        "no LIMIT, join or range of the SELECT gives more rows than meant{}",
        folder_.string(), full ? "" : "\n" + status.error().message);
  }
  return status;
}

bool WatchedDatabase::DiskIsLow() const {
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(folder_, error);
  return !error && space.available < reserve_;
}

Status WatchedDatabase::Run(std::string_view stage, std::string_view sql) {
  base::ProgressStage shown(progress_, stage, "%", 100);
  uint64_t percent = 0;
  const Status status = Watch([&] { return database_.Run(sql); },
                              [&] { shown.Update(percent = std::max(percent, Percent())); });
  if (status) shown.Update(100);
  return status;
}

// How far DuckDB thinks the running statement is; it knows nothing after the end.
uint64_t WatchedDatabase::Percent() const {
  return static_cast<uint64_t>(std::max(0.0, database_.progress()) * 100);
}

Status WatchedDatabase::Query(std::string_view stage, uint64_t total, std::string_view sql,
                              const std::function<Status(const Chunk&)>& on_chunk,
                              uint64_t expected) {
  base::ProgressStage shown(progress_, stage, total == 0 ? "%" : "rows", total == 0 ? 100 : total);
  const Clock::time_point start = Clock::now();
  std::atomic<uint64_t> rows = 0;
  const auto count = [&](const Chunk& chunk) -> Status {
    UPNEXT_RETURN_IF_ERROR(on_chunk(chunk));
    rows += chunk.rows();
    if (progress_.stop_requested()) return Cancelled("stopped on request");
    return Ok();
  };
  uint64_t percent = 0;
  const auto show = [&] {
    const auto n = static_cast<double>(rows);
    const uint64_t most = expected == 0 ? 100 : rows * 100 / expected;
    percent = std::max(percent, std::min(Percent(), most));
    shown.Update(
        total == 0 ? percent : rows.load(),
        rows == 0 ? std::string(total == 0 ? "" : "sorting")
                  : fmt::format("{:.2f} M rows, {:.0f} rows/s", n / 1e6, n / SecondsSince(start)));
  };
  const Status status = Watch([&] { return database_.Query(sql, count); }, show);
  if (status) {
    percent = 100;
    show();
  }
  return status;
}

uint64_t WatchedDatabase::ExpectedRows(std::string_view select) {
  std::optional<uint64_t> rows;
  const Status status =
      database_.Query(fmt::format("EXPLAIN (FORMAT json) {}", select), [&](const Chunk& chunk) {
        try {
          if (chunk.columns() < 2 || chunk.rows() == 0) return Ok();
          const auto plan = nlohmann::json::parse(chunk.Text(1, 0));
          if (plan.size() == 1) rows = RowsOf(plan.at(0));
        } catch (const std::exception&) {
          // Another DuckDB may word its plans differently; then nothing is known.
        }
        return Ok();
      });
  return status ? rows.value_or(0) : 0;
}

Result<std::vector<uint64_t>> WatchedDatabase::Counts(std::string_view sql) {
  std::vector<uint64_t> counts;
  UPNEXT_RETURN_IF_ERROR(database_.Query(sql, [&](const Chunk& chunk) {
    for (size_t column = 0; column < chunk.columns() && chunk.rows() > 0; ++column) {
      counts.push_back(static_cast<uint64_t>(chunk.Values<int64_t>(column)[0]));
    }
    return Ok();
  }));
  return counts;
}

}  // namespace upnext::import
