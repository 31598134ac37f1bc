#include "log/forget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "log/append.h"
#include "log/test_log_text.h"
#include "schema/raw_event.h"

namespace upnext::log {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
namespace fs = std::filesystem;

constexpr char kGone[] = "somebody@example.org";

class ForgetTest : public ::testing::Test {
 protected:
  ForgetTest() : root_(folder_ / "log") {
    Publish(std::vector<schema::RawEvent>{Click("ann", 10), Click(kGone, 20),
                                          Search("ann", "tea", 5), Search(kGone, "tea", 6),
                                          Search(kGone, "my own words", 7)});
    Publish(std::vector<schema::RawEvent>{Click(kGone, 30), Click("bob", 40), Click("ann", 50)});
  }
  static schema::RawEvent Click(std::string user, int64_t time_ms) {
    return {.user = std::move(user),
            .item = "i",
            .time_ms = time_ms,
            .type = schema::EventType::kClick};
  }
  static schema::RawEvent Search(std::string user, std::string query, int64_t time_ms) {
    return {.user = std::move(user),
            .time_ms = time_ms,
            .type = schema::EventType::kSearch,
            .query = std::move(query)};
  }
  // The next version: the events joined to the current one.
  void Publish(const std::vector<schema::RawEvent>& events) {
    const fs::path staged = root_.Begin().value();
    const std::vector<schema::RawUser> users = {{.user = kGone, .region = "nowhere", .age = 33}};
    const auto current = root_.Current();
    const Status written =
        current
            ? WriteAppendedLog(staged, EventLog::Open(root_.Path(*current)).value(), events, {}, {})
            : WriteEventLog(staged, events, {}, users, 2);
    ASSERT_TRUE(written) << written.error().message;
    const std::string version = root_.Publish(staged).value();
    ASSERT_TRUE(root_.SetCurrent(version));
  }
  EventLog Version(std::string_view version) const {
    return EventLog::Open(root_.Path(version)).value();
  }
  ForgetReport Forget(const WhomToForget& who) {
    const auto report = ForgetUsers(root_, who, base::NoProgress());
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(ForgetReport{});
  }
  // The files below the root that have these bytes.
  std::vector<std::string> FilesWith(std::string_view bytes) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      const std::string content = base::ReadFile(entry.path()).value();
      if (content.find(bytes) != std::string::npos) found.push_back(entry.path().string());
    }
    return found;
  }
  static Deletions Deleted(uint64_t store, uint64_t sequence, std::string_view user) {
    return {.store = store, .last = sequence, .users = {{base::Fingerprint(user), sequence}}};
  }

  base::TestFolder folder_;
  base::VersionedRoot root_;
};

TEST_F(ForgetTest, NoVersionHasTheUserAndAllElseStays) {
  ASSERT_FALSE(FilesWith(kGone).empty());
  const EventLog before = Version("v000002");
  const uint32_t number = before.dictionary(schema::IdSpace::kUser).Find(kGone);
  const ForgetReport report = Forget({.users = {kGone}, .deletions = {}});
  EXPECT_EQ(report.versions, 2u);
  EXPECT_EQ(report.events, 4u);
  EXPECT_TRUE(FilesWith(kGone).empty()) << testing::PrintToString(FilesWith(kGone));
  EXPECT_TRUE(FilesWith("my own words").empty()) << "a search that nobody else made";
  for (const char* version : {"v000001", "v000002"}) {
    const EventLog log = Version(version);
    EXPECT_EQ(log.dictionary(schema::IdSpace::kUser).name(number), "");
    EXPECT_EQ(log.dictionary(schema::IdSpace::kUser).Find(""), schema::kNone);
    EXPECT_EQ(log.begin(number), log.end(number));
    EXPECT_TRUE(std::isnan(log.user(number).age));
  }
  const EventLog after = Version("v000002");
  EXPECT_EQ(TextOf(after, "ann"), TextOf(before, "ann"));
  EXPECT_EQ(TextOf(after, "bob"), TextOf(before, "bob"));
  EXPECT_EQ(after.events(), before.events() - 4);
  EXPECT_EQ(after.dictionary(schema::IdSpace::kUser).Find("bob"),
            before.dictionary(schema::IdSpace::kUser).Find("bob"));
  EXPECT_THAT(after.lineage(), Contains(before.digest())) << "bundles of before remain valid";
  EXPECT_EQ(root_.Current().value(), "v000002");
}

TEST_F(ForgetTest, AUserWhoComesBackIsANewOne) {
  const uint32_t number = Version("v000002").dictionary(schema::IdSpace::kUser).Find(kGone);
  Forget({.users = {kGone}, .deletions = {}});
  Publish({Click(kGone, 60)});
  const EventLog log = Version("v000003");
  EXPECT_THAT(TextOf(log, kGone), ElementsAre("60 click i"));
  EXPECT_NE(log.dictionary(schema::IdSpace::kUser).Find(kGone), number);
}

TEST_F(ForgetTest, AnOldVersionThatCannotBeReadIsRemoved) {
  std::filesystem::resize_file(root_.Path("v000001") / "users.upn", 100);
  EXPECT_EQ(Forget({.users = {kGone}, .deletions = {}}).versions, 1u);
  EXPECT_FALSE(fs::exists(root_.Path("v000001")));
  EXPECT_TRUE(FilesWith(kGone).empty());
  // The current one is replaced by the next import.
  std::filesystem::resize_file(root_.Path("v000002") / "users.upn", 100);
  EXPECT_EQ(Forget({.users = {"ann"}, .deletions = {}}).versions, 0u);
  EXPECT_EQ(root_.Current().value(), "v000002");
}

TEST_F(ForgetTest, NobodyToForgetWritesNothing) {
  EXPECT_EQ(Forget({.users = {"stranger"}, .deletions = {}}).versions, 0u);
  EXPECT_EQ(Forget({.users = {}, .deletions = Deleted(7, 5, "stranger")}).versions, 0u);
}

TEST_F(ForgetTest, ADeletionAppliesToLogsThatDoNotHaveItBehindThem) {
  const Deletions deletions = Deleted(7, 5, kGone);
  EXPECT_EQ(Forget({.users = {}, .deletions = deletions}).versions, 2u);
  EXPECT_EQ(Version("v000002").posted(), (PostedMark{.store = 7, .through = 0, .forgotten = 5}));
  Publish({Click(kGone, 60)});
  EXPECT_EQ(Forget({.users = {}, .deletions = deletions}).versions, 0u)
      << "who came back after the deletion is not forgotten by it again";
  EXPECT_EQ(Forget({.users = {}, .deletions = Deleted(7, 9, kGone)}).versions, 1u);
  EXPECT_TRUE(FilesWith(kGone).empty());
}

}  // namespace
}  // namespace upnext::log
