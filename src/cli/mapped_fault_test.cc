#include "cli/mapped_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "base/section_file.h"
#include "base/test_folder.h"

namespace upnext::cli {
namespace {

// Reads the page of `file` that was cut off.
unsigned char LastByte(const base::MappedFile& file) {
  return static_cast<unsigned char>(*static_cast<const volatile std::byte*>(&file.bytes().back()));
}

TEST(MappedFaultDeathTest, AFileThatShrinksWhileItIsReadIsNamed) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const base::TestFolder folder;
  const std::filesystem::path path = folder / "events-00000.upn";
  ASSERT_TRUE(base::WriteFileAtomic(path, std::string(1 << 20, 'x')));
  EXPECT_EXIT(
      {
        InstallMappedFaultHandler();
        const auto file = base::MappedFile::Open(path);
        if (!file || LastByte(*file) != 'x') _exit(3);
        if (truncate(path.c_str(), 100) != 0) _exit(4);
        _exit(LastByte(*file));
      },
      testing::ExitedWithCode(1), "events-00000.upn: the file shrank .*upnext import");
}

TEST(MappedFaultDeathTest, OtherBusErrorsKillAsEver) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        InstallMappedFaultHandler();
        raise(SIGBUS);
        raise(SIGBUS);  // the first one removed the handler
        _exit(0);
      },
      testing::KilledBySignal(SIGBUS), "");
}

}  // namespace
}  // namespace upnext::cli
