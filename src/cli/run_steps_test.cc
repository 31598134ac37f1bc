// The steps of `upnext run`, with a shell script in place of the program.
#include "cli/run_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "base/time_text.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class RunStepsTest : public testing::Test {
 protected:
  RunStepsTest() { Script("echo did $1 $2"); }
  // What the program does; it also writes its arguments down.
  void Script(const std::string& body) {
    const fs::path file = folder_ / "program";
    ASSERT_TRUE(base::WriteFileAtomic(
        file, "#!/bin/sh\necho \"$@\" >> " + (folder_ / "calls").string() + "\n" + body + "\n"));
    fs::permissions(file, fs::perms::owner_all);
  }
  std::unique_ptr<RunSteps> Load(const std::string& run) {
    const fs::path file = folder_ / "site.toml";
    EXPECT_TRUE(base::WriteFileAtomic(file, "[run]\n" + run));
    auto settings = api::Settings::Load({.config = file.string()});
    EXPECT_TRUE(settings) << settings.error().message;
    settings_.push_back(std::make_unique<api::Settings>(*std::move(settings)));
    auto steps = RunSteps::Load(*settings_.back(),
                                {.path = (folder_ / "program").string(),
                                 .project_flags = {"-c", "site.toml"},
                                 .data_flags = {"--data", "exports"}},
                                clock_);
    EXPECT_TRUE(steps) << steps.error().message;
    return *std::move(steps);
  }
  static net::StepStatus StatusOf(const RunSteps& steps, const std::string& name) {
    for (net::StepStatus& step : steps.status()) {
      if (step.name == name) return step;
    }
    ADD_FAILURE() << "no step " << name;
    return {};
  }
  static void Await(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  std::vector<std::string> Calls() {
    std::vector<std::string> lines;
    std::string text = base::ReadFile(folder_ / "calls").value_or("");
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines.push_back(text.substr(0, end));
    }
    return lines;
  }
  void Drop(const std::string& name) {
    fs::create_directories((folder_ / "incoming" / name).parent_path());
    EXPECT_TRUE(base::WriteFileAtomic(folder_ / "incoming" / name, "rows"));
  }

  base::TestFolder folder_;
  base::FixedClock clock_{*base::ParseTime("2026-05-01T02:00:00Z")};
  std::vector<std::unique_ptr<api::Settings>> settings_;
};

TEST_F(RunStepsTest, AStepRunsAtItsTimeAndItsOutcomeIsKept) {
  auto steps = Load("import = 'every 1h'\ntrain = 'at 03:00'\n");
  EXPECT_EQ(base::FormatTime(StatusOf(*steps, "train").next_ms), "2026-05-01T03:00:00.000Z");
  steps->Start();
  clock_.Advance(60 * 60 * 1000);
  Await([&] { return StatusOf(*steps, "train").outcome == "ok"; });
  EXPECT_THAT(Calls(), ElementsAre("import -c site.toml --data exports",
                                   "train -c site.toml --data exports"));
  net::StepStatus train = StatusOf(*steps, "train");
  EXPECT_EQ(base::FormatTime(train.last_start_ms), "2026-05-01T03:00:00.000Z");
  EXPECT_EQ(base::FormatTime(train.next_ms), "2026-05-02T03:00:00.000Z");
  EXPECT_THAT(train.output, ElementsAre("did train -c"));
  steps = Load("import = 'every 1h'\ntrain = 'at 03:00'\n");
  train = StatusOf(*steps, "train");
  EXPECT_EQ(train.outcome, "ok") << "after a restart";
  EXPECT_THAT(train.output, ElementsAre("did train -c"));
  EXPECT_EQ(base::FormatTime(train.next_ms), "2026-05-02T03:00:00.000Z");
}

TEST_F(RunStepsTest, TR02_InTimeOrderATrainingContinuesIfPossible) {
  const auto steps = Load("train = 'every 1m'\n[ranking]\norder = 'time'\n");
  steps->Start();
  clock_.Advance(60'000);
  Await([&] { return StatusOf(*steps, "train").outcome == "ok"; });
  EXPECT_THAT(Calls(), ElementsAre("train -c site.toml --data exports --continue-if-possible"));
}

TEST_F(RunStepsTest, TR02_WithTheStateOfTheCandidateModelATrainingContinuesIfPossible) {
  const auto steps = Load("train = 'every 1m'\n[retrieval]\nkeep_state = true\n");
  steps->Start();
  clock_.Advance(60'000);
  Await([&] { return StatusOf(*steps, "train").outcome == "ok"; });
  EXPECT_THAT(Calls(), ElementsAre("train -c site.toml --data exports --continue-if-possible"));
}

TEST_F(RunStepsTest, AnImportFromTheStoreMovesPostedEventsAlone) {
  const auto steps = Load("import = 'every 1m'\nfrom_store = true\n");
  steps->Start();
  clock_.Advance(60'000);
  Await([&] { return StatusOf(*steps, "import").outcome == "ok"; });
  EXPECT_THAT(Calls(), ElementsAre("import -c site.toml --data exports --from-store"));
}

TEST_F(RunStepsTest, ATimeThatWasMissedRunsOnceAtTheStart) {
  {
    const auto steps = Load("train = 'at 03:00'\n");
  }
  clock_.Advance(3 * base::kDayMs);
  const auto steps = Load("train = 'at 03:00'\n");
  steps->Start();
  Await([&] { return StatusOf(*steps, "train").outcome == "ok"; });
  steps->Stop();
  EXPECT_EQ(Calls().size(), 1u);
  EXPECT_EQ(base::FormatTime(StatusOf(*steps, "train").next_ms), "2026-05-04T03:00:00.000Z");
}

TEST_F(RunStepsTest, FailuresAreCountedAndTriedAgainAtTheNextTime) {
  Script("echo 'went\twrong'; kill -9 $$");
  const auto steps = Load("train = 'every 1m'\n");
  steps->Start();
  for (uint64_t n = 1; n <= 2; ++n) {
    clock_.Advance(60'000);
    Await([&] { return StatusOf(*steps, "train").failures == n; });
  }
  const net::StepStatus failed = StatusOf(*steps, "train");
  EXPECT_THAT(failed.outcome, HasSubstr("ended by signal 9"));
  EXPECT_THAT(failed.output, ElementsAre("went\\twrong"));
  Script("true");
  clock_.Advance(60'000);
  Await([&] { return StatusOf(*steps, "train").outcome == "ok"; });
  EXPECT_EQ(StatusOf(*steps, "train").failures, 0u);
}

TEST_F(RunStepsTest, WhatIsInTheInboxIsAppendedAndMovedAway) {
  Script("case \"$4\" in */bad) echo no good; exit 1;; esac; cat \"$4\"/*");
  const auto steps = Load("inbox = 'incoming'\n");
  Drop("bad/e.csv");
  Drop("good/e.csv");
  Drop("single.csv");
  steps->Start();
  const fs::path inbox = folder_ / "incoming";
  Await([&] { return fs::exists(inbox / "done/single.csv"); });
  EXPECT_TRUE(fs::exists(inbox / "done/good/e.csv"));
  EXPECT_TRUE(fs::exists(inbox / "failed/bad/e.csv"));
  EXPECT_EQ(base::ReadFile(inbox / "failed/bad.log").value(), "no good\n");
  ASSERT_EQ(Calls().size(), 3u);
  EXPECT_EQ(Calls()[0], "import --append --data " + (inbox / "bad").string() + " -c site.toml");
  Await([&] { return StatusOf(*steps, "inbox").outcome == "ok"; });
  EXPECT_THAT(StatusOf(*steps, "inbox").output, ElementsAre("rows"));
}

TEST_F(RunStepsTest, RejectedRowsOfAFailedImportAreKeptNextToIt) {
  const std::string log = (folder_ / ".upnext/site/log").string();
  Script(
      "mkdir -p " + log + "; cd " + log +
      "; case \"$4\" in */bad) echo row 7 > rejects.csv; exit 1;; esac; echo other > rejects.csv");
  const auto steps = Load("inbox = 'incoming'\n");
  Drop("bad/e.csv");
  Drop("good/e.csv");
  steps->Start();
  const fs::path inbox = folder_ / "incoming";
  Await([&] { return fs::exists(inbox / "done/good/e.csv"); });
  EXPECT_EQ(base::ReadFile(inbox / "failed/bad.rejects.csv").value_or("none"), "row 7\n");
}

TEST_F(RunStepsTest, TheNextTimeOfAStepThatRunsIsNotInThePast) {
  Script("sleep 100");
  const auto steps = Load("train = 'every 1m'\n");
  steps->Start();
  clock_.Advance(60'000);
  Await([&] { return StatusOf(*steps, "train").running; });
  EXPECT_EQ(StatusOf(*steps, "train").next_ms, clock_.NowMs() + 60'000);
  clock_.Advance(150'000);
  EXPECT_EQ(StatusOf(*steps, "train").next_ms, clock_.NowMs());
  steps->Stop();
}

TEST_F(RunStepsTest, AStoppedStepRunsAgainAfterTheNextStart) {
  Script("echo here; sleep 100");
  {
    const auto steps = Load("train = 'every 1m'\ninbox = 'incoming'\n");
    Drop("e.csv");
    steps->Start();
    Await([&] { return StatusOf(*steps, "inbox").output == std::vector<std::string>{"here"}; });
    steps->Stop();
    EXPECT_TRUE(fs::exists(folder_ / "incoming/e.csv")) << "not imported";
  }
  Script("true");
  const auto steps = Load("train = 'every 1m'\ninbox = 'incoming'\n");
  EXPECT_EQ(StatusOf(*steps, "inbox").outcome, "interrupted");
  steps->Start();
  Await([&] { return fs::exists(folder_ / "incoming/done/e.csv"); });
}

TEST_F(RunStepsTest, AStepWaitsWhileSomebodyElseHoldsTheProject) {
  const auto steps = Load("train = 'every 1m'\n");
  auto lock = std::make_unique<base::LockFile>(settings_.back()->project.Lock().value());
  steps->Start();
  clock_.Advance(60'000);
  Await([&] { return !StatusOf(*steps, "train").note.empty(); });
  EXPECT_THAT(StatusOf(*steps, "train").note, HasSubstr("waits: "));
  EXPECT_THAT(Calls(), ElementsAre());
  lock.reset();
  Await([&] { return StatusOf(*steps, "train").outcome == "ok"; });
  EXPECT_EQ(StatusOf(*steps, "train").note, "");
}

}  // namespace
}  // namespace upnext::cli
