#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "cli/completion.h"

namespace upnext::cli {
namespace {

constexpr std::string_view kFishHead =
    R"(# fish completion of upnext, made by `upnext completion fish`.

# Whether the verbs on the line are these.
function __upnext_at
    set -l words (commandline -opc)
    set -l command upnext
    for word in $words[2..-1]
        contains -- "$command $word" $__upnext_commands; and set command "$command $word"
    end
    test "$command" = "$argv[1]"
end

)";

std::string QuotedForFish(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

// The arguments of `complete` for a value.
std::string FishValues(const OptionText& option, const CommandText& root) {
  std::vector<std::string> words = option.choices;
  if (option.value == "VERB") {
    for (const CommandText& verb : root.below) words.push_back(verb.name.substr(7));
  }
  if (!words.empty()) {
    return fmt::format("-x -a {}", QuotedForFish(fmt::format("{}", fmt::join(words, " "))));
  }
  if (option.value == "FOLDER") return "-x -a '(__fish_complete_directories)'";
  return option.value == "FILE" || option.value == "TEXT" ? "-r -F" : "-x";
}

std::string FishOption(const CommandText& command, const OptionText& option,
                       const CommandText& root) {
  std::string line =
      fmt::format("complete -c upnext -n {}", QuotedForFish("__upnext_at '" + command.name + "'"));
  if (option.is_positional) return fmt::format("{} {}\n", line, FishValues(option, root));
  for (const std::string& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (!option.value.empty()) line += " " + FishValues(option, root);
  return fmt::format("{} -d {}\n", line, QuotedForFish(option.text));
}

}  // namespace

std::string FishCompletion(const CommandText& root) {
  std::string out(kFishHead), known = "set -g __upnext_commands", lines;
  for (const CommandText* command : AllCommands(root)) {
    if (command != &root) known += " \\\n    " + QuotedForFish(command->name);
    const std::string at = QuotedForFish("__upnext_at '" + command->name + "'");
    const bool has_positional = !command->options.empty() && command->options[0].is_positional;
    if (!has_positional) lines += fmt::format("complete -c upnext -n {} -f\n", at);
    for (const CommandText& below : command->below) {
      lines += fmt::format("complete -c upnext -n {} -f -a {} -d {}\n", at,
                           QuotedForFish(below.name.substr(command->name.size() + 1)),
                           QuotedForFish(below.summary));
    }
    for (const OptionText& option : command->options) lines += FishOption(*command, option, root);
  }
  return out + known + "\n\n" + lines;
}

}  // namespace upnext::cli
