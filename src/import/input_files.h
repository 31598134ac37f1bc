// The files that the SELECTs of an import read, and whether they are whole when they have been read:
// no compressed one is cut short, and none changed meanwhile.
//
//   InputFiles files(progress);
//   files.Add(db, Table::kEvents, select);          before it is read
//   files.BeginCheck();                             in a thread of its own, beside reading
//   UPNEXT_RETURN_IF_ERROR(files.Finish());         afterwards, or when reading fails
//
// Only the import includes it. One thread at a time.
#ifndef UPNEXT_IMPORT_INPUT_FILES_H_
#define UPNEXT_IMPORT_INPUT_FILES_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "import/columns.h"
#include "import/duckdb.h"

namespace upnext::import {

class InputFiles {
 public:
  explicit InputFiles(base::Progress& progress) : progress_(progress) {}
  InputFiles(const InputFiles&) = delete;
  InputFiles& operator=(const InputFiles&) = delete;
  ~InputFiles();  // stops the check

  // Finds the files that the functions of the SELECT name (read_csv, read_json, read_parquet ...);
  // those that it computes from rows are unknown.
  void Add(Database& db, Table table, const std::string& select);
  void BeginCheck();
  // Waits for the check, which it begins if need be. kDataLoss names a file that is cut short or damaged, kAborted one that has
  // shrunk, was replaced or removed since Add(). One that has grown is named in a note.
  Status Finish();

 private:
  struct Stamp {
    uint64_t size = 0, inode = 0, device = 0;
    int64_t modified_ns = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct File {
    std::filesystem::path path;
    Table table;
    Stamp stamp;
  };
  static bool Look(const std::filesystem::path& path, Stamp& stamp);
  Status CheckUnchanged(const File& file) const;

  base::Progress& progress_;
  std::vector<File> files_;
  std::set<std::string> known_;  // their paths
  std::atomic<bool> stop_ = false;
  std::future<Status> check_;
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_INPUT_FILES_H_
