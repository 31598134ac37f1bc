#include "base/config.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "base/config_node.h"
#include "base/file.h"
#include "base/suggest.h"

namespace upnext::base {
namespace {

// "an integer from 1 to 8", naming only the bounds that were given.
template <typename Range>
std::string DescribeRange(std::string_view what, const Range& range) {
  const bool low = range.min != Range{}.min, high = range.max != Range{}.max;
  if (low && high) return fmt::format("{} from {} to {}", what, range.min, range.max);
  if (low) return fmt::format("{} of at least {}", what, range.min);
  if (high) return fmt::format("{} of at most {}", what, range.max);
  return std::string(what);
}

// In bytes; columns count characters.
std::optional<size_t> OffsetIn(std::string_view text, toml::source_position at) {
  if (!at) return std::nullopt;
  size_t offset = 0;
  for (toml::source_index line = 1; line < at.line; ++line) {
    offset = text.find('\n', offset);
    if (offset == std::string_view::npos) return std::nullopt;
    ++offset;
  }
  const auto continues = [&] {
    return offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xc0) == 0x80;
  };
  for (toml::source_index column = 1; column < at.column; ++column) {
    ++offset;
    while (continues()) ++offset;
  }
  return offset < text.size() ? std::optional(offset) : std::nullopt;
}

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
  if (value == nullptr) {
    node_->Note(key, nullptr, fallback < choices.size() ? choices[fallback] : std::string());
    return fallback;
  }
  const std::optional<std::string> text = TextOf(*value);
  const auto found = text ? std::ranges::find(choices, *text) : choices.end();
  if (found != choices.end()) {
    node_->Note(key, value, *text);
    return static_cast<size_t>(found - choices.begin());
  }
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

bool ConfigTable::IsTable(std::string_view key) const {
  const toml::node* value = node_ == nullptr ? nullptr : node_->Find(key);
  return value != nullptr && value->is_table();
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

std::optional<size_t> ConfigTable::OffsetOf(std::string_view key) const {
  const toml::node* value = node_ == nullptr ? nullptr : node_->Find(key);
  if (value == nullptr) return std::nullopt;
  return OffsetIn(node_->document->text, value->source().begin);
}

std::optional<size_t> ConfigTable::Offset() const {
  if (node_ == nullptr || node_->table == nullptr) return std::nullopt;
  return OffsetIn(node_->document->text, node_->table->source().begin);
}

void ConfigTable::Fail(std::string_view key, std::string_view message) const {
  if (!node_) return;
  toml::source_position where = node_->at;
  if (node_->Find(key) != nullptr) where = node_->table->find(key)->first.source().begin;
  node_->Record(where, key, message);
}

void ConfigTable::FailAt(std::string_view key, size_t offset, std::string_view message) const {
  if (!node_) return;
  const toml::node* value = node_->Find(key);
  if (value == nullptr) return Fail(key, message);
  toml::source_position where = value->source().begin;
  where.column += static_cast<toml::source_index>(1 + offset);  // 1: the quote
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
  auto document = std::make_shared<ConfigDocument>();
  document->name = name;
  document->text = toml;
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
  const ConfigDocument& document = *root_.node_->document;
  std::vector<ConfigMistake> mistakes = document.mistakes;
  root_.node_->FindUnknown(mistakes);
  if (mistakes.empty()) return Ok();
  std::ranges::stable_sort(mistakes, {}, [](const ConfigMistake& mistake) {
    return std::tuple(mistake.at.line, mistake.at.column, mistake.message);
  });
  // Several rooms may read a key.
  const auto same = std::ranges::unique(mistakes, {}, [](const ConfigMistake& mistake) {
    return std::tuple(mistake.at.line, mistake.at.column, mistake.message);
  });
  mistakes.erase(same.begin(), same.end());
  std::string text;
  constexpr size_t kMost = 20;
  for (size_t i = 0; i < std::min(mistakes.size(), kMost); ++i) {
    text += fmt::format("{}{}:{}:{}: {}", i == 0 ? "" : "\n", document.name, mistakes[i].at.line,
                        mistakes[i].at.column, mistakes[i].message);
  }
  if (mistakes.size() > kMost) text += fmt::format("\nand {} more", mistakes.size() - kMost);
  return InvalidArgument("{}", text);
}

}  // namespace upnext::base
