#include "mcp/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/suggest.h"

namespace upnext::mcp {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMostBytes = 8 << 10, kMostTexts = 1000;

ordered_json TypeOf(Kind kind) {
  switch (kind) {
    case Kind::kText:
      return {{"type", "string"}};
    case Kind::kWhole:
      return {{"type", "integer"}};
    case Kind::kFlag:
      return {{"type", "boolean"}};
    case Kind::kTexts:
      return {{"type", "array"}, {"items", {{"type", "string"}}}, {"maxItems", kMostTexts}};
  }
  return {};
}

// -n 5 for a short flag, --user=U for a long one.
void AddWord(const Argument& argument, const std::string& value, std::vector<std::string>* words) {
  if (argument.flag.empty()) {
    words->insert(words->end(), {"--", value});  // no flag follows
  } else if (argument.flag.starts_with("--")) {
    words->push_back(fmt::format("{}={}", argument.flag, value));
  } else {
    words->push_back(std::string(argument.flag) + value);
  }
}

Result<std::string> TextOf(const Argument& argument, const json& value) {
  if (!value.is_string()) {
    return InvalidArgument("{}: expected a string, found {}", argument.name, value.type_name());
  }
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() > kMostBytes || text.find('\0') != std::string::npos) {
    return InvalidArgument("{}: expected at most {} bytes without NUL, found {} bytes",
                           argument.name, kMostBytes, text.size());
  }
  return text;
}

Status AddValue(const Argument& argument, const json& value, std::vector<std::string>* words) {
  switch (argument.kind) {
    case Kind::kText: {
      UPNEXT_ASSIGN_OR_RETURN(const std::string text, TextOf(argument, value));
      AddWord(argument, text, words);
      return Ok();
    }
    case Kind::kWhole:
      if (!value.is_number_integer()) {
        return InvalidArgument("{}: expected a whole number, found {}", argument.name,
                               value.type_name());
      }
      AddWord(argument, value.dump(), words);
      return Ok();
    case Kind::kFlag:
      if (!value.is_boolean()) {
        return InvalidArgument("{}: expected true or false, found {}", argument.name,
                               value.type_name());
      }
      if (value.get<bool>()) words->emplace_back(argument.flag);
      return Ok();
    case Kind::kTexts:
      if (!value.is_array() || value.size() > kMostTexts) {
        return InvalidArgument("{}: expected at most {} strings, found {}", argument.name,
                               kMostTexts, value.is_array() ? "more" : value.type_name());
      }
      for (const json& one : value) {
        UPNEXT_ASSIGN_OR_RETURN(const std::string text, TextOf(argument, one));
        AddWord(argument, text, words);
      }
      return Ok();
  }
  return Internal("an argument of no kind");
}

}  // namespace

ordered_json SchemaOf(const Tool& tool) {
  ordered_json properties = ordered_json::object(), required = ordered_json::array();
  for (const Argument& argument : tool.arguments) {
    ordered_json one = TypeOf(argument.kind);
    one["description"] = argument.description;
    properties[std::string(argument.name)] = std::move(one);
    if (argument.required) required.push_back(argument.name);
  }
  ordered_json out = {
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  return out;
}

Result<std::vector<std::string>> WordsOf(const Tool& tool, const json& arguments) {
  if (!arguments.is_object()) {
    return InvalidArgument("arguments: expected an object, found {}", arguments.type_name());
  }
  std::vector<std::string> names;
  for (const Argument& argument : tool.arguments) names.emplace_back(argument.name);
  for (const auto& [name, value] : arguments.items()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    return InvalidArgument("{} is no argument of {}{}", name, tool.name,
                           base::DidYouMean(name, names));
  }
  std::vector<std::string> words(tool.words.begin(), tool.words.end());
  for (const Argument& argument : tool.arguments) {
    const auto found = arguments.find(argument.name);
    if (found == arguments.end() || found->is_null()) {
      if (!argument.required) continue;
      return InvalidArgument("{}: expected for {}, found none", argument.name, tool.name);
    }
    UPNEXT_RETURN_IF_ERROR(AddValue(argument, *found, &words));
  }
  return words;
}

}  // namespace upnext::mcp
