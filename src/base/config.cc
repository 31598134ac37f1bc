#include "base/config.h"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/suggest.h"

namespace upnext::base {
namespace {

struct Mistake {
  toml::source_position at;
  std::string message;
};

// What all tables of one file share.
struct Document {
  std::string name;
  toml::table root;
  std::vector<Mistake> mistakes;
};

// "found the text "big"": type and value of what stands in the file.
std::string Describe(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    constexpr size_t kShown = 40;
    const std::string& value = text->get();
    return fmt::format("the text \"{}\"",
                       value.size() <= kShown ? value : value.substr(0, kShown) + "...");
  }
  if (const auto* integer = node.as_integer()) return fmt::format("the integer {}", integer->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("the number {}", real->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* array = node.as_array()) return fmt::format("a list of {}", array->size());
  if (node.is_table()) return "a table";
  return "a date or time";
}

// "an integer from 1 to 8", naming only the bounds that were given.
template <typename Range>
std::string DescribeRange(std::string_view what, const Range& range) {
  const bool low = range.min != Range{}.min, high = range.max != Range{}.max;
  if (low && high) return fmt::format("{} from {} to {}", what, range.min, range.max);
  if (low) return fmt::format("{} of at least {}", what, range.min);
  if (high) return fmt::format("{} of at most {}", what, range.max);
  return std::string(what);
}

template <typename T>
using Converter = std::function<std::optional<T>(const toml::node&)>;

Converter<int64_t> IntIn(IntRange range) {
  return [range](const toml::node& node) -> std::optional<int64_t> {
    const auto* value = node.as_integer();
    if (value == nullptr || value->get() < range.min || value->get() > range.max) return {};
    return value->get();
  };
}

Converter<double> RealIn(RealRange range) {
  return [range](const toml::node& node) -> std::optional<double> {
    if (!node.is_number()) return {};
    const double value = node.is_integer() ? static_cast<double>(node.as_integer()->get())
                                           : node.as_floating_point()->get();
    if (value >= range.min && value <= range.max) return value;
    return {};  // not-a-number too
  };
}

std::optional<std::string> TextOf(const toml::node& node) {
  const auto* value = node.as_string();
  return value == nullptr ? std::optional<std::string>() : value->get();
}

}  // namespace

struct ConfigTable::Node {
  std::shared_ptr<Document> document;
  const toml::table* table = nullptr;  // null when the file has no such table
  toml::source_position at{1, 1};      // where the table, or else the nearest one around it, begins
  std::string prefix;                  // "retrieval." before the names of its keys
  std::set<std::string, std::less<>> known;  // every key that was asked for
  std::map<std::string, std::vector<std::shared_ptr<Node>>, std::less<>> children;

  void Record(toml::source_position where, std::string_view key, std::string_view message) {
    document->mistakes.push_back({where, fmt::format("{}{}: {}", prefix, key, message)});
  }

  // The value of `key`, or null. From here on the key is known.
  const toml::node* Find(std::string_view key) {
    known.emplace(key);
    return table == nullptr ? nullptr : table->get(key);
  }

  template <typename T>
  T Scalar(std::string_view key, T fallback, std::string_view expected,
           const Converter<T>& convert) {
    const toml::node* value = Find(key);
    if (value == nullptr) return fallback;
    if (std::optional<T> converted = convert(*value)) return *std::move(converted);
    Record(value->source().begin, key,
           fmt::format("expected {}, found {}", expected, Describe(*value)));
    return fallback;
  }

  template <typename T>
  std::vector<T> List(std::string_view key, std::vector<T> fallback, std::string_view element,
                      const Converter<T>& convert) {
    const toml::node* value = Find(key);
    if (value == nullptr) return fallback;
    const toml::array* array = value->as_array();
    if (array == nullptr) {
      Record(value->source().begin, key,
             fmt::format("expected a list, each {}, found {}", element, Describe(*value)));
      return fallback;
    }
    std::vector<T> result;
    for (const toml::node& item : *array) {
      std::optional<T> converted = convert(item);
      if (!converted) {
        Record(item.source().begin, fmt::format("{}[{}]", key, result.size()),
               fmt::format("expected {}, found {}", element, Describe(item)));
        return fallback;
      }
      result.push_back(*std::move(converted));
    }
    return result;
  }

  std::shared_ptr<Node> MakeChild(const toml::table* child, std::string name) const {
    auto node = std::make_shared<Node>();
    node->document = document;
    node->table = child;
    node->at = child == nullptr || !child->source().begin ? at : child->source().begin;
    node->prefix = prefix + std::move(name) + ".";
    return node;
  }

  void FindUnknown(std::vector<Mistake>& mistakes) const {
    if (table == nullptr) return;
    for (const auto& [key, value] : *table) {
      const auto child = children.find(key.str());
      if (child != children.end()) {
        for (const std::shared_ptr<Node>& node : child->second) node->FindUnknown(mistakes);
      }
      if (known.contains(key.str())) continue;
      const std::vector<std::string> names(known.begin(), known.end());
      std::string hint = DidYouMean(key.str(), names);
      if (hint.empty() && !names.empty())
        hint = fmt::format("; known are {}", fmt::join(names, ", "));
      mistakes.push_back(
          {key.source().begin, fmt::format("{}{}: unknown {}{}", prefix, key.str(),
                                           value.is_table() ? "table" : "key", hint)});
    }
  }
};

int64_t ConfigTable::Int(std::string_view key, int64_t fallback, IntRange range) const {
  if (!node_) return fallback;
  return node_->Scalar<int64_t>(key, fallback, DescribeRange("an integer", range), IntIn(range));
}

double ConfigTable::Real(std::string_view key, double fallback, RealRange range) const {
  if (!node_) return fallback;
  return node_->Scalar<double>(key, fallback, DescribeRange("a number", range), RealIn(range));
}

bool ConfigTable::Bool(std::string_view key, bool fallback) const {
  if (!node_) return fallback;
  return node_->Scalar<bool>(key, fallback, "true or false",
                             [](const toml::node& node) { return node.value_exact<bool>(); });
}

std::string ConfigTable::Text(std::string_view key, std::string_view fallback) const {
  if (!node_) return std::string(fallback);
  return node_->Scalar<std::string>(key, std::string(fallback), "text in quotes", TextOf);
}

size_t ConfigTable::Choice(std::string_view key, const std::vector<std::string>& choices,
                           size_t fallback) const {
  if (!node_) return fallback;
  const toml::node* value = node_->Find(key);
  if (value == nullptr) return fallback;
  const std::optional<std::string> text = TextOf(*value);
  const auto found = text ? std::ranges::find(choices, *text) : choices.end();
  if (found != choices.end()) return static_cast<size_t>(found - choices.begin());
  node_->Record(value->source().begin, key,
                fmt::format("expected one of \"{}\", found {}{}", fmt::join(choices, "\", \""),
                            Describe(*value), text ? DidYouMean(*text, choices) : ""));
  return fallback;
}

std::vector<int64_t> ConfigTable::Ints(std::string_view key, std::vector<int64_t> fallback,
                                       IntRange range) const {
  if (!node_) return fallback;
  return node_->List<int64_t>(key, std::move(fallback), DescribeRange("an integer", range),
                              IntIn(range));
}

std::vector<double> ConfigTable::Reals(std::string_view key, std::vector<double> fallback,
                                       RealRange range) const {
  if (!node_) return fallback;
  return node_->List<double>(key, std::move(fallback), DescribeRange("a number", range),
                             RealIn(range));
}

std::vector<std::string> ConfigTable::Texts(std::string_view key,
                                            std::vector<std::string> fallback) const {
  if (!node_) return fallback;
  return node_->List<std::string>(key, std::move(fallback), "text in quotes", TextOf);
}

ConfigTable ConfigTable::Table(std::string_view key) const {
  ConfigTable result;
  if (!node_) return result;
  const toml::node* value = node_->Find(key);
  auto child = node_->children.find(key);
  if (child == node_->children.end()) {
    const toml::table* table = value == nullptr ? nullptr : value->as_table();
    if (value != nullptr && table == nullptr) {
      node_->Record(value->source().begin, key,
                    fmt::format("expected a table, found {}", Describe(*value)));
    }
    child =
        node_->children.emplace(key, std::vector{node_->MakeChild(table, std::string(key))}).first;
  }
  if (!child->second.empty()) result.node_ = child->second.front();
  return result;
}

std::vector<ConfigTable> ConfigTable::Tables(std::string_view key) const {
  std::vector<ConfigTable> result;
  if (!node_) return result;
  const toml::node* value = node_->Find(key);
  if (value == nullptr) return result;
  auto child = node_->children.find(key);
  if (child == node_->children.end()) {
    child = node_->children.emplace(key, std::vector<std::shared_ptr<Node>>()).first;
    const toml::array* array = value->as_array();
    if (array == nullptr || (!array->empty() && !array->is_homogeneous<toml::table>())) {
      node_->Record(value->source().begin, key,
                    fmt::format("expected tables that each begin with [[{}{}]], found {}",
                                node_->prefix, key, Describe(*value)));
      array = nullptr;
    }
    for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
      child->second.push_back(
          node_->MakeChild(array->get(i)->as_table(), fmt::format("{}[{}]", key, i)));
    }
  }
  for (const std::shared_ptr<Node>& node : child->second) result.emplace_back().node_ = node;
  return result;
}

bool ConfigTable::Has(std::string_view key) const {
  return node_ != nullptr && node_->Find(key) != nullptr;
}

std::vector<std::string> ConfigTable::Keys() const {
  std::vector<std::tuple<uint32_t, uint32_t, std::string>> keys;
  if (node_ != nullptr && node_->table != nullptr) {
    for (const auto& [key, value] : *node_->table) {
      keys.emplace_back(key.source().begin.line, key.source().begin.column, key.str());
    }
  }
  std::ranges::sort(keys);
  std::vector<std::string> names;
  for (auto& key : keys) names.push_back(std::move(std::get<2>(key)));
  return names;
}

void ConfigTable::Fail(std::string_view key, std::string message) const {
  if (!node_) return;
  toml::source_position where = node_->at;
  if (node_->Find(key) != nullptr) where = node_->table->find(key)->first.source().begin;
  node_->Record(where, key, message);
}

Result<Config> Config::Load(const std::filesystem::path& path) {
  Result<std::string> text = ReadFile(path);
  if (!text && text.error().code == Code::kNotFound) {
    return NotFound("{}: expected a project file, found none; name another one, or write it",
                    path.string());
  }
  if (!text) return std::unexpected(std::move(text).error());
  return Parse(*text, path.string());
}

Result<Config> Config::Parse(std::string_view toml, std::string_view name) {
  toml::parse_result parsed = toml::parse(toml, name);
  if (!parsed) {
    const toml::source_position at = parsed.error().source().begin;
    return InvalidArgument("{}:{}:{}: not TOML: {}", name, at.line, at.column,
                           parsed.error().description());
  }
  auto document = std::make_shared<Document>();
  document->name = name;
  document->root = std::move(parsed).table();
  Config config;
  config.text_ = toml;
  config.root_.node_ = std::make_shared<ConfigTable::Node>();
  config.root_.node_->table = &document->root;
  config.root_.node_->document = std::move(document);
  return config;
}

Status Config::Check() const {
  if (!root_.node_) return Ok();
  const Document& document = *root_.node_->document;
  std::vector<Mistake> mistakes = document.mistakes;
  root_.node_->FindUnknown(mistakes);
  if (mistakes.empty()) return Ok();
  const auto first = std::ranges::min_element(mistakes, {}, [](const Mistake& mistake) {
    return std::pair(mistake.at.line, mistake.at.column);
  });
  return InvalidArgument("{}:{}:{}: {}", document.name, first->at.line, first->at.column,
                         first->message);
}

}  // namespace upnext::base
