// Synthetic event rows of any number for `upnext bench import`. They have the properties of a
// site's log that matter for an import (every column, zipf ids, rows in order of time), but random
// content.
#ifndef UPNEXT_CLI_BENCH_IMPORT_DATA_H_
#define UPNEXT_CLI_BENCH_IMPORT_DATA_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "base/status.h"

namespace upnext::cli {

struct MadeEvents {
  uint64_t events = 0, users = 0, items = 0;
  uint64_t seed = 1;
};

// folder/events-<events>-<users>-<items>-<seed>.<format>. Equal numbers give equal rows. `format`:
// csv or parquet.
std::filesystem::path MadeFile(const MadeEvents& made, std::string_view format,
                               const std::filesystem::path& folder);
// Writes that file in one step.
Status MakeEvents(const MadeEvents& made, std::string_view format,
                  const std::filesystem::path& folder, int threads, base::Progress& progress);
// The SELECT that reads the file, with the columns of the canonical table of events.
std::string ReadMadeEvents(const std::filesystem::path& file, std::string_view format);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_IMPORT_DATA_H_
