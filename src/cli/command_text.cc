#include "cli/command_text.h"

#include <algorithm>
#include <regex>
#include <utility>

namespace upnext::cli {
namespace {

// "TEXT:{video,shop}", "INT:INT in [0 - 1024]": what CLI11 makes of the type and the checks of an option.
void ReadType(const std::string& type, OptionText* option) {
  option->value = type.substr(0, type.find(':'));
  if (type.contains(":FILE")) option->value = "FILE";
  const size_t open = type.find('{'), close = type.find('}');
  if (open != std::string::npos && close != std::string::npos) {
    for (size_t begin = open + 1; begin < close;) {
      const size_t end = std::min(type.find(',', begin), close);
      option->choices.push_back(type.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (const size_t range = type.find('['); range != std::string::npos && option->choices.empty()) {
    option->range = type.substr(range, type.find(']', range) + 1 - range);
  }
}

std::vector<std::string> FlagNamesOf(const std::set<CLI::Option*>& options) {
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  std::ranges::sort(names);
  return names;
}

OptionText DescribeOption(const CLI::Option& option) {
  OptionText out;
  for (const std::string& name : option.get_snames()) out.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.names.push_back("--" + name);
  out.is_positional = out.names.empty();
  if (out.is_positional) out.names.push_back(option.get_name(true));
  if (option.get_type_size() != 0 && option.get_expected_max() != 0) {
    ReadType(option.get_type_name(), &out);
    out.initial = option.get_default_str();
  }
  out.text = option.get_description();
  out.variable = option.get_envname();
  out.needs = FlagNamesOf(option.get_needs());
  out.excludes = FlagNamesOf(option.get_excludes());
  out.is_required = option.get_required();
  out.is_repeated = option.get_expected_max() == CLI::detail::expected_max_vector_size;
  return out;
}

void AppendOptions(const CLI::App& app, std::vector<OptionText>* options) {
  for (const CLI::Option* option : app.get_options()) {
    // A group of options has a --help of its own.
    if (app.get_name().empty() && option == app.get_help_ptr()) continue;
    if (!option->get_group().empty()) options->push_back(DescribeOption(*option));
  }
  // A group of options is an application without a name.
  for (const CLI::App* group :
       app.get_subcommands([](const CLI::App* below) { return below->get_name().empty(); })) {
    AppendOptions(*group, options);
  }
}

CommandText DescribeNamed(const CLI::App& app, std::string name) {
  CommandText out{.name = std::move(name),
                  .summary = app.get_description(),
                  .footer = app.get_footer() == kHelpFooter ? "" : app.get_footer(),
                  .options = {},
                  .below = {}};
  AppendOptions(app, &out.options);
  std::ranges::stable_partition(out.options, &OptionText::is_positional);
  for (const CLI::App* below :
       app.get_subcommands([](const CLI::App* one) { return !one->get_name().empty(); })) {
    out.below.push_back(DescribeNamed(*below, out.name + " " + below->get_name()));
  }
  return out;
}

void AppendCommands(const CommandText& command, std::vector<const CommandText*>* all) {
  all->push_back(&command);
  for (const CommandText& below : command.below) AppendCommands(below, all);
}

}  // namespace

CommandText DescribeCommand(const CLI::App& app) { return DescribeNamed(app, app.get_name()); }

std::set<std::string> VariablesOf(const CommandText& command) {
  static const std::regex kVariable("UPNEXT_[A-Z_]+");
  std::set<std::string> found;
  for (const OptionText& option : command.options) {
    if (!option.variable.empty()) found.insert(option.variable);
    for (std::sregex_iterator at(option.text.begin(), option.text.end(), kVariable), end; at != end;
         ++at) {
      found.insert(at->str());
    }
  }
  for (const CommandText& below : command.below) found.merge(VariablesOf(below));
  return found;
}

std::vector<const CommandText*> AllCommands(const CommandText& root) {
  std::vector<const CommandText*> all;
  AppendCommands(root, &all);
  return all;
}

}  // namespace upnext::cli
