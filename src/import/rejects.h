// rejects.csv of an import: rows that were not taken, each with its reason (import.h says which
// columns). Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_REJECTS_H_
#define UPNEXT_IMPORT_REJECTS_H_

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "import/canonical.h"

namespace upnext::import {

struct Reject {
  Table table = Table::kEvents;
  std::string_view file = {};
  std::optional<int64_t> line = {}, row = {};
  std::string_view reason, text;
};

class RejectsFile {
 public:
  // Nothing is written before the first row.
  explicit RejectsFile(std::filesystem::path path) : path_(std::move(path)) {}
  Status Add(const Reject& reject);
  // Moves the file to `target`, or removes an old one there when nothing was rejected.
  Status Publish(const std::filesystem::path& target);
  bool empty() const { return empty_; }
  // The first few of a table, a line each, for a message.
  const std::string& First(Table table) const { return first_[static_cast<size_t>(table)]; }

 private:
  Status Failed() const;
  std::filesystem::path path_;
  bool empty_ = true;
  std::ofstream out_;
  std::array<std::string, kTables.size()> first_;
  std::array<int, kTables.size()> told_{};
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_REJECTS_H_
