#include "base/lock_file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::base {
namespace {

TEST(LockFile, SecondWriterGetsTheHoldersProcessId) {
  const TestFolder folder;
  const fs::path path = folder / ".lock";
  std::optional<LockFile> first;
  {
    Result<LockFile> lock = LockFile::Acquire(path);
    ASSERT_TRUE(lock) << lock.error().message;
    first = *std::move(lock);
  }
  const Result<LockFile> second = LockFile::Acquire(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
  EXPECT_EQ(second.error().message,
            fmt::format("{}: expected to be the only writer, but process {} holds the lock; wait "
                        "until it ends",
                        path.string(), getpid()));
  // The refused attempt must not have erased the holder's id.
  EXPECT_EQ(ReadFile(path).value(), std::to_string(getpid()) + "\n");
  first.reset();
  EXPECT_TRUE(LockFile::Acquire(path));
}

TEST(LockFile, EndsWithItsProcessHoweverThatEnds) {
  const TestFolder folder;
  const fs::path path = folder / ".lock";
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Result<LockFile> lock = LockFile::Acquire(path);
    const char held = lock ? 'y' : 'n';
    if (write(ready[1], &held, 1) == 1) pause();
    _exit(1);
  }
  char held = 0;
  ASSERT_EQ(read(ready[0], &held, 1), 1);
  EXPECT_EQ(held, 'y');
  const Result<LockFile> refused = LockFile::Acquire(path);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("process " + std::to_string(child)), std::string::npos);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);
  EXPECT_TRUE(LockFile::Acquire(path));
}

TEST(LockFile, IsWaitedForAsLongAsThePatienceLasts) {
  const TestFolder folder;
  const fs::path path = folder / ".lock";
  std::optional<LockFile> held = *LockFile::Acquire(path);
  const auto refused = LockFile::AcquireWithin(path, std::chrono::milliseconds(20));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAborted);
  std::thread holder([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    held.reset();
  });
  EXPECT_TRUE(LockFile::AcquireWithin(path, std::chrono::minutes(1)));
  holder.join();
}

TEST(LockFile, MissingFolderIsNotFound) {
  const TestFolder folder;
  EXPECT_EQ(LockFile::Acquire(folder / "none" / ".lock").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace upnext::base
