#include "import/compressed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/file.h"
#include "base/test_folder.h"
#include "import/duckdb.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class CompressedFileTest : public ::testing::Test {
 protected:
  Status Check(std::string_view bytes) {
    EXPECT_TRUE(base::WriteFileAtomic(path_, bytes));
    return CheckCompressed(path_, [] { return false; });
  }
  // A CSV file of about `rows` x 30 bytes.
  std::string Made(std::string_view compression, int rows) {
    Database db = Database::Open({}).value();
    const std::filesystem::path made = folder_ / "made";
    EXPECT_TRUE(
        db.Run(fmt::format("COPY (SELECT range, hash(range) FROM range({})) TO {} (FORMAT csv, "
                           "COMPRESSION {})",
                           rows, QuoteSql(made.string()), compression)));
    return base::ReadFile(made).value();
  }
  base::TestFolder folder_;
  std::filesystem::path path_ = folder_ / "file";
};

TEST_F(CompressedFileTest, WholeFilesPass) {
  for (const char* compression : {"gzip", "zstd"}) {
    for (const int rows : {0, 1, 50'000}) {
      const std::string whole = Made(compression, rows);
      EXPECT_TRUE(Check(whole)) << compression << rows;
      EXPECT_TRUE(Check(whole + whole)) << compression << rows << ": two in one";
    }
  }
  EXPECT_TRUE(Check(Made("gzip", 9) + std::string(512, '\0'))) << "padding, as tapes have it";
  EXPECT_TRUE(Check(""));
  EXPECT_TRUE(Check("\x1f"));
  EXPECT_TRUE(Check("user,item\n"));
}

TEST_F(CompressedFileTest, EveryLengthThatIsShorterIsRefusedByName) {
  for (const char* compression : {"gzip", "zstd"}) {
    const std::string whole = Made(compression, 12), large = Made(compression, 50'000);
    for (size_t length = 4; length < whole.size(); ++length) {
      const Status status = Check(whole.substr(0, length));
      ASSERT_FALSE(status) << compression << " of " << length;
      EXPECT_EQ(status.error().code, Code::kDataLoss);
      EXPECT_THAT(status.error().message,
                  AllOf(HasSubstr(path_.string()), HasSubstr("is cut short"), HasSubstr("again")));
    }
    for (const size_t less : {size_t{1}, size_t{9}, large.size() / 2}) {
      EXPECT_FALSE(Check(large.substr(0, large.size() - less))) << compression << less;
      EXPECT_FALSE(Check(large + large.substr(0, large.size() - less))) << compression << less;
    }
  }
}

TEST_F(CompressedFileTest, ChangedBytesOfGzipAreRefused) {
  std::string bytes = Made("gzip", 50'000);
  bytes[bytes.size() / 2] ^= 0x40;
  const Status status = Check(bytes);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDataLoss);
  EXPECT_THAT(status.error().message, HasSubstr("is damaged near byte"));
}

TEST_F(CompressedFileTest, StopsWhenAsked) {
  for (const char* compression : {"gzip", "zstd"}) {
    ASSERT_TRUE(base::WriteFileAtomic(path_, Made(compression, 100)));
    const Status status = CheckCompressed(path_, [] { return true; });
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Code::kCancelled);
  }
}

}  // namespace
}  // namespace upnext::import
