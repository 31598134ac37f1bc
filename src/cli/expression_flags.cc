#include "cli/expression_flags.h"

#include <algorithm>

namespace upnext::cli {

void AddFilterFlags(CLI::App& app, ExpressionFlags* flags) {
  app.add_option("--filter", flags->filter,
                 "Condition that every item must meet: 'item.duration < 10 minutes'")
      ->type_name("EXPRESSION");
  app.add_option(
         "--parameter", flags->parameters,
         "Value of $NAME in expressions, as NAME=VALUE; repeatable, also for the values of a "
         "list")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
}

void AddBoostFlag(CLI::App& app, ExpressionFlags* flags) {
  app.add_option("--boost", flags->boost,
                 "Number of each item that multiplies its score: 'if(item.channel == \"news\", 2, "
                 "1)'")
      ->type_name("EXPRESSION");
}

Result<expression::Arguments> ParametersOf(const ExpressionFlags& flags) {
  expression::Arguments out;
  for (const std::string& flag : flags.parameters) {
    const size_t equals = flag.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return InvalidArgument("--parameter: expected NAME=VALUE, found '{}'", flag);
    }
    const std::string name = flag.substr(0, equals);
    auto same = std::ranges::find(out, name, &expression::Arguments::value_type::first);
    if (same == out.end()) same = out.insert(same, {name, {}});
    same->second.push_back(flag.substr(equals + 1));
  }
  return out;
}

}  // namespace upnext::cli
