#include "import/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <utility>

#include "import/test_import.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Does something once the events have been read.
class AfterReading : public base::Progress {
 public:
  explicit AfterReading(std::function<void()> act) : act_(std::move(act)) {}
  void Begin(std::string_view stage, std::string_view, uint64_t) override {
    reading_ = stage == "read events";
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {
    if (std::exchange(reading_, false)) act_();
  }
  void Note(std::string_view line) override { notes += std::string(line) + "\n"; }
  std::string notes;

 private:
  std::function<void()> act_;
  bool reading_ = false;
};

class InputFilesTest : public ImportTest {
 protected:
  static constexpr std::string_view kCsv = "user,item,time,type\nu,i,1,click\nu,j,2,click\n";

  // Writes rows to a file, cut so that DuckDB sees whole lines: it loses the end of the last block.
  void WriteCut(const std::string& name, std::string_view format, size_t cut) {
    Database db = Database::Open({}).value();
    const std::filesystem::path path = folder_ / name;
    ASSERT_TRUE(db.Run(fmt::format(
        "COPY (SELECT 'u' || range % 9 AS \"user\", 'i' || range % 7 AS item, range AS time, "
        "'click' AS type FROM range(5000)) TO {} ({})",
        QuoteSql(path.string()), format)));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - cut);
  }
  Result<ImportReport> ImportWhile(std::string_view name, std::function<void()> act) {
    AfterReading progress(std::move(act));
    const Result<ImportReport> report = Import(
        {.events_sql = fmt::format("FROM read_csv('{{data}}/{}')", name), .data = folder_.path()},
        log_root(), progress);
    notes_ = progress.notes;
    return report;
  }
  std::string notes_;
};

TEST_F(InputFilesTest, ACompressedFileThatIsCutShortIsRefusedByName) {
  WriteCut("e.csv.gz", "FORMAT csv, HEADER, COMPRESSION gzip", 8);
  WriteCut("e.json.gz", "FORMAT json, COMPRESSION gzip", 8);
  WriteCut("half.csv.gz", "FORMAT csv, HEADER, COMPRESSION gzip", 3000);
  WriteCut("half.csv.zst", "FORMAT csv, HEADER, COMPRESSION zstd", 3000);
  Write("items.csv", "item\ni\n");
  for (const auto& [name, from] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"e.csv.gz", "read_csv('{data}/e.csv.gz')"},
           {"e.csv.gz", "read_csv('{data}' || '/e*.csv.gz')"},
           {"e.csv.gz", "'{data}/e.csv.gz'"},
           {"e.csv.gz", "read_csv(['{data}/e.csv.gz'])"},
           {"e.json.gz", "read_json('{data}/e.json.gz')"},
           {"half.csv.gz", "read_csv('{data}/half.csv.gz', store_rejects = true)"},
           {"half.csv.gz", "read_csv('{data}/half.csv.gz')"},
           {"half.csv.zst", "read_csv('{data}/half.csv.zst', ignore_errors = true)"}}) {
    const Error error = Refused({.events_sql = fmt::format("FROM {}", from)});
    EXPECT_EQ(error.code, Code::kDataLoss) << from;
    EXPECT_THAT(error.message, AllOf(HasSubstr("[import] events: nothing was published"),
                                     HasSubstr((folder_ / name).string() + " is cut short")))
        << from;
  }
  const Error error = Refused(
      {.events_sql = std::string(kRows),
       .items_sql =
           "SELECT DISTINCT e.item FROM '{data}/e.csv.gz' e JOIN '{data}/items.csv' USING (item)"});
  EXPECT_THAT(error.message, HasSubstr("[import] items: nothing was published"));
}

TEST_F(InputFilesTest, AParquetFileWithoutItsEndIsRefusedByName) {
  WriteCut("e.parquet", "FORMAT parquet", 5);
  for (const std::string_view from : {"'{data}/e.parquet'", "read_parquet('{data}/*.parquet')"}) {
    EXPECT_THAT(Refused({.events_sql = fmt::format("FROM {}", from)}).message,
                AllOf(HasSubstr("e.parquet"), HasSubstr("magic bytes")));
  }
}

TEST_F(InputFilesTest, AFileThatShrinksGoesOrIsReplacedWhileItIsReadIsRefused) {
  const std::filesystem::path path = folder_ / "e.csv";
  const std::vector<std::pair<std::function<void()>, std::string_view>> changes = {
      {[&] { std::filesystem::resize_file(path, 30); }, "bytes, and has 30"},
      {[&] { std::filesystem::remove(path); }, "it is gone"},
      {[&] { Write("e.csv", std::string(kCsv) + "u,k,3,click\n"); }, "another file has its name"}};
  for (const auto& [act, why] : changes) {
    Write("e.csv", kCsv);
    const auto report = ImportWhile("e.csv", act);
    ASSERT_FALSE(report) << why;
    EXPECT_EQ(report.error().code, Code::kAborted);
    EXPECT_THAT(report.error().message, AllOf(HasSubstr(path.string()), HasSubstr(std::string(why)),
                                              HasSubstr("nothing was published")));
    EXPECT_THAT(base::VersionedRoot(log_root()).Versions().value(), IsEmpty());
  }
}

TEST_F(InputFilesTest, AFileThatGrowsIsImportedWithAWarning) {
  Write("e.csv", kCsv);
  const auto report = ImportWhile(
      "e.csv", [&] { std::ofstream(folder_ / "e.csv", std::ios::app) << "u,k,3,click\n"; });
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->events, 2u);
  EXPECT_THAT(notes_, AllOf(HasSubstr("e.csv grew from"), HasSubstr("--append")));
}

}  // namespace
}  // namespace upnext::import
