// Whether the SELECTs of [import] can run, without running them: for a check of the project file before it is used.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<SelectCheck> checks, CheckSelects(options));
//
// Opens a database in memory; reads the heads of the files that the SELECTs name. Any thread.
#ifndef UPNEXT_IMPORT_SELECT_CHECK_H_
#define UPNEXT_IMPORT_SELECT_CHECK_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/import.h"

namespace upnext::import {

struct SelectCheck {
  std::string_view table;            // "events"
  std::vector<std::string> columns;  // of its output
  std::vector<std::string>
      not_given;               // attributes that [schema] declares and the SELECT does not give
  std::optional<Error> error;  // why the import would refuse it
  // Its files are not there (yet): it is SQL, and nothing is known of its columns. The message of why.
  std::string files_absent;
};

// Of each table that the project file has, in the order of import. An error if DuckDB does not start.
Result<std::vector<SelectCheck>> CheckSelects(const ImportOptions& options);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_SELECT_CHECK_H_
