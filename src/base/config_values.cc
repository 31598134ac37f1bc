#include <algorithm>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/config_node.h"

namespace upnext::base {

namespace {

std::string LineText(const toml::node& node) {
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const toml::array* array = node.as_array(); array != nullptr && !array->empty()) {
    std::vector<std::string> texts;
    for (const toml::node& one : *array) texts.push_back(LineText(one));
    return fmt::format("[ {} ]", fmt::join(texts, ", "));
  }
  std::ostringstream text;
  text << toml::node_view(node);
  return text.str();
}

void AppendLines(const toml::node& node, const std::string& name, std::vector<std::string>* lines) {
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, value] : *table) {
      AppendLines(value,
                  name.empty() ? std::string(key.str()) : fmt::format("{}.{}", name, key.str()),
                  lines);
    }
  } else if (const toml::array* tables = node.as_array();
             tables != nullptr && tables->is_homogeneous<toml::table>()) {
    for (size_t i = 0; i < tables->size(); ++i) {
      AppendLines(*tables->get(i), fmt::format("{}[{}]", name, i), lines);
    }
  } else {
    lines->push_back(fmt::format("{} = {}", name, LineText(node)));
  }
}

}  // namespace

std::vector<std::string> ConfigTable::Lines() const {
  std::vector<std::string> lines;
  if (node_ == nullptr || node_->table == nullptr) return lines;
  std::string name = node_->prefix;
  if (!name.empty()) name.pop_back();  // its dot
  AppendLines(*node_->table, name, &lines);
  std::ranges::sort(lines);
  return lines;
}

std::vector<ConfigValue> Config::Values() const {
  std::vector<ConfigValue> values;
  if (!root_.node_) return values;
  const ConfigDocument& document = *root_.node_->document;
  for (const auto& [key, reading] : document.readings) {
    std::string origin = reading.origin;
    if (origin.empty()) {
      origin = reading.line == 0 ? "default" : fmt::format("{}:{}", document.name, reading.line);
    }
    values.push_back({.key = key, .value = reading.value, .origin = std::move(origin)});
  }
  return values;
}

void Config::Use(std::string_view key, std::string_view value, std::string_view origin) const {
  if (!root_.node_) return;
  root_.node_->document->readings[std::string(key)] = {
      .value = std::string(value), .origin = std::string(origin), .line = 0};
}

}  // namespace upnext::base
