#include "project/backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::project {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A project with a log, keys, and a store that is open and takes events.
class BackupTest : public testing::Test {
 protected:
  BackupTest() {
    const std::string file = (folder_ / "shop.toml").string();
    EXPECT_TRUE(base::WriteFileAtomic(file, "[retrieval]\ndim = 8\n"));
    project_ = std::make_unique<Project>(Project::Load({.config = file}).value());
    const auto staged = project_->logs().Begin().value();
    EXPECT_TRUE(log::WriteEventLog(staged, std::vector{ClickOf("ann")}, {}, {}));
    EXPECT_TRUE(project_->logs().SetCurrent(project_->logs().Publish(staged).value()));
    EXPECT_TRUE(base::WriteFileAtomic(project_->keys(), "{}"));
    store_ = project_->OpenStore().value();
    PostEvent("bob");
  }
  static schema::RawEvent ClickOf(std::string user) {
    return {.user = std::move(user), .item = "i", .time_ms = 7, .type = schema::EventType::kClick};
  }
  void PostEvent(const std::string& user) {
    const schema::RawEvent event = ClickOf(user);
    EXPECT_TRUE(store_->Commit({.events = {{&event, ""}}, .states = {}}));
  }
  Result<BackupDone> BackUpTo(const fs::path& to) {
    return WriteBackup(*project_, folder_ / "shop.toml", *store_, to);
  }
  static std::vector<std::string> UsersIn(const Project& project) {
    std::vector<std::string> users;
    const auto store = project.OpenStore();
    EXPECT_TRUE(store) << store.error().message;
    if (!store) return users;
    EXPECT_TRUE((*store)->AllEvents([&](const schema::RawEvent& e) { users.push_back(e.user); }));
    return users;
  }

  base::TestFolder folder_;
  std::unique_ptr<Project> project_;
  std::unique_ptr<store::Store> store_;
};

TEST_F(BackupTest, HasWhatWasAcknowledgedBeforeItAndIsRestored) {
  const auto done = BackUpTo(folder_ / "backups" / "monday");
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->manifest.log, "v000001");
  EXPECT_EQ(done->manifest.bundle, "");  // nothing was trained yet
  PostEvent("later");                    // the store goes on
  const auto back = RestoreBackup(folder_ / "backups" / "monday", folder_ / "new" / "shop");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->project_file, folder_ / "new" / "shop" / "shop.toml");
  EXPECT_EQ(back->project_dir, "");
  const Project restored = Project::Load({.config = back->project_file.string()}).value();
  EXPECT_THAT(UsersIn(restored), testing::ElementsAre("bob"));
  ASSERT_TRUE(restored.OpenLog());
  EXPECT_EQ(restored.config().Table("retrieval").Int("dim", 64), 8);
  EXPECT_EQ(base::ReadFile(restored.keys()).value(), "{}");
  // Nothing is left of the way there.
  for (const auto& entry : fs::directory_iterator(project_->directory())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with(".checkpoint")) << entry.path();
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "backups"), {}), 1);
}

TEST_F(BackupTest, AFolderThatIsInUseIsRefused) {
  ASSERT_TRUE(BackUpTo(folder_ / "b"));
  EXPECT_EQ(BackUpTo(folder_ / "b").error().code, Code::kAlreadyExists);
  const Result<RestoreDone> refused = RestoreBackup(folder_ / "b", folder_.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
  ASSERT_TRUE(base::MakeDirectories(folder_ / "empty"));
  EXPECT_TRUE(RestoreBackup(folder_ / "b", folder_ / "empty"));
}

TEST_F(BackupTest, WhatIsDamagedOrMissingIsFoundAndNothingIsLeft) {
  ASSERT_TRUE(BackUpTo(folder_ / "b"));
  const fs::path keys = folder_ / "b" / "project" / ".upnext" / "shop" / "keys.json";
  ASSERT_TRUE(base::WriteFileAtomic(keys, "[]"));
  const auto damaged = RestoreBackup(folder_ / "b", folder_ / "to");
  ASSERT_FALSE(damaged);
  EXPECT_THAT(damaged.error().message, HasSubstr("keys.json: expected 2 bytes with checksum"));
  fs::remove(keys);
  EXPECT_THAT(RestoreBackup(folder_ / "b", folder_ / "to").error().message,
              HasSubstr("but not there"));
  EXPECT_FALSE(fs::exists(folder_ / "to"));
  fs::remove(folder_ / "b" / "backup.json");
  EXPECT_EQ(RestoreBackup(folder_ / "b", folder_ / "to").error().code, Code::kNotFound);
}

TEST_F(BackupTest, AProjectFolderElsewhereIsNamed) {
  const Project elsewhere = Project::Load({.config = (folder_ / "shop.toml").string(),
                                           .data = {},
                                           .directory = (folder_ / "made").string()})
                                .value();
  ASSERT_TRUE(base::MakeDirectories(elsewhere.directory()));
  const auto store = elsewhere.OpenStore();
  ASSERT_TRUE(store);
  ASSERT_TRUE(WriteBackup(elsewhere, folder_ / "shop.toml", **store, folder_ / "b"));
  const auto back = RestoreBackup(folder_ / "b", folder_ / "to");
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(back->project_dir, (folder_ / "to" / "made").string());
}

BackupManifest SmallManifest() {
  return {.created = "now",
          .project_file = "shop.toml",
          .directory = ".upnext/shop",
          .bundle = "v000001",
          .log = "v000002",
          .files = {{"shop.toml", 3, 0xabcdef}, {".upnext/shop/keys.json", 1, 7}}};
}

TEST(BackupManifest, IsReadAsItWasWritten) {
  const std::string text = RenderBackupManifest(SmallManifest());
  const auto read = ParseBackupManifest(text, "backup.json");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(RenderBackupManifest(*read), text);
  EXPECT_EQ(read->files[0].checksum, 0xabcdefu);
  for (size_t at = 0; at < text.size(); at += 3) {
    std::string changed = text;
    changed[at] = changed[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(ParseBackupManifest(changed, "backup.json")) << at;
  }
}

TEST(BackupManifest, PathsThatLeadElsewhereAreRefused) {
  for (const char* path : {"../shop.toml", "/etc/passwd", "a/../../b", "", ".", "a//b", "./a", "a/",
                           ".upnext/shop/keys.json"}) {
    BackupManifest manifest = SmallManifest();
    manifest.files[0].path = path;
    const auto read = ParseBackupManifest(RenderBackupManifest(manifest), "backup.json");
    ASSERT_FALSE(read) << path;
    EXPECT_THAT(read.error().message, HasSubstr("expected paths below the backup")) << path;
  }
}

}  // namespace
}  // namespace upnext::project
