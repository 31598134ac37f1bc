// A training that is killed, stopped or diverges, and is then resumed, publishes the same bytes as
// an uninterrupted one (TR-04, TR-05). Runs the real binary on a small simulated site.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"

namespace upnext {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Dropout draws random numbers in both models; checkpoints are written as often as possible.
constexpr char kProject[] = R"toml(
[import]
events = "SELECT * FROM read_parquet('{data}/events.parquet')"
items = "SELECT * FROM read_parquet('{data}/items.parquet')"
users = "SELECT * FROM read_parquet('{data}/users.parquet')"
[split]
validation_days = 1
test_days = 1
[retrieval]
dim = 16
depth = 1
batch = 32
negatives = 64
dropout = 0.1
epochs = 5
patience = 2
checkpoint_minutes = 1e-7
%RETRIEVAL%
[ranking]
widths = [16]
batch = 64
dropout = 0.1
decay = true
epochs = 3
checkpoint_minutes = 1e-7
%RANKING%
[train]
threads = 2
)toml";

struct Outcome {
  int status = 0;  // as returned by waitpid
  std::string said;
  bool ok() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }
};

// A project folder with the project file; `log` is shared by a link.
class Site {
 public:
  explicit Site(const fs::path& folder, const std::string& retrieval = "",
                const std::string& ranking = "")
      : folder_(folder) {
    fs::create_directories(folder_ / "project");
    Configure(retrieval, ranking);
  }

  void Configure(std::string_view retrieval, std::string_view ranking) const {
    std::string text = kProject;
    const auto replace = [&](std::string_view name, std::string_view with) {
      text.replace(text.find(name), name.size(), with);
    };
    replace("%RETRIEVAL%", retrieval);
    replace("%RANKING%", ranking);
    ASSERT_TRUE(base::WriteFileAtomic(folder_ / "site.toml", text));
  }

  // Runs `upnext VERB ...` on this project and sends `signal` after `delay` if it still runs.
  Outcome Run(std::vector<std::string> args, int signal = 0,
              std::chrono::milliseconds delay = {}) const {
    args.insert(args.begin(), UPNEXT_BINARY);
    if (args[1] != "simulate") {
      const std::vector<std::string> project = {"-c", folder_ / "site.toml", "--project-dir",
                                                folder_ / "project"};
      args.insert(args.end(), project.begin(), project.end());
    }
    const fs::path said = folder_ / "said.txt";
    const pid_t child = fork();
    if (child == 0) {
      std::vector<char*> argv;
      for (std::string& arg : args) argv.push_back(arg.data());
      argv.push_back(nullptr);
      if (freopen(said.c_str(), "w", stdout) == nullptr || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
        _exit(126);
      }
      execv(argv[0], argv.data());
      _exit(127);
    }
    if (signal != 0) {
      std::this_thread::sleep_for(delay);
      kill(child, signal);
    }
    Outcome outcome;
    waitpid(child, &outcome.status, 0);
    outcome.said = base::ReadFile(said).value_or("");
    return outcome;
  }

  fs::path checkpoint(const std::string& name) const {
    return folder_ / "project" / "training" / (name + ".uxs");
  }
  bool Published() const { return fs::exists(folder_ / "project" / "bundles" / "CURRENT"); }
  std::string File(const std::string& name) const {
    const auto read = base::ReadFile(folder_ / "project" / "bundles" / "v000001" / name);
    EXPECT_TRUE(read) << read.error().message;
    return read.value_or("");
  }

 private:
  fs::path folder_;
};

class ResumeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new base::TestFolder;
    whole_ = new Site(*folder_ / "whole");
    const std::string data = *folder_ / "data";
    Expect(whole_->Run({"simulate", "--users", "150", "--items", "150", "--days", "6", "--seed",
                        "3", "--out", data}));
    Expect(whole_->Run({"import", "--data", data}));
    const auto begin = std::chrono::steady_clock::now();
    Expect(whole_->Run({"train"}));
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ASSERT_TRUE(whole_->Published());
    EXPECT_FALSE(fs::exists(*folder_ / "whole/project/training")) << "published, but still there";
  }
  static void TearDownTestSuite() {
    delete whole_;
    delete folder_;
  }
  static void Expect(const Outcome& outcome) { ASSERT_TRUE(outcome.ok()) << outcome.said; }

  // A separate site with the same log.
  static Site Another(const std::string& name, const std::string& retrieval = "",
                      const std::string& ranking = "") {
    Site site(*folder_ / name, retrieval, ranking);
    fs::copy(*folder_ / "whole/project/log", *folder_ / name / "project/log",
             fs::copy_options::recursive);
    return site;
  }

  static void ExpectSameBundle(const Site& site) {
    for (const char* name :
         {"features.uxs", "candidate.uxs", "index.uxs", "ranker.uxs", "generator.co-watch.uxs",
          "generator.popular.uxs", "generator.topic.uxs", "generator.trending.uxs",
          "validated.features.uxs", "validated.candidate.uxs", "validated.ranker.uxs",
          "report.json"}) {
      EXPECT_TRUE(site.File(name) == whole_->File(name)) << name << " differs";
    }
  }

  static base::TestFolder* folder_;
  static Site* whole_;
  static double seconds_;  // of the uninterrupted training
};
base::TestFolder* ResumeTest::folder_ = nullptr;
Site* ResumeTest::whole_ = nullptr;
double ResumeTest::seconds_ = 0;

TEST_F(ResumeTest, TR04_KilledAtRandomMomentsAndResumedItPublishesTheSameBytes) {
  base::Rng rng(77);
  int killed_in_retrieval = 0, killed_in_ranking = 0, killed_after_publishing = 0;
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    const Site site = Another(fmt::format("killed-{}", round));
    for (int run = 0;; ++run) {
      ASSERT_LT(run, 100);
      // The first kills happen at any moment of a training; later ones wait longer, so that it
      // ends.
      const double share = rng.Uniform() * (1.0 + run / 8.0);
      const std::chrono::milliseconds delay(static_cast<int64_t>(1000 * seconds_ * share));
      const Outcome outcome = site.Run({"train", "--resume"}, SIGKILL, delay);
      if (outcome.ok()) break;
      ASSERT_TRUE(WIFSIGNALED(outcome.status)) << outcome.said;
      if (site.Published()) {  // killed after publishing: the next training succeeds too
        Expect(site.Run({"train", "--resume"}));
        ++killed_after_publishing;
        break;
      }
      if (fs::exists(site.checkpoint("ranking"))) {
        ++killed_in_ranking;
      } else if (fs::exists(site.checkpoint("retrieval"))) {
        ++killed_in_retrieval;
      }
    }
    ExpectSameBundle(site);
  }
  EXPECT_GT(killed_in_retrieval + killed_in_ranking, 0) << "never killed within training";
  RecordProperty("killed_in_retrieval", killed_in_retrieval);
  RecordProperty("killed_in_ranking", killed_in_ranking);
  RecordProperty("killed_after_publishing", killed_after_publishing);
}

// Waits until the file exists, at most 20 s.
void WaitFor(const fs::path& file) {
  for (int i = 0; i < 20'000 && !fs::exists(file); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Trains until the checkpoint appears, and kills it then.
Outcome KilledAt(const Site& site, const fs::path& lock_file, const std::string& checkpoint) {
  Outcome outcome;
  std::thread run([&] { outcome = site.Run({"train"}); });
  WaitFor(site.checkpoint(checkpoint));
  std::ifstream lock(lock_file);  // contains the process id
  pid_t pid = 0;
  if (lock >> pid; pid > 0) kill(pid, SIGKILL);
  run.join();
  return outcome;
}

TEST_F(ResumeTest, TR04_KilledInTheFinalFitItTrainsNoValidatedModelAgain) {
  for (const std::string stage : {"retrieval", "ranking"}) {
    SCOPED_TRACE(stage);
    const Site site = Another("final-" + stage);
    const Outcome outcome =
        KilledAt(site, *folder_ / ("final-" + stage) / "project/lock", "final-" + stage);
    ASSERT_TRUE(WIFSIGNALED(outcome.status)) << outcome.said;
    const Outcome resumed = site.Run({"train", "--resume"});
    ASSERT_TRUE(resumed.ok()) << resumed.said;
    EXPECT_THAT(resumed.said, AllOf(HasSubstr("candidate model: training is already finished"),
                                    HasSubstr("ranker: training is already finished"),
                                    Not(HasSubstr("NDCG@10 0."))));
    ExpectSameBundle(site);
    EXPECT_FALSE(fs::exists(site.checkpoint("final-retrieval")));
  }
}

TEST_F(ResumeTest, TR04_KilledInTheRankerItDoesNotTrainRetrievalAgain) {
  const Site site = Another("ranker");
  const Outcome outcome = KilledAt(site, *folder_ / "ranker/project/lock", "ranking");
  ASSERT_TRUE(WIFSIGNALED(outcome.status)) << outcome.said;
  const Outcome resumed = site.Run({"train", "--resume"});
  ASSERT_TRUE(resumed.ok()) << resumed.said;
  EXPECT_THAT(resumed.said, AllOf(HasSubstr("candidate model: training is already finished"),
                                  HasSubstr("ranker: resumes at"), Not(HasSubstr("NDCG@10 0."))));
  ExpectSameBundle(site);
}

TEST_F(ResumeTest, TR04_StoppedByTheUserItReportsHowToContinue) {
  const Site site = Another("stopped");
  Outcome stopped;
  // Late enough to train, early enough not to have finished; where that is depends on what else the
  // machine does.
  for (const double share : {0.3, 0.2, 0.4, 0.14, 0.5, 0.1, 0.6, 0.07, 0.05, 0.03, 0.02}) {
    stopped = site.Run({"train", "--resume"}, SIGINT,
                       std::chrono::milliseconds(static_cast<int64_t>(1000 * seconds_ * share)));
    if (stopped.said.find("--resume` continues from it") != std::string::npos) break;
    ASSERT_FALSE(stopped.ok()) << "done before it could be stopped";
  }
  ASSERT_THAT(stopped.said, HasSubstr("--resume` continues from it"));
  EXPECT_EQ(WEXITSTATUS(stopped.status), 128 + SIGINT);
  EXPECT_THAT(stopped.said, HasSubstr("was stopped"));
  EXPECT_FALSE(site.Published());
  const Outcome other = site.Run({"train", "--resume", "--seed", "9"});
  EXPECT_EQ(WEXITSTATUS(other.status), 1);
  EXPECT_THAT(other.said, HasSubstr("train.seed was 1 and is 9"));
  ASSERT_TRUE(site.Run({"train", "--resume"}).ok());
  ExpectSameBundle(site);
}

TEST_F(ResumeTest, TR05_DivergenceKeepsTheLastGoodCheckpointAndALowerRateContinues) {
  // The candidate model at once; the ranker after a finished candidate model.
  const Site site = Another("diverged", "tower_learning_rate = 100\ntable_learning_rate = 100");
  const Outcome first = site.Run({"train"});
  EXPECT_EQ(WEXITSTATUS(first.status), 1) << first.said;
  EXPECT_THAT(first.said, AllOf(HasSubstr("training the candidate model diverged in epoch"),
                                HasSubstr("lower retrieval.tower_learning_rate (now 100)")));
  site.Configure("", "learning_rate = 100");
  const Outcome second = site.Run({"train", "--resume"});
  EXPECT_EQ(WEXITSTATUS(second.status), 1) << second.said;
  EXPECT_THAT(second.said, AllOf(HasSubstr("training the ranker diverged in epoch"),
                                 HasSubstr("lower ranking.learning_rate (now 100)")));
  EXPECT_FALSE(site.Published());
  site.Configure("", "");
  const Outcome third = site.Run({"train", "--resume"});
  ASSERT_TRUE(third.ok()) << third.said;
  EXPECT_THAT(third.said, HasSubstr("candidate model: training is already finished"));
  EXPECT_TRUE(site.File("candidate.uxs") == whole_->File("candidate.uxs"));
}

}  // namespace
}  // namespace upnext
