// A temporary folder for one test, removed with its contents at the end.
//
//   const TestFolder folder;
//   WriteFileAtomic(folder / "a.txt", "text");
#ifndef UPNEXT_BASE_TEST_FOLDER_H_
#define UPNEXT_BASE_TEST_FOLDER_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>

namespace upnext::base {

class TestFolder {
 public:
  TestFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "upnext-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "cannot create a folder like " << name;
    path_ = name;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_TEST_FOLDER_H_
