#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "cli/completion.h"

namespace upnext::cli {
namespace {

constexpr std::string_view kZshHead = R"(#compdef upnext
# zsh completion of upnext, made by `upnext completion zsh`.

_upnext() {
  local command=upnext word
  local -a verbs
  local -i depth=1 i
  for (( i = 2; i < CURRENT; i++ )); do
    case "$command ${words[i]}" in
)";
// Verbs stand first, so that what follows them is at its place of a command of its own.
constexpr std::string_view kZshMiddle = R"(        command+=" ${words[i]}"; (( depth = i )) ;;
    esac
  done
  shift $(( depth - 1 )) words
  (( CURRENT -= depth - 1 ))
  case $command in
)";

std::string QuotedForZsh(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// Inside a specification of _arguments.
std::string EscapedForZsh(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || special.contains(c)) out += '\\';
    out += c;
  }
  return out;
}

std::string ZshValues(const OptionText& option, const CommandText& root) {
  std::vector<std::string> words = option.choices;
  if (option.value == "VERB") {
    for (const CommandText& verb : root.below) words.push_back(verb.name.substr(7));
  }
  if (!words.empty()) return fmt::format("({})", fmt::join(words, " "));
  if (option.value == "FOLDER") return "_files -/";
  return option.value == "FILE" || option.value == "TEXT" ? "_files" : " ";
}

std::string ZshOption(const OptionText& option, const CommandText& root) {
  const std::string message = EscapedForZsh(option.value, ":");
  if (option.is_positional) {
    return fmt::format("      {}\n",
                       QuotedForZsh(fmt::format("{}:{}:{}", option.is_repeated ? "*" : "",
                                                option.names[0], ZshValues(option, root))));
  }
  std::string out;
  for (const std::string& name : option.names) {
    std::string spec = option.is_repeated ? "*"
                       : option.names.size() == 1
                           ? ""
                           : fmt::format("({})", fmt::join(option.names, " "));
    spec += name;
    if (!option.value.empty()) spec += name.starts_with("--") ? "=" : "+";
    spec += fmt::format("[{}]", EscapedForZsh(option.text, "[]:"));
    if (!option.value.empty()) spec += fmt::format(":{}:{}", message, ZshValues(option, root));
    out += fmt::format("      {}\n", QuotedForZsh(spec));
  }
  return out;
}

std::string ZshBody(const CommandText& command, const CommandText& root) {
  std::string arguments = "      _arguments -S";
  std::vector<std::string> lines;
  for (const OptionText& option : command.options) {
    std::string text = ZshOption(option, root);
    text.pop_back();
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      lines.push_back("  " + text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  arguments += fmt::format(" \\\n{}\n", fmt::join(lines, " \\\n"));
  if (command.below.empty()) return arguments;
  std::string verbs = "      verbs=(\n";
  for (const CommandText& below : command.below) {
    verbs +=
        fmt::format("        {}\n",
                    QuotedForZsh(fmt::format("{}:{}", below.name.substr(command.name.size() + 1),
                                             EscapedForZsh(below.summary, ":"))));
  }
  return verbs + "      )\n      if (( CURRENT == 2 )) && [[ ${words[2]} != -* ]]; then\n" +
         "        _describe -t commands command verbs\n        return\n      fi\n" + arguments;
}

}  // namespace

std::string ZshCompletion(const CommandText& root) {
  const std::vector<const CommandText*> all = AllCommands(root);
  std::vector<std::string> known;
  for (const CommandText* command : all) {
    if (command != &root) known.push_back(QuotedForZsh(command->name));
  }
  std::string out(kZshHead);
  out += fmt::format("      {})\n{}", fmt::join(known, " | \\\n      "), kZshMiddle);
  for (const CommandText* command : all) {
    out +=
        fmt::format("    {})\n{}      ;;\n", QuotedForZsh(command->name), ZshBody(*command, root));
  }
  return out + "  esac\n}\n\n_upnext \"$@\"\n";
}

}  // namespace upnext::cli
