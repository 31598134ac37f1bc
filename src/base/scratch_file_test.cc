#include "base/scratch_file.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/test_folder.h"

namespace upnext::base {
namespace {

TEST(ScratchFile, GivesBackWhatWasWrittenAndLeavesNoName) {
  const TestFolder folder;
  auto file = ScratchFile::Create(folder.path());
  ASSERT_TRUE(file) << file.error().message;
  const std::vector<std::byte> bytes = {std::byte{1}, std::byte{2}, std::byte{3}};
  ASSERT_TRUE(file->Write(10, bytes));
  std::vector<std::byte> read(2);
  ASSERT_TRUE(file->Read(11, read));
  EXPECT_EQ(read[1], std::byte{3});
  EXPECT_EQ(file->Read(12, read).error().code, Code::kInternal) << "beyond its end";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(ScratchFile, NamesTheFolderThatDoesNotExist) {
  const TestFolder folder;
  const auto file = ScratchFile::Create(folder / "none");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("none"), std::string::npos);
}

}  // namespace
}  // namespace upnext::base
