#include "training/staging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/test_folder.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;

TEST(Staging, AFolderThatIsNotPublishedIsRemoved) {
  const base::TestFolder folder;
  const base::VersionedRoot root(folder.path());
  fs::path path;
  {
    auto staging = Staging::Begin(root);
    ASSERT_TRUE(staging) << staging.error().message;
    path = staging->path();
    const Staging moved = *std::move(staging);
    ASSERT_TRUE(base::WriteFileAtomic(path / "model", "half written"));
    EXPECT_TRUE(fs::exists(path));
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(root.Versions()->empty());
}

TEST(Staging, APublishedFolderIsTheNextVersionAndStays) {
  const base::TestFolder folder;
  const base::VersionedRoot root(folder.path());
  {
    auto staging = Staging::Begin(root);
    ASSERT_TRUE(staging) << staging.error().message;
    ASSERT_TRUE(base::WriteFileAtomic(staging->path() / "model", "whole"));
    EXPECT_EQ(staging->Publish().value_or(""), "v000001");
  }
  EXPECT_FALSE(root.Current());
  EXPECT_EQ(base::ReadFile(root.Path("v000001") / "model").value_or(""), "whole");
}

}  // namespace
}  // namespace upnext::training
