#include "cli/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Finding FindingOf(const std::vector<Finding>& findings, std::string_view what) {
  const auto at = std::ranges::find(findings, what, &Finding::what);
  EXPECT_NE(at, findings.end()) << what;
  return at == findings.end() ? Finding{Health::kOk, "", ""} : *at;
}

class DoctorTest : public testing::Test {
 protected:
  api::Settings Load(std::string_view toml) {
    const std::string file = (folder_ / "shop.toml").string();
    EXPECT_TRUE(base::WriteFileAtomic(file, toml));
    return api::Settings::Load({.config = file}).value();
  }
  base::TestFolder folder_;
};

TEST_F(DoctorTest, TheMachineIsExaminedLineByLine) {
  const auto findings = ExamineMachine(Load("[server]\nmax_connections = 1000000\n"));
  for (const char* what : {"cores", "vector units", "memory", "disk", "open files", "clock"}) {
    EXPECT_FALSE(FindingOf(findings, what).found.empty()) << what;
  }
  for (const Finding& one : findings) {
    EXPECT_EQ(one.todo.empty(), one.health == Health::kOk) << one.what << one.todo;
  }
}

TEST_F(DoctorTest, AnEmptyProjectIsToldToImportAndNothingIsMade) {
  const api::Settings settings = Load("");
  const auto findings = ExamineProject(settings);
  EXPECT_EQ(FindingOf(findings, "log").health, Health::kError);
  EXPECT_THAT(FindingOf(findings, "log").todo, HasSubstr("upnext import"));
  EXPECT_EQ(FindingOf(findings, "bundle").health, Health::kError);
  EXPECT_EQ(FindingOf(findings, "store").health, Health::kOk);
  EXPECT_EQ(FindingOf(findings, "keys").health, Health::kOk);
  EXPECT_FALSE(fs::exists(settings.project.directory()));
}

TEST_F(DoctorTest, KeysThatOthersReadAndDamagedOnesAreFound) {
  const api::Settings settings = Load("");
  const fs::path keys = settings.project.keys();
  ASSERT_TRUE(base::MakeDirectories(keys.parent_path()));
  ASSERT_TRUE(base::WriteFileAtomic(keys, "{\"format\": 1, \"keys\": []}"));
  fs::permissions(keys, fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(FindingOf(ExamineProject(settings), "keys").health, Health::kOk);
  fs::permissions(keys, fs::perms::others_read, fs::perm_options::add);
  EXPECT_EQ(FindingOf(ExamineProject(settings), "keys").health, Health::kWarning);
  EXPECT_THAT(FindingOf(ExamineProject(settings), "keys").todo, HasSubstr("chmod 600"));
  ASSERT_TRUE(base::WriteFileAtomic(keys, "{"));
  EXPECT_EQ(FindingOf(ExamineProject(settings), "keys").health, Health::kError);
  EXPECT_EQ(FindingOf(ExamineProject(Load("[server]\nkeys = false\n")), "keys").health,
            Health::kWarning);
}

TEST_F(DoctorTest, AStoreIsReadAndNotChangedAlsoWhileAServerHasIt) {
  const api::Settings settings = Load("");
  const auto store = settings.project.OpenStore();
  ASSERT_TRUE(store);
  const Finding found = FindingOf(ExamineProject(settings), "store");
  EXPECT_EQ(found.health, Health::kOk);
  EXPECT_THAT(found.found, HasSubstr("can be read; 0 changes"));
}

TEST_F(DoctorTest, ACertificateThatIsNoneIsAnError) {
  ASSERT_TRUE(base::WriteFileAtomic(folder_ / "c.pem", "none"));
  const api::Settings settings =
      Load("[server]\ncertificate = \"c.pem\"\nprivate_key = \"c.pem\"\n");
  EXPECT_EQ(FindingOf(ExamineProject(settings), "tls").health, Health::kError);
}

TEST_F(DoctorTest, AServerThatShouldRunAndDoesNotIsAnError) {
  const api::Settings settings = Load("");
  EXPECT_TRUE(ExamineServer(settings, "http://127.0.0.1:1", "", false).empty());
  EXPECT_EQ(FindingOf(ExamineServer(settings, "http://127.0.0.1:1", "", true), "server").health,
            Health::kError);
}

}  // namespace
}  // namespace upnext::cli
