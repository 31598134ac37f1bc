// The import of a project, as `upnext import` does it.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Imported done, ImportProject(settings, {.from_store = true}, progress));
//
// Holds the project's lock while it runs.
#ifndef UPNEXT_API_IMPORT_PROJECT_H_
#define UPNEXT_API_IMPORT_PROJECT_H_

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/progress.h"
#include "base/status.h"
#include "bundle/opened_bundle.h"
#include "import/arrow_table.h"
#include "import/import.h"

namespace upnext::api {

struct ImportRequest {
  std::optional<std::string> events = {}, items = {}, users = {};  // SELECTs in place of the file's
  std::optional<double> max_rejects = {};
  std::optional<uint32_t> shards = {};
  uint32_t part = 1, parts = 1;
  // `from_store` alone runs no SELECT; with `append` or `full` both come in one version.
  bool append = false, from_store = false, full = false;
  std::vector<std::shared_ptr<const import::ArrowTable>> tables = {};  // for the SELECTs
};

struct Imported {
  import::ImportReport report;
  bundle::ServedVersions served;  // with the new log
};

Result<Imported> ImportProject(const Settings& settings, const ImportRequest& request,
                               base::Progress& progress);
nlohmann::json ImportJson(const Imported& done);

}  // namespace upnext::api

#endif  // UPNEXT_API_IMPORT_PROJECT_H_
