#include "import/input_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "import/compressed_file.h"
#include "import/sql_tree.h"

namespace upnext::import {
namespace {

namespace fs = std::filesystem;

// The texts of a query's first column.
Result<std::vector<std::string>> TextsOf(Database& db, std::string_view sql) {
  std::vector<std::string> texts;
  UPNEXT_RETURN_IF_ERROR(db.Query(sql, [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) {
      if (chunk.valid(0, row)) texts.emplace_back(chunk.Text(0, row));
    }
    return Ok();
  }));
  return texts;
}

// The files that match what a function is given: a pattern, or a list of patterns.
Result<std::vector<std::string>> FilesOf(Database& db, const nlohmann::json& argument) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string value, SelectValue(db, argument));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<Column> type, db.Describe(value));
  const bool list = type.at(0).type == "VARCHAR[]";
  if (!list && type.at(0).type != "VARCHAR") return std::vector<std::string>();
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<std::string> patterns,
      TextsOf(db, fmt::format("SELECT {} FROM ({}) AS t(x)", list ? "unnest(x)" : "x", value)));
  std::vector<std::string> files;
  for (const std::string& pattern : patterns) {
    UPNEXT_ASSIGN_OR_RETURN(
        std::vector<std::string> found,
        TextsOf(db, fmt::format("SELECT file FROM glob({})", QuoteSql(pattern))));
    std::ranges::move(found, std::back_inserter(files));
  }
  return files;
}

// Files that cannot be found here are not: reading them fails by itself, or finds nothing amiss.
std::vector<std::string> FilesOf(Database& db, const std::string& select) {
  std::vector<std::string> files;
  try {
    Result<nlohmann::json> tree = ParseSql(db, select);
    if (!tree) return files;
    for (const nlohmann::json* table : TablesOf(*tree)) {
      const nlohmann::json& arguments = table->at("function").at("children");
      const std::string function = FunctionOf(*table);
      if (arguments.empty() || !(function.starts_with("read_") || function == "parquet_scan")) {
        continue;
      }
      Result<std::vector<std::string>> found = FilesOf(db, arguments.at(0));
      if (found) std::ranges::move(*found, std::back_inserter(files));
    }
  } catch (const std::exception&) {
    // Another DuckDB may give another tree.
  }
  return files;
}

}  // namespace

InputFiles::~InputFiles() {
  stop_ = true;
  if (check_.valid()) check_.wait();
}

bool InputFiles::Look(const fs::path& path, Stamp& stamp) {
  struct stat stat{};
  if (::stat(path.c_str(), &stat) != 0 || !S_ISREG(stat.st_mode)) return false;
  stamp = {.size = static_cast<uint64_t>(stat.st_size),
           .inode = stat.st_ino,
           .device = stat.st_dev,
           .modified_ns = stat.st_mtim.tv_sec * int64_t{1'000'000'000} + stat.st_mtim.tv_nsec};
  return true;
}

void InputFiles::Add(Database& db, Table table, const std::string& select) {
  for (const std::string& path : FilesOf(db, select)) {
    File file = {.path = path, .table = table, .stamp = {}};
    if (known_.insert(path).second && Look(file.path, file.stamp))
      files_.push_back(std::move(file));
  }
}

void InputFiles::BeginCheck() {
  check_ = std::async(std::launch::async, [this]() -> Status {
    const auto stop = [this] { return stop_ || progress_.stop_requested(); };
    for (const File& file : files_) {
      Status whole = CheckCompressed(file.path, stop);
      if (whole) continue;
      return WithContext(std::move(whole).error(),
                         fmt::format("[import] {}: nothing was published", TableName(file.table)));
    }
    return Ok();
  });
}

Status InputFiles::CheckUnchanged(const File& file) const {
  Stamp now;
  const bool there = Look(file.path, now);
  if (there && now == file.stamp) return Ok();
  const bool same = there && now.inode == file.stamp.inode && now.device == file.stamp.device;
  if (same && now.size > file.stamp.size) {
    progress_.Note(
        fmt::format("warning: {}: {} grew from {} to {} bytes while it was read; import "
                    "the rest later with --append",
                    TableName(file.table), file.path.string(), file.stamp.size, now.size));
    return Ok();
  }
  return Aborted(
      "[import] {}: {} changed while it was read ({}); nothing was published. Import it again once "
      "whatever writes it is done",
      TableName(file.table), file.path.string(),
      !there  ? "it is gone"
      : !same ? "another file has its name"
              : fmt::format("it had {} bytes, and has {}", file.stamp.size, now.size));
}

Status InputFiles::Finish() {
  if (!check_.valid()) BeginCheck();
  UPNEXT_RETURN_IF_ERROR(check_.get());
  for (const File& file : files_) UPNEXT_RETURN_IF_ERROR(CheckUnchanged(file));
  return Ok();
}

}  // namespace upnext::import
