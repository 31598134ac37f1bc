#include "base/file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/checksum.h"
#include "base/test_folder.h"

namespace upnext::base {
namespace {

std::set<std::string> Names(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

std::span<const std::byte> Bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(WriteFileAtomic, WritesReplacesAndLeavesNothingElse) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "first"));
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "second"));
  EXPECT_EQ(ReadFile(folder / "a").value(), "second");
  EXPECT_EQ(Names(folder.path()), std::set<std::string>{"a"});
}

TEST(AtomicFileWriter, WithoutCommitTheOldFileStaysAndNoTemporaryIsLeft) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "old"));
  {
    Result<AtomicFileWriter> writer = AtomicFileWriter::Create(folder / "a");
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->Append(Bytes("new")));
    EXPECT_EQ(Names(folder.path()).size(), 2u);
  }
  EXPECT_EQ(ReadFile(folder / "a").value(), "old");
  EXPECT_EQ(Names(folder.path()), std::set<std::string>{"a"});
}

TEST(AtomicFileWriter, SmallAndLargePiecesAndAHeaderWrittenLastArriveInOrder) {
  const TestFolder folder;
  Result<AtomicFileWriter> writer = AtomicFileWriter::Create(folder / "a");
  ASSERT_TRUE(writer);
  std::string expected = "HEAD";
  ASSERT_TRUE(writer->Append(Bytes("????")));
  for (size_t i = 0; i < 60; ++i) {
    const std::string piece(i * i * 200, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(writer->Append(Bytes(piece)));
    expected += piece;
    ASSERT_EQ(writer->offset(), expected.size());
  }
  ASSERT_TRUE(writer->WriteAt(0, Bytes("HEAD")));
  ASSERT_TRUE(writer->Append(Bytes("end")));
  EXPECT_FALSE(writer->WriteAt(writer->offset() - 2, Bytes("past")));
  ASSERT_TRUE(writer->Commit());
  EXPECT_TRUE(ReadFile(folder / "a").value() == expected + "end");
  EXPECT_EQ(writer->Commit().error().code, Code::kInternal);
}

TEST(AtomicFileWriter, FailingDiskIsAnErrorAndTheOldFileStays) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "old"));
  // A limit on file size simulates a full disk.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = WriteFileAtomic(folder / "a", std::string(5000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, testing::HasSubstr((folder / "a").string()));
  EXPECT_EQ(ReadFile(folder / "a").value(), "old");
  EXPECT_EQ(Names(folder.path()), std::set<std::string>{"a"});
}

TEST(OsError, CodeFollowsTheCauseAndMessageNamesThePath) {
  EXPECT_EQ(OsError(ENOSPC, "/x", "write").error().code, Code::kResourceExhausted);
  EXPECT_EQ(OsError(EACCES, "/x", "write").error().code, Code::kPermissionDenied);
  EXPECT_EQ(OsError(ENOENT, "/x", "open").error().code, Code::kNotFound);
  EXPECT_EQ(OsError(EIO, "/x", "read").error().code, Code::kInternal);
  EXPECT_EQ(OsError(ENOSPC, "/x", "write").error().message,
            "/x: cannot write: No space left on device");
}

TEST(MappedFile, ShowsTheBytesAndOutlivesAMove) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "a", "hello"));
  Result<MappedFile> file = MappedFile::Open(folder / "a");
  ASSERT_TRUE(file);
  MappedFile moved = *std::move(file);
  ASSERT_EQ(moved.bytes().size(), 5u);
  EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 'o');
  EXPECT_EQ(moved.path(), folder / "a");
}

// Computed in pieces of 8 MiB, which must not change the result.
TEST(MappedFile, ReadChecksumIsTheChecksumOfAnyPart) {
  const TestFolder folder;
  std::string text((size_t{20} << 20) + 5, '\0');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i >> 7);
  ASSERT_TRUE(WriteFileAtomic(folder / "large", text));
  const Result<MappedFile> file = MappedFile::Open(folder / "large");
  ASSERT_TRUE(file) << file.error().message;
  const std::span<const std::byte> bytes = file->bytes();
  for (const auto part :
       {bytes, bytes.subspan(777, (size_t{17} << 20) + 1), bytes.first(100), bytes.first(0)}) {
    EXPECT_EQ(file->ReadChecksum(part), Checksum(part));
  }
}

TEST(MappedFile, EmptyMissingAndFolder) {
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "empty", ""));
  EXPECT_TRUE(MappedFile::Open(folder / "empty").value().bytes().empty());
  EXPECT_EQ(ReadFile(folder / "empty").value(), "");
  EXPECT_EQ(MappedFile::Open(folder / "none").error().code, Code::kNotFound);
  EXPECT_EQ(MappedFile::Open(folder.path()).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(ReadFile(folder.path()));
}

TEST(ReadFile, ReadsFilesWithoutASize) {
  EXPECT_THAT(ReadFile("/proc/self/status").value(), testing::HasSubstr("VmSize"));
}

TEST(PublishDirectory, MovesTheWholeTreeAndNeverReplaces) {
  const TestFolder folder;
  ASSERT_TRUE(MakeDirectories(folder / "from" / "deep"));
  ASSERT_TRUE(WriteFileAtomic(folder / "from" / "deep" / "a", "text"));
  ASSERT_TRUE(PublishDirectory(folder / "from", folder / "to"));
  EXPECT_EQ(ReadFile(folder / "to" / "deep" / "a").value(), "text");
  EXPECT_FALSE(fs::exists(folder / "from"));

  ASSERT_TRUE(MakeDirectories(folder / "again"));
  ASSERT_TRUE(MakeDirectories(folder / "empty"));
  EXPECT_EQ(PublishDirectory(folder / "again", folder / "to").error().code, Code::kAlreadyExists);
  // rename() alone would replace an empty folder.
  EXPECT_EQ(PublishDirectory(folder / "again", folder / "empty").error().code,
            Code::kAlreadyExists);
  EXPECT_TRUE(fs::exists(folder / "again"));
}

}  // namespace
}  // namespace upnext::base
