#include "cli/bench_import.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/numbers.h"
#include "cli/bench_import_data.h"
#include "cli/measured_child.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "import/duckdb.h"
#include "import/import.h"
#include "import/watched.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct BenchImportFlags {
  MadeEvents made = {.events = 5'000'000, .users = 100'000, .items = 100'000};
  std::string format = "both", folder;
  uint32_t shards = 1;
  int threads = 0, memory_mb = 0;
  bool json = false;
};

// One format: the import and DuckDB's sort of the same rows.
struct Pair {
  std::string format;
  uint64_t bytes = 0;  // size of the input file
  Measured import, duckdb;
  double ratio() const { return import.seconds / duckdb.seconds; }
};

// Removes the file from the page cache, so that no run benefits from an earlier one.
void MakeCold(const fs::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  static_cast<void>(::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
  ::close(fd);
}

Result<json> ImportOnce(const BenchImportFlags& flags, const std::string& select,
                        const fs::path& root) {
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const import::ImportReport report,
                          import::Import({.events_sql = select,
                                          .shards = flags.shards,
                                          .threads = flags.threads,
                                          .memory_limit_mb = flags.memory_mb},
                                         root, progress));
  return json{{"events", report.events},
              {"users", report.log_users},
              {"items", report.log_items},
              {"rejected", report.rejected_events}};
}

Result<json> SortOnce(const BenchImportFlags& flags, const std::string& select,
                      const fs::path& scratch) {
  ProgressBar progress;
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(scratch / "spill"));
  UPNEXT_ASSIGN_OR_RETURN(import::Database database,
                          import::Database::Open({.temp_directory = scratch / "spill",
                                                  .threads = flags.threads,
                                                  .memory_limit_mb = flags.memory_mb}));
  import::WatchedDatabase db(std::move(database), progress, scratch, import::DiskReserve(scratch));
  UPNEXT_RETURN_IF_ERROR(
      db.Run("DuckDB's COPY",
             fmt::format("COPY ({} ORDER BY \"user\", time) TO {} (FORMAT parquet)", select,
                         import::QuoteSql((scratch / "sorted.parquet").string()))));
  return json::object();
}

// Runs `body` in a separate process with its own scratch folder, after evicting the file.
template <typename Body>
Result<Measured> RunInScratch(const fs::path& folder, const fs::path& file, const Body& body) {
  const fs::path scratch = folder / "scratch";
  UPNEXT_RETURN_IF_ERROR(base::RemoveAll(scratch));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(scratch));
  MakeCold(file);
  Result<Measured> run = RunMeasured([&] { return body(scratch); });
  const Status removed = base::RemoveAll(scratch);
  if (run && !removed) return std::unexpected(removed.error());
  return run;
}

Result<Pair> RunPair(const BenchImportFlags& flags, const std::string& format) {
  const fs::path folder = flags.folder, file = MadeFile(flags.made, format, folder);
  std::error_code error;
  if (!fs::exists(file, error)) {
    // In a separate process too: DuckDB's threads must have ended before the next process starts.
    const Result<Measured> made = RunMeasured([&]() -> Result<json> {
      ProgressBar progress;
      UPNEXT_RETURN_IF_ERROR(MakeEvents(flags.made, format, folder, flags.threads, progress));
      return json::object();
    });
    if (!made) return std::unexpected(made.error());
  }
  Pair pair{.format = format, .bytes = fs::file_size(file, error), .import = {}, .duckdb = {}};
  const std::string select = ReadMadeEvents(file, format);
  UPNEXT_ASSIGN_OR_RETURN(pair.duckdb, RunInScratch(folder, file, [&](const fs::path& scratch) {
                            return SortOnce(flags, select, scratch);
                          }));
  UPNEXT_ASSIGN_OR_RETURN(pair.import, RunInScratch(folder, file, [&](const fs::path& scratch) {
                            return ImportOnce(flags, select, scratch / "log");
                          }));
  return pair;
}

json BenchImportJson(const BenchImportFlags& flags, const Measured& run, uint64_t bytes) {
  return {{"seconds", run.seconds},
          {"cpu_seconds", run.cpu_seconds},
          {"rows_per_second", static_cast<double>(flags.made.events) / run.seconds},
          {"mb_per_second", static_cast<double>(bytes) / 1e6 / run.seconds},
          {"peak_resident_mb", run.peak_mb}};
}

void PrintBenchImportJson(const BenchImportFlags& flags, const std::vector<Pair>& pairs) {
  json runs = json::array();
  for (const Pair& pair : pairs) {
    json import = BenchImportJson(flags, pair.import, pair.bytes);
    import.update(pair.import.found);
    runs.push_back({{"format", pair.format},
                    {"bytes", pair.bytes},
                    {"import", std::move(import)},
                    {"duckdb_copy_order_by", BenchImportJson(flags, pair.duckdb, pair.bytes)},
                    {"ratio", pair.ratio()}});
  }
  const json out = {{"rows", flags.made.events},
                    {"users", flags.made.users},
                    {"items", flags.made.items},
                    {"seed", flags.made.seed},
                    {"shards", flags.shards},
                    {"threads", flags.threads},
                    {"memory_limit_mb", flags.memory_mb},
                    {"runs", std::move(runs)}};
  Print("{}\n", out.dump(2));
}

void PrintBenchImportTable(const BenchImportFlags& flags, const std::vector<Pair>& pairs) {
  Print("{} rows of {} users and {} items (seed {}); DuckDB's budget {} MB, {} threads\n\n",
        base::WithThousands(flags.made.events), base::WithThousands(flags.made.users),
        base::WithThousands(flags.made.items), flags.made.seed,
        base::WithThousands(static_cast<uint64_t>(flags.memory_mb)), flags.threads);
  Print("{:<8} {:>10}  {:<22} {:>9} {:>9} {:>11} {:>8} {:>9}\n", "format", "MB", "", "seconds",
        "CPU s", "rows/s", "MB/s", "peak MB");
  const auto line = [&](const Pair& pair, std::string_view who, const Measured& run) {
    Print("{:<8} {:>10.1f}  {:<22} {:>9.1f} {:>9.1f} {:>11} {:>8.1f} {:>9.0f}\n", pair.format,
          static_cast<double>(pair.bytes) / 1e6, who, run.seconds, run.cpu_seconds,
          base::WithThousands(
              static_cast<uint64_t>(static_cast<double>(flags.made.events) / run.seconds)),
          static_cast<double>(pair.bytes) / 1e6 / run.seconds, run.peak_mb);
  };
  for (const Pair& pair : pairs) {
    line(pair, "upnext import", pair.import);
    line(pair, "DuckDB COPY ORDER BY", pair.duckdb);
  }
  Print("\n");
  for (const Pair& pair : pairs) {
    Print("{}: the import takes {:.2f} times as long as DuckDB's COPY ... ORDER BY\n", pair.format,
          pair.ratio());
  }
}

Status RunBenchImport(BenchImportFlags flags) {
  if (flags.threads == 0) {
    flags.threads = static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
  }
  if (flags.memory_mb == 0) flags.memory_mb = import::DefaultImportMemoryMb();
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(flags.folder));
  std::vector<Pair> pairs;
  for (const std::string format : {"csv", "parquet"}) {
    if (flags.format != "both" && flags.format != format) continue;
    UPNEXT_ASSIGN_OR_RETURN(Pair pair, RunPair(flags, format));
    pairs.push_back(std::move(pair));
  }
  if (flags.json) {
    PrintBenchImportJson(flags, pairs);
  } else {
    PrintBenchImportTable(flags, pairs);
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchImport(CLI::App& app) {
  auto flags = std::make_shared<BenchImportFlags>();
  app.add_option("--events", flags->made.events, "Rows (default 5,000,000)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{100'000'000'000}));
  app.add_option("--users", flags->made.users, "Users (default 100,000)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
  app.add_option("--items", flags->made.items, "Items (default 100,000)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
  app.add_option("--seed", flags->made.seed, "Seed of the rows (default 1)")
      ->check(CLI::Range(uint64_t{0}, uint64_t{1'000'000'000}));
  app.add_option("--format", flags->format, "csv, parquet or both (default)")
      ->check(CLI::IsMember({"csv", "parquet", "both"}));
  app.add_option("--folder", flags->folder,
                 "Folder for the rows, which are kept for the next run; needs about 5 times "
                 "the CSV's size (100 million rows: 12 GB)")
      ->type_name("FOLDER")
      ->required();
  app.add_option("--shards", flags->shards, "Number of shards of the log (default 1)")
      ->check(CLI::Range(1, 4096));
  app.add_option("--threads", flags->threads, "Threads of each program (default: all processors)")
      ->check(CLI::Range(0, 4096));
  app.add_option("--memory-mb", flags->memory_mb,
                 "Memory budget of DuckDB in each program (default: that of an import)")
      ->check(CLI::Range(0, 1 << 30));
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunBenchImport(*flags); };
}

}  // namespace upnext::cli
