#include "project/forget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "log/dictionary.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::project {
namespace {

using ::testing::HasSubstr;

// A project with a log and a store that have events of `ann` and `bob`.
class ForgetTest : public testing::Test {
 protected:
  ForgetTest() {
    EXPECT_TRUE(base::WriteFileAtomic(folder_ / "shop.toml", ""));
    project_ = std::make_unique<Project>(
        Project::Load({.config = (folder_ / "shop.toml").string()}).value());
    const auto staged = project_->logs().Begin().value();
    EXPECT_TRUE(log::WriteEventLog(staged, std::vector{Click("ann"), Click("bob")}, {}, {}));
    EXPECT_TRUE(project_->logs().SetCurrent(project_->logs().Publish(staged).value()));
    const auto store = project_->OpenStore().value();
    for (const char* user : {"ann", "bob"}) {
      const schema::RawEvent event = Click(user);
      EXPECT_TRUE(store->Commit({.events = {{&event, ""}}, .states = {}}));
    }
  }
  static schema::RawEvent Click(std::string user) {
    return {.user = std::move(user), .item = "i", .time_ms = 7, .type = schema::EventType::kClick};
  }
  bool LogHas(std::string_view user) const {
    return project_->OpenLog()->dictionary(schema::IdSpace::kUser).Find(user) != schema::kNone;
  }
  static std::vector<std::string> StoredUsers(const store::Store& store) {
    std::vector<std::string> users;
    EXPECT_TRUE(store.AllEvents([&](const schema::RawEvent& e) { users.push_back(e.user); }));
    return users;
  }

  const schema::RawEvent posted_ = Click("posts-only");
  base::TestFolder folder_;
  std::unique_ptr<Project> project_;
};

TEST_F(ForgetTest, LogStoreAndTracesLoseTheUser) {
  const auto rejects = project_->logs().root() / "rejects.csv";
  ASSERT_TRUE(base::WriteFileAtomic(rejects, "events,,,1,no time,ann"));
  ASSERT_TRUE(base::MakeDirectories(project_->checkpoints()));
  const auto done = ForgetUsers(*project_, std::vector<std::string>{"ann"}, base::NoProgress());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->log_versions, 1u);
  EXPECT_EQ(done->log_events, 1u);
  EXPECT_FALSE(LogHas("ann"));
  EXPECT_TRUE(LogHas("bob"));
  EXPECT_THAT(StoredUsers(**project_->OpenStore()), testing::ElementsAre("bob"));
  EXPECT_FALSE(std::filesystem::exists(rejects));
  EXPECT_FALSE(std::filesystem::exists(project_->checkpoints()));
}

TEST_F(ForgetTest, UsersOfWhomNothingWasThereAreNamed) {
  ASSERT_TRUE((*project_->OpenStore())->Commit({.events = {{&posted_, ""}}, .states = {}}));
  const std::vector<std::string> users = {"ann", "zoe", "posts-only"};
  const auto done = ForgetUsers(*project_, users, base::NoProgress());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->unknown, testing::ElementsAre("zoe"));
  EXPECT_THAT(ForgetUsers(*project_, users, base::NoProgress())->unknown,
              testing::UnorderedElementsAreArray(users));
}

TEST_F(ForgetTest, WhileAServerHasTheStoreItNamesTheOtherWayAndChangesNothing) {
  const auto store = project_->OpenStore().value();
  const auto done = ForgetUsers(*project_, std::vector<std::string>{"ann"}, base::NoProgress());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(done.error().message, HasSubstr("DELETE /v1/users/USER"));
  EXPECT_TRUE(LogHas("ann"));
  EXPECT_EQ(StoredUsers(*store).size(), 2u);
}

TEST_F(ForgetTest, WhoWasDeletedFromAnOpenStoreLeavesTheLogOnce) {
  const auto store = project_->OpenStore().value();
  EXPECT_EQ(ForgetDeleted(*project_, base::NoProgress())->log_versions, 0u);
  std::vector<std::string> words;
  ASSERT_TRUE(store->Forget("ann", &words));
  const auto done = ForgetDeleted(*project_, base::NoProgress());
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->log_versions, 1u);
  EXPECT_EQ(done->deletions.store, store->id());
  EXPECT_EQ(done->deletions.forgotten, 3u);
  EXPECT_FALSE(LogHas("ann"));
  EXPECT_EQ(ForgetDeleted(*project_, base::NoProgress())->log_versions, 0u);
}

}  // namespace
}  // namespace upnext::project
