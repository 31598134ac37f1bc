// What a program can ask of upnext: the one table that lists operations, parses their requests and runs them.
//
//   const Operation* operation = FindOperation("recommend");
//   UPNEXT_ASSIGN_OR_RETURN(Outcome outcome, operation->run({request, handle.get(), progress}));
//
// To add one: a function in an operation_*.cc and its entry in the list of that file.
#ifndef UPNEXT_API_OPERATIONS_H_
#define UPNEXT_API_OPERATIONS_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/arrow_export.h"
#include "api/project_handle.h"
#include "api/request.h"
#include "base/progress.h"
#include "base/status.h"
#include "import/arrow_table.h"

namespace upnext::api {

struct OperationInput {
  const Request& request;
  ProjectHandle* project;  // null for operations that need none
  base::Progress& progress;
  std::vector<std::shared_ptr<const import::ArrowTable>> tables = {};  // if it takes tables
};

struct Outcome {
  std::string json = "{}";
  std::vector<ArrowResult> tables = {};
};

struct Operation {
  std::string_view name, summary;
  bool needs_project = true;
  bool takes_tables = false;  // those that were added to the project
  std::span<const Key> keys;
  std::span<const std::string_view> tables = {};  // that a result may have
  Result<Outcome> (*run)(const OperationInput& input);
};

// In the order of use. kNotFound names the nearest one.
std::vector<const Operation*> Operations();
Result<const Operation*> FindOperation(std::string_view name);
// [{"name", "summary", "project", "keys": [{"name", "type", "help"}], "tables"}]
std::string OperationsJson();

// The lists of the files.
std::span<const Operation> ProjectOperations();    // operation_project.cc
std::span<const Operation> FeedOperations();       // operation_feeds.cc
std::span<const Operation> SimulatorOperations();  // operation_simulator.cc

}  // namespace upnext::api

#endif  // UPNEXT_API_OPERATIONS_H_
