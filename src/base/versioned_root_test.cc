#include "base/versioned_root.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test_folder.h"

namespace upnext::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The id of a process that has ended.
pid_t DeadProcess() {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  waitpid(child, nullptr, 0);
  return child;
}

TEST(VersionedRoot, PublishesNumberedVersionsAndSwitchesOnlyOnRequest) {
  const TestFolder folder;
  VersionedRoot root(folder / "bundles");
  EXPECT_EQ(root.Current().error().code, Code::kNotFound);
  EXPECT_TRUE(root.Versions().value().empty());

  for (const char* expected : {"v000001", "v000002"}) {
    const fs::path staged = root.Begin().value();
    ASSERT_TRUE(WriteFileAtomic(staged / "weights", expected));
    EXPECT_EQ(root.Publish(staged).value(), expected);
    EXPECT_FALSE(fs::exists(staged));
  }
  EXPECT_EQ(root.Current().error().code, Code::kNotFound);
  ASSERT_TRUE(root.SetCurrent("v000001"));
  EXPECT_EQ(root.Current().value(), "v000001");
  ASSERT_TRUE(root.SetCurrent("v000002"));
  EXPECT_EQ(ReadFile(root.Path(root.Current().value()) / "weights").value(), "v000002");
  EXPECT_THAT(root.Versions().value(), ElementsAre("v000001", "v000002"));
}

TEST(VersionedRoot, BeginClearsLeftoversOfDeadWritersOnly) {
  const TestFolder folder;
  VersionedRoot root(folder.path());
  const fs::path dead = folder / fmt::format(".new-{}", DeadProcess());
  const fs::path alive = folder / fmt::format(".new-{}", getppid());
  const fs::path other = folder / ".new-notes";
  for (const fs::path& path : {dead, alive, other}) {
    ASSERT_TRUE(MakeDirectories(path / "inside"));
  }
  const fs::path first = root.Begin().value();
  ASSERT_TRUE(WriteFileAtomic(first / "half", "written"));
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(alive / "inside"));
  EXPECT_TRUE(fs::exists(other / "inside"));
  // A second call in this process returns an empty folder too.
  const fs::path second = root.Begin().value();
  EXPECT_TRUE(fs::is_empty(second));
}

// But not what somebody is writing while a new version is begun.
TEST(VersionedRoot, AChangeOfTheCurrentVersionClearsWhatEarlierOnesLeft) {
  const TestFolder folder;
  VersionedRoot root(folder.path());
  const fs::path half = folder / "CURRENT.tmp-123-0";
  ASSERT_TRUE(WriteFileAtomic(half, "v0000"));
  const std::string version = root.Publish(root.Begin().value()).value();
  EXPECT_TRUE(fs::exists(half));
  ASSERT_TRUE(root.SetCurrent(version));
  EXPECT_FALSE(fs::exists(half));
  EXPECT_EQ(root.Current().value(), version);
}

TEST(VersionedRoot, OrdersByNumberAndIgnoresOtherNames) {
  const TestFolder folder;
  VersionedRoot root(folder.path());
  for (const char* name : {"v999999", "v1000000", "v000002", "v2", "vacation", "v0000003"}) {
    ASSERT_TRUE(MakeDirectories(folder / name));
  }
  EXPECT_THAT(root.Versions().value(), ElementsAre("v000002", "v999999", "v1000000"));
  EXPECT_EQ(root.Publish(root.Begin().value()).value(), "v1000001");
}

TEST(VersionedRoot, CurrentNeverNamesAMissingVersion) {
  const TestFolder folder;
  VersionedRoot root(folder.path());
  EXPECT_EQ(root.SetCurrent("v000001").error().code, Code::kNotFound);
  ASSERT_TRUE(MakeDirectories(folder / "elsewhere"));
  EXPECT_EQ(root.SetCurrent("elsewhere").error().code, Code::kNotFound);
  for (const char* text : {"v000007\n", "../secrets", "", "elsewhere"}) {
    ASSERT_TRUE(WriteFileAtomic(folder / "CURRENT", text));
    const Result<std::string> current = root.Current();
    ASSERT_FALSE(current) << text;
    EXPECT_EQ(current.error().code, Code::kDataLoss);
    EXPECT_THAT(current.error().message, HasSubstr("CURRENT"));
  }
}

}  // namespace
}  // namespace upnext::base
