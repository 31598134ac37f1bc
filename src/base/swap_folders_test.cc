#include "base/swap_folders.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::base {
namespace {

TEST(SwapFolders, EachIsWhereTheOtherWas) {
  const TestFolder folder;
  for (const char* name : {"a", "b"}) {
    ASSERT_TRUE(MakeDirectories(folder / name));
    ASSERT_TRUE(WriteFileAtomic(folder / name / "file", name));
  }
  ASSERT_TRUE(SwapFolders(folder / "a", folder / "b"));
  EXPECT_EQ(ReadFile(folder / "a" / "file").value(), "b");
  EXPECT_EQ(ReadFile(folder / "b" / "file").value(), "a");
}

TEST(SwapFolders, AMissingFolderLeavesTheOther) {
  const TestFolder folder;
  ASSERT_TRUE(MakeDirectories(folder / "a"));
  EXPECT_EQ(SwapFolders(folder / "a", folder / "b").error().code, Code::kNotFound);
  EXPECT_TRUE(fs::exists(folder / "a"));
}

}  // namespace
}  // namespace upnext::base
