// `upnext import --append`: the import's own SELECTs over new files join the current log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/versioned_root.h"
#include "import/test_import.h"
#include "log/compact.h"
#include "log/test_log_text.h"

namespace upnext::import {
namespace {

using ::testing::_;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What was reported to a Progress.
class Notes : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { text += std::string(line) + "\n"; }
  std::string text;
};

class ImportAppendTest : public ImportTest {
 protected:
  static constexpr std::string_view kHeader = "user,item,time,type,value\n";
  // A folder of files for each day, as {data} stands for it.
  void WriteDay(const std::string& day, std::string_view events, std::string_view items = "") {
    std::filesystem::create_directories(folder_ / day);
    Write(day + "/events.csv", std::string(kHeader) + std::string(events));
    Write(day + "/items.csv", "item,channel,title,removed\n" + std::string(items));
  }
  Result<ImportReport> ImportDay(const std::string& day, bool append, uint32_t shards = 1) {
    notes_.text.clear();
    ImportOptions options = {
        .events_sql =
            "FROM read_csv('{data}/events.csv', types = {'user': 'VARCHAR', 'item': "
            "'VARCHAR', 'value': 'FLOAT'})",
        .items_sql = "FROM read_csv('{data}/items.csv', all_varchar = true)",
        .data = folder_ / day,
        .shards = shards,
        .append = append};
    return Import(options, log_root(), notes_);
  }
  log::EventLog Current() const {
    const base::VersionedRoot root(log_root());
    return log::EventLog::Open(root.Path(root.Current().value())).value();
  }
  Notes notes_;
};

TEST_F(ImportAppendTest, NewDaysJoinTheOld) {
  WriteDay("monday", "b,y,100,click,\na,x,200,watch,12\n", "x,c1,Old,false\ny,c1,Kept,true\n");
  WriteDay("tuesday", "a,z,300,click,\na,x,50,like,\nc,x,250,click,\n",
           "x,c2,New,\nz,c1,Third,false\n");
  ASSERT_TRUE(ImportDay("monday", false, 2));
  const log::EventLog monday = Current();
  const auto report = ImportDay("tuesday", true);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->appended);
  EXPECT_EQ(report->version, "v000002");
  EXPECT_EQ(report->events, 3u);
  EXPECT_EQ(report->late, 1u);
  EXPECT_EQ(report->duplicates, 0u);
  EXPECT_EQ(report->log_events, 5u);
  EXPECT_EQ(report->log_users, 3u);
  EXPECT_EQ(report->log_items, 3u);
  const log::EventLog log = Current();
  EXPECT_EQ(log.segments().size(), 2u);
  EXPECT_EQ(log.shards(), 2u);
  EXPECT_THAT(TextOf(log), ElementsAre("a 50000 like x", "a 200000 watch x value 12",
                                       "a 300000 click z", "b 100000 click y", "c 250000 click x"));
  EXPECT_THAT(ItemsOf(log),
              ElementsAre(HasSubstr("x created - duration nan channel c2 language - removed 0 "
                                    "title New"),
                          HasSubstr("channel c1 language - removed 1 title Kept"),
                          HasSubstr("channel c1 language - removed 0 title Third")));
  EXPECT_THAT(log.lineage(), ElementsAre(monday.digest(), log.digest()));

  const log::CompactReport compacted = log::Compact(log_root(), base::NoProgress()).value();
  EXPECT_EQ(compacted.version, "v000003");
  EXPECT_EQ(RowsOf(Current()), RowsOf(log));
  EXPECT_EQ(Current().digest(), log.digest());
}

TEST_F(ImportAppendTest, TheSameDayTwiceChangesNothing) {
  WriteDay("monday", "a,x,100,click,\na,x,100,click,\na,y,100,watch,3\n", "x,c,Title,false\n");
  const auto first = ImportDay("monday", false);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->events, 3u);
  EXPECT_EQ(first->duplicates, 1u);
  EXPECT_EQ(first->log_events, 2u);
  const auto again = ImportDay("monday", true);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->duplicates, 3u);
  EXPECT_EQ(again->version, "v000001");
  EXPECT_THAT(notes_.text, HasSubstr("nothing new"));
  EXPECT_THAT(base::VersionedRoot(log_root()).Versions().value(), ElementsAre("v000001"));
  EXPECT_EQ(Current().events(), 2u);
}

TEST_F(ImportAppendTest, AnItemThatComesBackIsNoLongerRemoved) {
  WriteDay("monday", "a,x,100,click,\n", "x,,,true\n");
  WriteDay("tuesday", "a,x,200,click,\n", "x,,,false\n");
  ASSERT_TRUE(ImportDay("monday", false));
  EXPECT_TRUE(Current().item(0).removed);
  ASSERT_TRUE(ImportDay("tuesday", true));
  EXPECT_FALSE(Current().item(0).removed);
}

TEST_F(ImportAppendTest, ADayThatBringsEventsAloneIsAppended) {
  WriteDay("monday", "a,x,100,click,\n", "x,c1,Title,true\n");
  WriteDay("tuesday", "a,y,200,click,\n");
  std::filesystem::remove(folder_ / "tuesday/items.csv");
  const auto first = ImportDay("tuesday", true);
  ASSERT_FALSE(first) << "there is no log yet whose items could stay";
  EXPECT_EQ(first.error().code, Code::kNotFound);
  ASSERT_TRUE(ImportDay("monday", false));
  const auto report = ImportDay("tuesday", true);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_THAT(notes_.text, AllOf(HasSubstr("items: no file to append"), HasSubstr("items.csv")));
  EXPECT_THAT(TextOf(Current()), ElementsAre("a 100000 click x", "a 200000 click y"));
  EXPECT_THAT(ItemsOf(Current()),
              ElementsAre(HasSubstr("channel c1 language - removed 1 title Title"), _));
  EXPECT_FALSE(ImportDay("tuesday", false));
  std::filesystem::remove(folder_ / "tuesday/events.csv");
  EXPECT_EQ(ImportDay("tuesday", true).error().code, Code::kNotFound);
}

TEST_F(ImportAppendTest, ADayThatBringsItemsAloneIsAppended) {
  WriteDay("monday", "a,x,100,click,\n", "x,c1,Title,false\n");
  ASSERT_TRUE(ImportDay("monday", false));
  for (const bool has_file : {true, false}) {
    WriteDay("tuesday", "", has_file ? "x,c2,New,false\n" : "x,c3,Newer,true\ny,c1,Other,false\n");
    if (!has_file) std::filesystem::remove(folder_ / "tuesday/events.csv");
    const auto report = ImportDay("tuesday", true);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->events, 0u);
    EXPECT_THAT(TextOf(Current()), ElementsAre("a 100000 click x"));
    EXPECT_THAT(ItemsOf(Current())[0], HasSubstr(has_file ? "title New" : "title Newer"));
  }
  EXPECT_THAT(notes_.text, HasSubstr("events: no file to append"));
  EXPECT_EQ(Current().items(), 2u);
  WriteDay("tuesday", "", "");
  const auto nothing = ImportDay("tuesday", true);
  ASSERT_FALSE(nothing);
  EXPECT_THAT(nothing.error().message, HasSubstr("gives no row"));
}

TEST_F(ImportAppendTest, WithoutALogItBeginsOne) {
  WriteDay("monday", "a,x,100,click,\n");
  const auto report = ImportDay("monday", true);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->appended);
  EXPECT_EQ(report->version, "v000001");
  EXPECT_THAT(notes_.text, HasSubstr("no log to append to yet"));
}

TEST_F(ImportAppendTest, BadRowsLeaveTheLogAsItWas) {
  WriteDay("monday", "a,x,100,click,\n");
  WriteDay("tuesday", "a,x,200,clack,\n");
  ASSERT_TRUE(ImportDay("monday", false));
  const auto report = ImportDay("tuesday", true);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("nothing was published"));
  EXPECT_THAT(base::VersionedRoot(log_root()).Versions().value(), ElementsAre("v000001"));
  EXPECT_THAT(Rejects(), HasSubstr("clack"));
}

}  // namespace
}  // namespace upnext::import
