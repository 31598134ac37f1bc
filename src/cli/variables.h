// Options that a variable of the environment may give: the flag comes first, then the variable, then the project file.
//
//   app.add_option("--port", ...)->envname("UPNEXT_PORT");       where the option is declared
//   Variables variables(app);                                    main: before it parses
//   app.parse(argc, argv);
//   UPNEXT_RETURN_IF_ERROR(variables.Apply());                   the verb that was chosen takes its variables
//   OriginOf(app, "--port")                                      "--port", "UPNEXT_PORT" or "default"
//
// CLI11 itself would take the variables of every verb, so that a wrong UPNEXT_PORT would stop `upnext train`, and
// would not say which variable is wrong. One thread.
#ifndef UPNEXT_CLI_VARIABLES_H_
#define UPNEXT_CLI_VARIABLES_H_

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace upnext::cli {

class Variables {
 public:
  // Takes the names of the variables out of `app` and all verbs below it until Return() or the end of this object.
  explicit Variables(CLI::App& app);
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;
  ~Variables() { Return(); }

  // Gives the names back, for the help of options shows them.
  void Return();
  // Sets the options of the verbs that were parsed, where neither a flag nor an empty variable stands for them.
  // kInvalidArgument names the variable whose value does not fit.
  Status Apply();

 private:
  CLI::App& root_;
  std::vector<std::pair<CLI::Option*, std::string>> names_;
};

// Those that the program, its Python package and its libraries read and that stand for no option of the command line.
struct OtherVariable {
  std::string_view name, help;
};
std::span<const OtherVariable> OtherVariables();

// What gave the value of an option: the flag, its variable, or "default". After Apply().
std::string OriginOf(const CLI::App& app, const std::string& flag);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_VARIABLES_H_
