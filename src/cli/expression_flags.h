// --filter, --boost and --parameter of verbs that list items.
//
//   AddFilterFlags(app, &flags.expressions);
//   UPNEXT_ASSIGN_OR_RETURN(request.parameters, ParametersOf(flags.expressions));
#ifndef UPNEXT_CLI_EXPRESSION_FLAGS_H_
#define UPNEXT_CLI_EXPRESSION_FLAGS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "expression/bound_expression.h"

namespace upnext::cli {

struct ExpressionFlags {
  std::string filter = {}, boost = {};
  std::vector<std::string> parameters = {};  // NAME=VALUE
};

void AddFilterFlags(CLI::App& app, ExpressionFlags* flags);  // without --boost
void AddBoostFlag(CLI::App& app, ExpressionFlags* flags);

// kInvalidArgument for one that is no NAME=VALUE. Those of one name are a list.
Result<expression::Arguments> ParametersOf(const ExpressionFlags& flags);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_EXPRESSION_FLAGS_H_
