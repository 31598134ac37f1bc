#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "simulator/log_writer.h"
#include "simulator/world.h"

namespace upnext::cli {
namespace {

struct Flags {
  std::string out, config;
  uint32_t users = 0, items = 0;
  int days = 0;
  int64_t seed = -1;
};

Status Run(const Flags& flags) {
  simulator::WorldOptions options;
  if (!flags.config.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(const base::Config config, base::Config::Load(flags.config));
    options = simulator::WorldOptions::FromConfig(config.root());
    UPNEXT_RETURN_IF_ERROR(config.Check());
  }
  if (flags.users > 0) options.users = flags.users;
  if (flags.items > 0) options.items = flags.items;
  if (flags.days > 0) options.days = flags.days;
  if (flags.seed >= 0) options.seed = static_cast<uint64_t>(flags.seed);
  ProgressBar progress;
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(flags.out));
  UPNEXT_RETURN_IF_ERROR(simulator::SimulateLog(options, flags.out, progress));
  Print(
      "{} users, {} items, {} days (seed {}) written to {}: events, items and users as "
      "Parquet\n",
      WithCommas(options.users), WithCommas(options.items), options.days, options.seed, flags.out);
  return Ok();
}

}  // namespace

std::function<Status()> MakeSimulate(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  app.add_option("-o,--out", flags->out, "Folder for events, items and users as Parquet")
      ->required();
  app.add_option("--users", flags->users, "Users (default 2,000)")
      ->check(CLI::Range(1u, 100'000'000u));
  app.add_option("--items", flags->items, "Items (default 3,000)")
      ->check(CLI::Range(100u, 100'000'000u));
  app.add_option("--days", flags->days, "Days (default 30)")->check(CLI::Range(2, 3650));
  app.add_option("--seed", flags->seed, "Seed (default 1): the same seed makes the same bytes")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--world", flags->config,
                 "TOML file with the world's parameters (docs/guides/simulator.md)");
  return [flags] { return Run(*flags); };
}

}  // namespace upnext::cli
