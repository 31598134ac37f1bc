#include "cli/inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/status.h"
#include "base/test_folder.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

class InboxTest : public testing::Test {
 protected:
  InboxTest() { EXPECT_TRUE(inbox_.Prepare()); }
  void Drop(const std::string& name, const std::string& text = "rows") {
    fs::create_directories((folder_ / name).parent_path());
    EXPECT_TRUE(base::WriteFileAtomic(folder_ / name, text));
  }
  std::string Next() {
    const auto next = inbox_.Next();
    EXPECT_TRUE(next) << next.error().message;
    return next->value_or("");
  }
  base::TestFolder folder_;
  const Inbox inbox_{folder_.path()};
};

TEST_F(InboxTest, ComesInTheOrderOfNamesWithoutHiddenOnesAndResults) {
  EXPECT_EQ(Next(), "");
  Drop("day2/e.csv");
  Drop("day1.csv");
  Drop(".day0.csv");
  Drop("done/old.csv");
  EXPECT_EQ(Next(), "day1.csv");
}

// The folder of `-c site.toml`, started where the file lies, has no name.
TEST_F(InboxTest, ThePlaceOfTheProjectMayBeTheWorkingFolder) {
  const std::vector<fs::path> kept = {"", "log"};
  EXPECT_TRUE(CheckInbox("incoming", kept));
  EXPECT_FALSE(CheckInbox(".", kept));
  EXPECT_FALSE(CheckInbox("", kept));
}

TEST_F(InboxTest, ASubFolderIsImportedWhereItLies) {
  Drop("day2/e.csv");
  const auto data = inbox_.Take("day2");
  ASSERT_TRUE(data);
  EXPECT_EQ(*data, folder_ / "day2");
  const auto at = inbox_.Finish("day2", "done");
  ASSERT_TRUE(at);
  EXPECT_TRUE(fs::exists(folder_ / "done/day2/e.csv"));
  EXPECT_EQ(Next(), "");
}

TEST_F(InboxTest, AFileIsAloneInTheFolderOfItsImport) {
  Drop("e.csv");
  Drop("f.csv");
  const auto data = inbox_.Take("e.csv");
  ASSERT_TRUE(data);
  EXPECT_TRUE(fs::exists(*data / "e.csv"));
  EXPECT_FALSE(fs::exists(*data / "f.csv"));
  ASSERT_TRUE(inbox_.Finish("e.csv", "failed"));
  EXPECT_TRUE(fs::exists(folder_ / "failed/e.csv"));
  EXPECT_EQ(Next(), "f.csv");
}

TEST_F(InboxTest, ANameThatIsTakenGetsANumber) {
  for (const char* text : {"first", "second", "third"}) {
    Drop("e.csv", text);
    ASSERT_TRUE(inbox_.Take("e.csv"));
    ASSERT_TRUE(inbox_.Finish("e.csv", "done"));
  }
  EXPECT_EQ(base::ReadFile(folder_ / "done/e.csv").value(), "first");
  EXPECT_EQ(base::ReadFile(folder_ / "done/e.csv.2").value(), "second");
  EXPECT_EQ(base::ReadFile(folder_ / "done/e.csv.3").value(), "third");
}

TEST_F(InboxTest, WhatWasBegunComesBack) {
  Drop("e.csv");
  ASSERT_TRUE(inbox_.Take("e.csv"));
  EXPECT_EQ(Next(), "");
  ASSERT_TRUE(inbox_.Return("e.csv"));
  EXPECT_EQ(Next(), "e.csv");
  ASSERT_TRUE(inbox_.Take("e.csv"));
  ASSERT_TRUE(Inbox(folder_.path()).Prepare()) << "as after a crash";
  EXPECT_EQ(Next(), "e.csv");
}

TEST_F(InboxTest, AFolderThatIsGoneIsAnError) {
  fs::remove_all(folder_.path());
  const auto next = inbox_.Next();
  ASSERT_FALSE(next);
  EXPECT_THAT(next.error().message, testing::HasSubstr(folder_.path().string()));
}

TEST(CheckInbox, RefusesAFolderFromWhichOtherFilesWouldBeMoved) {
  const base::TestFolder folder;
  const fs::path kept[] = {folder / "site/data"};
  for (const fs::path& inbox : {fs::path("/"), folder.path(), folder / "site", folder / "site/data",
                                folder / "site/data/../data/."}) {
    const Status refused = CheckInbox(inbox, kept);
    ASSERT_FALSE(refused) << inbox;
    EXPECT_THAT(refused.error().message, testing::HasSubstr("[run] inbox: "));
    EXPECT_THAT(refused.error().message, testing::HasSubstr((folder / "site/data").string()));
  }
  EXPECT_TRUE(CheckInbox(folder / "site/data/incoming", kept));
  EXPECT_TRUE(CheckInbox(folder / "site/data2", kept));
}

}  // namespace
}  // namespace upnext::cli
