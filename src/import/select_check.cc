#include "import/select_check.h"

#include <filesystem>
#include <utility>

#include "base/progress.h"
#include "import/columns.h"
#include "import/input_files.h"
#include "import/select.h"
#include "import/watched.h"
#include "schema/attribute.h"

namespace upnext::import {
namespace {

SelectCheck CheckOf(const ImportOptions& options, Table table, WatchedDatabase& db) {
  SelectCheck check;
  check.table = TableName(table);
  InputFiles files(db.progress());
  // Files may come later than the project file.
  Result<Select> select = PrepareSelect(options, table, /*may_be_absent=*/true, db, files);
  if (!select) {
    check.error = std::move(select).error();
    return check;
  }
  if (select->absent) {
    check.files_absent = select->absent->message;
    return check;
  }
  for (const Column& column : select->columns) check.columns.push_back(column.name);
  if (Status status = TableColumns(table, options.schema).Check(select->columns); !status) {
    check.error = std::move(status).error();
  }
  for (const schema::Attribute& attribute : options.schema.declared(EntityOf(table))) {
    if (TableColumns::Given(select->columns, attribute.name) == nullptr) {
      check.not_given.push_back(attribute.name);
    }
  }
  return check;
}

}  // namespace

Result<std::vector<SelectCheck>> CheckSelects(const ImportOptions& options) {
  UPNEXT_ASSIGN_OR_RETURN(
      Database database,
      Database::Open({.threads = options.threads, .load_extensions = options.allow_remote}));
  WatchedDatabase db(std::move(database), base::NoProgress(),
                     std::filesystem::temp_directory_path(), 0);
  std::vector<SelectCheck> checks;
  for (const Table table : kTables) {
    const std::string& sql = table == Table::kEvents  ? options.events_sql
                             : table == Table::kItems ? options.items_sql
                                                      : options.users_sql;
    if (!sql.empty()) checks.push_back(CheckOf(options, table, db));
  }
  return checks;
}

}  // namespace upnext::import
