// Reads the project file (TOML). Every room converts its own table to its own options struct. A key
// that no room reads is an error that names the nearest known key, with file, line and column.
//
//   UPNEXT_ASSIGN_OR_RETURN(Config config, Config::Load("upnext.toml"));
//   ConfigTable retrieval = config.Table("retrieval");   // an absent table reads as an empty one
//   options.dim = retrieval.Int("dim", 64, {.min = 1, .max = 4096});
//   UPNEXT_RETURN_IF_ERROR(config.Check());              // wrong types, ranges and unknown keys
//
// Getters never fail: they return the default and record the error for Check(), which reports
// them in file order. One thread at a time.
#ifndef UPNEXT_BASE_CONFIG_H_
#define UPNEXT_BASE_CONFIG_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace upnext::base {

struct IntRange {
  int64_t min = INT64_MIN, max = INT64_MAX;
};
struct RealRange {
  double min = -1e308, max = 1e308;
};

// A value that the program uses.
struct ConfigValue {
  std::string key;     // "retrieval.dim"
  std::string value;   // as TOML: 64, "power", [1, 5]
  std::string origin;  // "shop.toml:12", "default", or what Config::Use was given
};

class ConfigTable {
 public:
  int64_t Int(std::string_view key, int64_t fallback, IntRange range = {}) const;
  double Real(std::string_view key, double fallback,
              RealRange range = {}) const;  // takes integers too
  bool Bool(std::string_view key, bool fallback) const;
  std::string Text(std::string_view key, std::string_view fallback) const;
  // One of `choices`; returns its index. `fallback` is an index too.
  size_t Choice(std::string_view key, const std::vector<std::string>& choices,
                size_t fallback) const;
  std::vector<int64_t> Ints(std::string_view key, std::vector<int64_t> fallback,
                            IntRange range = {}) const;
  std::vector<std::string> Texts(std::string_view key, std::vector<std::string> fallback) const;
  ConfigTable Table(std::string_view key) const;
  std::vector<ConfigTable> Tables(std::string_view key) const;  // [[key]]
  bool Has(std::string_view key) const;
  bool IsTable(std::string_view key) const;  // for keys that may be a value or a table
  // The keys in this table, in file order, for tables whose keys the user chooses. They count as
  // unknown until a getter reads them.
  std::vector<std::string> Keys() const;
  // The contents of this table and its subtables, as "retrieval.dim = 64", sorted: tables with
  // equal contents have equal lines.
  std::vector<std::string> Lines() const;
  // Where the value of `key` begins in Config::text(), and where this table does (at the bracket or
  // brace), in bytes. Nothing for what the file does not have.
  std::optional<size_t> OffsetOf(std::string_view key) const;
  std::optional<size_t> Offset() const;
  // Records `message` at this key's line, e.g. for rules that span several keys.
  void Fail(std::string_view key, std::string_view message) const;
  // The same at byte `offset` of the key's value, a text in a single line between quotes.
  void FailAt(std::string_view key, size_t offset, std::string_view message) const;

 private:
  friend class Config;
  struct Node;
  std::shared_ptr<Node> node_;  // null in a default-constructed table, which reads as empty
};

class Config {
 public:
  // kNotFound when there is no such file, kInvalidArgument with line and column when it is not
  // TOML.
  static Result<Config> Load(const std::filesystem::path& path);
  // `name` stands for the path in messages.
  static Result<Config> Parse(std::string_view toml, std::string_view name);
  ConfigTable root() const { return root_; }
  ConfigTable Table(std::string_view key) const { return root_.Table(key); }
  // The mistakes in file order, a line for each, at most 20: wrong types, ranges, unknown keys and tables.
  // kInvalidArgument, "upnext.toml:12:3: retrieval.dmi: ...". Call it after the last getter.
  Status Check() const;
  // Every value that getters have returned, with where it comes from, by key: the file, or the default
  // that the getter was given.
  std::vector<ConfigValue> Values() const;
  // Says that the program uses `value`, as TOML, for `key` in place of what the file has; `origin` is
  // the flag ("--threads") or the variable of the environment ("UPNEXT_DATA") that says so.
  void Use(std::string_view key, std::string_view value, std::string_view origin) const;
  const std::string& text() const { return text_; }  // as read, kept with every bundle

 private:
  ConfigTable root_;
  std::string text_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_CONFIG_H_
