// What the command line says of itself: verbs and options as plain values, for manual pages and completions.
//
//   const CommandText root = DescribeCommand(app);
//   for (const CommandText& verb : root.below) ... verb.name, verb.options
//
// Values; the tree is a copy.
#ifndef UPNEXT_CLI_COMMAND_TEXT_H_
#define UPNEXT_CLI_COMMAND_TEXT_H_

#include <CLI/CLI.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace upnext::cli {

struct OptionText {
  std::vector<std::string> names;    // "-c", "--config"; of a positional one name without dashes
  std::string value;                 // "FILE", "FOLDER", "VERB", "TEXT", "INT" ...; "" for a flag
  std::vector<std::string> choices;  // all values, where there are few
  std::string range;                 // "[0 - 1024]"
  std::string initial;               // the default, as a value
  std::string text;
  std::string variable;  // of the environment
  std::vector<std::string> needs, excludes;
  bool is_positional = false, is_required = false, is_repeated = false;
};
struct CommandText {
  std::string name;  // "upnext keys add"
  std::string summary, footer;
  std::vector<OptionText> options;  // positionals first
  std::vector<CommandText> below;
};

// An application or a verb with all that is below it. The text that all verbs have below their help is left out.
CommandText DescribeCommand(const CLI::App& app);

// The variables of the environment that options have, or that their texts name.
std::set<std::string> VariablesOf(const CommandText& command);

// All commands of the tree, each before those below it.
std::vector<const CommandText*> AllCommands(const CommandText& root);

inline constexpr std::string_view kHelpFooter = "`upnext VERB --help` lists the options of a verb.";

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_COMMAND_TEXT_H_
