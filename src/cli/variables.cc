#include "cli/variables.h"

#include <algorithm>
#include <cstdlib>

namespace upnext::cli {
namespace {

void TakeNames(CLI::App& app, std::vector<std::pair<CLI::Option*, std::string>>* names) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_envname().empty()) continue;
    names->emplace_back(option, option->get_envname());
    option->envname("");
  }
  for (CLI::App* below : app.get_subcommands([](CLI::App*) { return true; })) {
    TakeNames(*below, names);
  }
}

Status ApplyTo(CLI::Option& option) {
  const std::string variable = option.get_envname();
  const char* const value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0' || option.count() > 0) return Ok();
  try {
    // A flag such as --no-keys has a value of its own for "true".
    const bool is_flag = option.get_expected_max() == 0;
    option.add_result(is_flag ? option.get_flag_value(option.get_lnames().front(), value) : value);
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    return InvalidArgument("the variable {}={} of the environment: {}", variable, value,
                           error.what());
  }
  return Ok();
}

}  // namespace

Variables::Variables(CLI::App& app) : root_(app) { TakeNames(app, &names_); }

void Variables::Return() {
  for (const auto& [option, name] : names_) option->envname(name);
  names_.clear();
}

Status Variables::Apply() {
  Return();
  std::vector<CLI::App*> parsed = {&root_};
  while (!parsed.empty()) {
    CLI::App* const app = parsed.back();
    parsed.pop_back();
    for (CLI::Option* option : app->get_options()) UPNEXT_RETURN_IF_ERROR(ApplyTo(*option));
    for (CLI::App* below : app->get_subcommands()) parsed.push_back(below);
  }
  return Ok();
}

std::span<const OtherVariable> OtherVariables() {
  static constexpr OtherVariable kOthers[] = {
      {"UPNEXT_MAX_ISA",
       "AVX2: no wider vector units than those, and fp32. ONEDNN_MAX_CPU_ISA does the same for oneDNN."},
      {"UPNEXT_ONNXRUNTIME",
       "The library of ONNX Runtime, for a network of others; in place of [onnxruntime] library."},
      {"UPNEXT_BUILD", "A build folder whose library and program the Python package takes."}};
  return kOthers;
}

std::string OriginOf(const CLI::App& app, const std::string& flag) {
  const CLI::Option* const option = app.get_option(flag);
  const auto& given = app.parse_order();
  if (std::ranges::find(given, option) != given.end()) return flag;
  return option->count() > 0 ? option->get_envname() : "default";
}

}  // namespace upnext::cli
