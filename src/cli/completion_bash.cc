#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "cli/completion.h"

namespace upnext::cli {
namespace {

constexpr std::string_view kBashHead =
    R"(# bash completion of upnext, made by `upnext completion bash`.
_upnext_words() { COMPREPLY=($(compgen -W "$1" -- "$2")); }
_upnext_folders() { compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$1"); }
_upnext_nothing() { compopt +o default +o bashdefault; }

)";

// The begin of the function: the verbs that are on the line. `--name=value` comes as three words.
constexpr std::string_view kBashLine = R"(_upnext() {
  local command=upnext word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} i
  if [[ $word == = ]]; then
    word=
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command ${COMP_WORDS[i]}" in
)";

std::string QuotedForBash(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '$' || c == '`' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// What completes a value: of the words of bash's `case`.
std::string BashValues(const OptionText& option) {
  if (option.value == "VERB") return "_upnext_verbs";
  if (!option.choices.empty()) {
    return fmt::format("_upnext_words \"{}\" \"$word\"",
                       QuotedForBash(fmt::format("{}", fmt::join(option.choices, " "))));
  }
  if (option.value == "FOLDER") return "_upnext_folders \"$word\"";
  // Without words bash itself completes files.
  return option.value == "FILE" || option.value == "TEXT" ? ":" : "_upnext_nothing";
}

std::vector<std::string> VerbsBelow(const CommandText& command) {
  std::vector<std::string> words;
  for (const CommandText& below : command.below) {
    words.push_back(below.name.substr(command.name.size() + 1));
  }
  return words;
}

// A function that offers the verbs below those that follow `upnext help`.
std::string BashVerbs(const std::vector<const CommandText*>& all) {
  std::string out =
      "_upnext_verbs() {\n"
      "  local verb=upnext i\n"
      "  for ((i = 2; i < COMP_CWORD; i++)); do\n"
      "    [[ ${COMP_WORDS[i]} == -* ]] || verb+=\" ${COMP_WORDS[i]}\"\n"
      "  done\n"
      "  case \"$verb\" in\n";
  for (const CommandText* command : all) {
    if (command->below.empty()) continue;
    out += fmt::format("    \"{}\") _upnext_words \"{}\" \"$word\" ;;\n", command->name,
                       fmt::join(VerbsBelow(*command), " "));
  }
  return out + "    *) _upnext_nothing ;;\n  esac\n}\n\n";
}

std::string BashWordsOf(const CommandText& command) {
  std::vector<std::string> words = VerbsBelow(command);
  for (const OptionText& option : command.options) {
    if (!option.is_positional) words.insert(words.end(), option.names.begin(), option.names.end());
  }
  return fmt::format("{}", fmt::join(words, " "));
}

}  // namespace

std::string BashCompletion(const CommandText& root) {
  const std::vector<const CommandText*> all = AllCommands(root);
  std::string out(kBashHead);
  out += BashVerbs(all);
  out += kBashLine;
  for (const CommandText* command : all) {
    if (command != &root) out += fmt::format("      \"{0}\") command=\"{0}\" ;;\n", command->name);
  }
  out += "    esac\n  done\n  case \"$command $before\" in\n";
  for (const CommandText* command : all) {
    for (const OptionText& option : command->options) {
      if (option.is_positional || option.value.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) {
        patterns.push_back(fmt::format("\"{} {}\"", command->name, name));
      }
      out += fmt::format("    {}) {}; return ;;\n", fmt::join(patterns, " | "), BashValues(option));
    }
  }
  out += "  esac\n  case \"$command\" in\n";
  for (const CommandText* command : all) {
    std::string body;
    const bool has_positional = !command->options.empty() && command->options[0].is_positional;
    if (has_positional) {
      body = fmt::format("if [[ $word == -* ]]; then _upnext_words \"{}\" \"$word\"; else {}; fi",
                         BashWordsOf(*command), BashValues(command->options[0]));
    } else {
      body = fmt::format("_upnext_nothing; _upnext_words \"{}\" \"$word\"", BashWordsOf(*command));
    }
    out += fmt::format("    \"{}\") {} ;;\n", command->name, body);
  }
  return out + "  esac\n}\n\ncomplete -o default -o bashdefault -F _upnext upnext\n";
}

}  // namespace upnext::cli
