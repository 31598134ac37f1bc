// [run] of the project file: what `upnext run` does beside serving, and when.
//
//   [run]
//   import = "every 1h"      "at 03:00" (UTC), or "never"
//   train = "at 04:00"
//   from_store = true        import moves posted events into the log, instead of importing everything
//   inbox = "incoming"       a folder; what is moved into it is appended
//
// A plain value.
#ifndef UPNEXT_API_RUN_OPTIONS_H_
#define UPNEXT_API_RUN_OPTIONS_H_

#include <filesystem>

#include "base/config.h"
#include "base/schedule.h"

namespace upnext::api {

struct RunOptions {
  base::Schedule import, train;
  bool from_store = false;
  std::filesystem::path inbox;           // empty: none
  std::filesystem::path project_folder;  // that of the project file

  // `folder` is that of the project file, which relative paths start from.
  static RunOptions FromConfig(const base::Config& config, const std::filesystem::path& folder);
};

}  // namespace upnext::api

#endif  // UPNEXT_API_RUN_OPTIONS_H_
