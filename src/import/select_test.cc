#include "import/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/test_import.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// The names of the stages that an import begins.
class Stages : public base::Progress {
 public:
  void Begin(std::string_view stage, std::string_view, uint64_t) override {
    begun.emplace_back(stage);
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  std::vector<std::string> begun;
};

TEST_F(ImportTest, ChecksAllThreeSelectsBeforeItReadsAnEvent) {
  for (const std::string_view wrong : {"SELECT itm FROM (SELECT 1 AS item)", "SELECT 1 AS thing"}) {
    for (const bool items : {true, false}) {
      Stages stages;
      ImportOptions options = {.events_sql = std::string(kRows)};
      (items ? options.items_sql : options.users_sql) = wrong;
      const auto report = Import(options, log_root(), stages);
      ASSERT_FALSE(report);
      EXPECT_THAT(report.error().message, HasSubstr(items ? "[import] items" : "[import] users"));
      EXPECT_THAT(stages.begun, IsEmpty());
    }
  }
}

TEST_F(ImportTest, SourcesOnOtherMachinesAreOffUnlessTheProjectFileAllowsThem) {
  for (const std::string_view from :
       {"read_csv('s3://bucket/events.csv')", "'https://example.org/events.parquet'",
        "postgres_scan('host=db', 'public', 'events')", "sqlite_scan('a.db', 'events')"}) {
    const Error error = Refused({.events_sql = fmt::format("SELECT * FROM {}", from)});
    EXPECT_EQ(error.code, Code::kFailedPrecondition) << from;
    EXPECT_THAT(error.message,
                AllOf(HasSubstr("[import] events"), HasSubstr("allow_remote = true"),
                      HasSubstr("Copy the data to files"), Not(HasSubstr("INSTALL"))))
        << from;
  }
}

}  // namespace
}  // namespace upnext::import
