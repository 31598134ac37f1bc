#include "cli/man_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "cli/variables.h"
#include "guides/guides.h"
#include "guides/manual.h"

namespace upnext::cli {
namespace {

using guides::EscapedForRoff;
using guides::RoffOfMarkdown;

// "upnext keys" as the name of its page: "upnext-keys".
std::string PageName(std::string_view command) {
  std::string name(command);
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string OptionEntry(const OptionText& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.names) {
    names.push_back(
        fmt::format("\\f{}{}\\fR", option.is_positional ? 'I' : 'B', EscapedForRoff(name)));
  }
  std::string out = fmt::format(".TP\n{}", fmt::join(names, ", "));
  if (!option.is_positional && !option.value.empty()) {
    out += fmt::format(" \\fI{}\\fR", EscapedForRoff(option.value));
  }
  if (option.is_repeated) out += " ...";
  std::string text = RoffOfMarkdown(option.text);
  const auto add = [&text](std::string_view sentence) {
    if (!text.empty() && !text.ends_with('.')) text += '.';
    text += text.empty() ? "" : " ";
    text += sentence;
  };
  if (!option.choices.empty()) {
    add(fmt::format("One of: {}.",
                    EscapedForRoff(fmt::format("{}", fmt::join(option.choices, ", ")))));
  }
  if (!option.range.empty()) add(fmt::format("In {}.", EscapedForRoff(option.range)));
  if (!option.initial.empty()) add(fmt::format("Default: {}.", EscapedForRoff(option.initial)));
  if (!option.variable.empty()) {
    add(fmt::format("Also by the variable \\fB{}\\fR.", option.variable));
  }
  if (option.is_required) add("Required.");
  const auto list = [](const std::vector<std::string>& words) {
    return EscapedForRoff(fmt::format("{}", fmt::join(words, ", ")));
  };
  if (!option.needs.empty()) add(fmt::format("Only with {}.", list(option.needs)));
  if (!option.excludes.empty()) add(fmt::format("Not with {}.", list(option.excludes)));
  return out + "\n" + text + "\n";
}

std::string SynopsisOf(const CommandText& command) {
  std::string out = fmt::format(".PP\n\\fB{}\\fR", EscapedForRoff(command.name));
  if (!command.below.empty()) out += " \\fICOMMAND\\fR";
  out += " [\\fIOPTIONS\\fR]";
  for (const OptionText& option : command.options) {
    if (!option.is_positional) continue;
    const std::string name =
        fmt::format("\\fI{}\\fR{}", option.names[0], option.is_repeated ? "..." : "");
    out += option.is_required ? " " + name : " [" + name + "]";
  }
  return out + "\n";
}

std::string OptionsOf(const CommandText& command) {
  std::string out;
  for (const OptionText& option : command.options) out += OptionEntry(option);
  return out;
}

std::string VariablesSection(const CommandText& root, const CommandText& command) {
  std::string out;
  for (const std::string& variable : VariablesOf(command)) {
    // The options of all verbs that it is about; one text for each option.
    std::vector<std::string> texts;
    for (const CommandText* one : AllCommands(root)) {
      for (const OptionText& option : one->options) {
        if (option.variable != variable && !option.text.contains(variable)) continue;
        const std::string text = fmt::format("\\fB{}\\fR", EscapedForRoff(option.names.back()));
        if (std::ranges::find(texts, text) == texts.end()) texts.push_back(text);
      }
    }
    out += fmt::format(".TP\n\\fB{}\\fR\nStands for the option {}, which comes first.\n", variable,
                       fmt::join(texts, " or "));
  }
  return out.empty() ? "" : ".SH ENVIRONMENT\n" + out;
}

constexpr std::string_view kEnd =
    ".SH EXIT STATUS\n"
    ".TP\n0\nSuccess.\n"
    ".TP\n1\nFailure; the message on standard error says what was expected, what was found, and "
    "what to do.\n"
    ".TP\n2\nWrong usage.\n"
    ".TP\n130, 143\nStopped by ^C or by SIGTERM.\n";

std::string VerbPage(const CommandText& root, const CommandText& verb, std::string_view version) {
  std::string out = guides::ManualTitle(PageName(verb.name), 1, version);
  out += fmt::format(".SH NAME\n{} \\- {}\n", EscapedForRoff(PageName(verb.name)),
                     EscapedForRoff(verb.summary));
  out += ".SH SYNOPSIS\n";
  const std::vector<const CommandText*> all = AllCommands(verb);
  for (const CommandText* one : all) {
    if (one->below.empty()) out += SynopsisOf(*one);
  }
  if (!verb.footer.empty()) {
    out += fmt::format(".SH DESCRIPTION\n.PP\n{}\n", RoffOfMarkdown(verb.footer));
  }
  out += ".SH OPTIONS\n" + OptionsOf(verb);
  for (const CommandText* one : all) {
    if (one == &verb) continue;
    out += fmt::format(".SS {}\n.PP\n{}.\n{}", EscapedForRoff(one->name),
                       EscapedForRoff(one->summary), OptionsOf(*one));
  }
  out += VariablesSection(root, verb);
  out += kEnd;
  return out + ".SH SEE ALSO\n\\fBupnext\\fR(1), \\fBupnext.toml\\fR(5)\n";
}

std::string RootPage(const CommandText& root, std::string_view version) {
  std::string out = guides::ManualTitle("upnext", 1, version);
  out +=
      ".SH NAME\nupnext \\- a recommender engine: from event log to ranked feed in one binary\n"
      ".SH SYNOPSIS\n.PP\n\\fBupnext\\fR \\fIVERB\\fR [\\fIOPTIONS\\fR]\n"
      ".SH DESCRIPTION\n.PP\n"
      "upnext reads a log of what users watched (or read, listened to, bought) and a catalogue of "
      "items. It imports the log, trains a candidate generation model and a ranking model, "
      "evaluates them against simple baselines on held\\-out days, and serves feeds over HTTP. "
      "What it works on is described by a project file, \\fBupnext.toml\\fR(5).\n"
      ".PP\nData goes to standard output, progress and messages to standard error.\n"
      ".SH VERBS\n";
  for (const CommandText& verb : root.below) {
    out += fmt::format(".TP\n\\fB{}\\fR(1)\n{}\n", EscapedForRoff(PageName(verb.name)),
                       EscapedForRoff(verb.summary));
  }
  out += ".SH OPTIONS\n" + OptionsOf(root) + VariablesSection(root, root);
  for (const OtherVariable& other : OtherVariables()) {
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", EscapedForRoff(other.name),
                       EscapedForRoff(other.help));
  }
  out += kEnd;
  return out + ".SH SEE ALSO\n\\fBupnext.toml\\fR(5)\n";
}

std::string ProjectFilePage(std::string_view version) {
  const guides::Guide* const guide = guides::Find("project_file");
  return guides::ManualTitle("upnext.toml", 5, version) +
         ".SH NAME\nupnext.toml \\- the project file of upnext\n.SH DESCRIPTION\n" +
         guides::ManualOf(guide == nullptr ? "" : guide->text) +
         ".SH SEE ALSO\n\\fBupnext\\fR(1), \\fBupnext\\-config\\fR(1)\n";
}

}  // namespace

std::vector<ManualPage> ManualPages(const CommandText& root, std::string_view version) {
  const std::string program = fmt::format("upnext {}", version);
  std::vector<ManualPage> pages = {{"upnext.1", RootPage(root, program)},
                                   {"upnext.toml.5", ProjectFilePage(program)}};
  for (const CommandText& verb : root.below) {
    pages.push_back({PageName(verb.name) + ".1", VerbPage(root, verb, program)});
  }
  return pages;
}

}  // namespace upnext::cli
