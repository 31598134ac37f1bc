// What the tests of the import share: a folder, a run, and what it published or refused. For tests
// only.
#ifndef UPNEXT_IMPORT_TEST_IMPORT_H_
#define UPNEXT_IMPORT_TEST_IMPORT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "import/duckdb.h"
#include "import/import.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::import {

class ImportTest : public ::testing::Test {
 protected:
  std::filesystem::path log_root() const { return folder_ / "log"; }
  void Write(std::string_view name, std::string_view text) {
    ASSERT_TRUE(base::WriteFileAtomic(folder_ / name, text));
  }
  Result<ImportReport> Run(ImportOptions options) {
    options.data = folder_.path();
    return Import(options, log_root(), base::NoProgress());
  }
  log::EventLog RunAndOpen(const ImportOptions& options) {
    const Result<ImportReport> report = Run(options);
    if (!report) {
      ADD_FAILURE() << report.error().message;
      throw std::runtime_error("no log");
    }
    report_ = *report;
    EXPECT_EQ(base::VersionedRoot(log_root()).Current().value(), report->version);
    return log::EventLog::Open(log_root() / report->version).value();
  }
  // The SELECT fails to import; returns why, having seen that nothing was published.
  Error Refused(const ImportOptions& options) {
    const auto before = base::VersionedRoot(log_root()).Versions().value();
    const Result<ImportReport> report = Run(options);
    EXPECT_FALSE(report);
    EXPECT_EQ(base::VersionedRoot(log_root()).Versions().value(), before);
    if (std::filesystem::exists(log_root())) {
      for (const auto& entry : std::filesystem::directory_iterator(log_root())) {
        EXPECT_THAT(entry.path().filename().string(), ::testing::Not(::testing::HasSubstr(".new")))
            << "leftover";
      }
    }
    return report ? Error{} : report.error();
  }
  std::string Rejects() { return base::ReadFile(log_root() / "rejects.csv").value(); }

  base::TestFolder folder_;
  ImportReport report_;
};

// What an event looks like from outside, for comparisons: user item ms type value.
inline std::vector<std::string> Lines(const log::EventLog& log) {
  std::vector<std::string> lines;
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      const schema::Event event = log.event(row);
      lines.push_back(fmt::format(
          "{} {} {} {} {}", log.dictionary(schema::IdSpace::kUser).name(user),
          event.item == schema::kNone ? "-"
                                      : log.dictionary(schema::IdSpace::kItem).name(event.item),
          event.time_ms, schema::EventTypeName(event.type), event.value));
    }
  }
  return lines;
}

inline constexpr std::string_view kRows =
    "SELECT * FROM (VALUES ('u2', 'a', 7.5, 'click', NULL), ('u1', 'b', 3, 'Watch', 12.25), "
    "('u1', 'a', 1, 'IMPRESSION', NULL)) t(\"user\", item, time, type, value)";

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_TEST_IMPORT_H_
