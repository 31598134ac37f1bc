#include "base/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "base/test_folder.h"

namespace upnext::base {
namespace {

class ChildProcessTest : public testing::Test {
 protected:
  // A shell that runs `script`.
  Result<ChildProcess> Shell(const std::string& script) {
    return ChildProcess::Start({"/bin/sh", "-c", script}, output_);
  }
  std::string Ended(ChildProcess& child) {
    while (!child.Poll()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return child.outcome();
  }
  std::string Output() { return ReadFile(output_).value_or("none"); }
  // The shell prints a line when it has come that far.
  void AwaitOutput() {
    while (Output().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }

  TestFolder folder_;
  const fs::path output_ = folder_ / "output";
};

TEST_F(ChildProcessTest, OutputAndExitCodeAreKept) {
  auto child = Shell("echo out; echo err >&2; cat; exit 3");
  ASSERT_TRUE(child) << child.error().message;
  EXPECT_EQ(Ended(*child), "exit code 3");
  EXPECT_EQ(child->exit_code(), 3);
  EXPECT_EQ(Output(), "out\nerr\n");
  auto good = Shell("true");
  EXPECT_EQ(Ended(*good), "");
  EXPECT_EQ(Output(), "") << "a new file";
}

TEST_F(ChildProcessTest, ItRunsBehindThisProcess) {
  auto child = Shell("nice; cat /proc/self/oom_score_adj; ps -o pgid= -p $$ | tr -d ' '; echo $$");
  EXPECT_EQ(Ended(*child), "");
  std::vector<std::string> lines;
  std::string text = Output();
  for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
    lines.push_back(text.substr(0, end));
  }
  ASSERT_GE(lines.size(), 3u);
  EXPECT_GE(std::stoi(lines[0]), 10);
  EXPECT_EQ(lines[1], "500");
  if (lines.size() == 4) {
    EXPECT_EQ(lines[2], lines[3]) << "a process group of its own";
  }
}

TEST_F(ChildProcessTest, StopEndsTheWholeGroupAlsoWhatDoesNotListen) {
  auto polite = Shell("trap 'echo bye; exit 7' TERM; echo here; while :; do sleep 0.05; done");
  AwaitOutput();
  polite->Stop(std::chrono::seconds(30));
  EXPECT_EQ(polite->exit_code(), 7);
  EXPECT_THAT(Output(), testing::EndsWith("bye\n"));
  auto deaf = Shell("trap '' TERM; (trap '' TERM; echo $$; while :; do sleep 0.05; done)");
  AwaitOutput();
  deaf->Stop(std::chrono::milliseconds(50));
  EXPECT_THAT(deaf->outcome(), testing::HasSubstr("signal 9"));
}

TEST_F(ChildProcessTest, AProgramThatDoesNotExistIsAnOutcome) {
  auto child = ChildProcess::Start({(folder_ / "nothing").string()}, output_);
  ASSERT_TRUE(child);
  EXPECT_EQ(Ended(*child), "exit code 127");
  EXPECT_EQ(Output(), "cannot start the program\n");
}

TEST_F(ChildProcessTest, AnOutputThatCannotBeWrittenIsAnError) {
  const auto child = ChildProcess::Start({"/bin/true"}, folder_ / "no" / "folder");
  ASSERT_FALSE(child);
  EXPECT_THAT(child.error().message, testing::HasSubstr("no/folder"));
}

}  // namespace
}  // namespace upnext::base
