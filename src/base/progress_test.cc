#include "base/progress.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace upnext::base {
namespace {

class Recorder : public Progress {
 public:
  void Begin(std::string_view stage, std::string_view unit, uint64_t total) override {
    calls.push_back("begin " + std::string(stage) + " " + std::to_string(total) + " " +
                    std::string(unit));
  }
  void Update(uint64_t done, std::string_view note) override {
    calls.push_back("update " + std::to_string(done) + " " + std::string(note));
  }
  void End() override { calls.push_back("end"); }
  void Note(std::string_view line) override { calls.push_back("note " + std::string(line)); }
  std::vector<std::string> calls;
};

TEST(ProgressStage, BeginsAndEndsWithItsScope) {
  Recorder recorder;
  {
    ProgressStage stage(recorder, "import", "rows", 10);
    stage.Update(4, "half");
  }
  EXPECT_EQ(recorder.calls,
            (std::vector<std::string>{"begin import 10 rows", "update 4 half", "end"}));
}

TEST(NoProgress, TakesEverythingAndNeverAsksToStop) {
  ProgressStage stage(NoProgress(), "import", "rows", 0);
  stage.Update(1);
  NoProgress().Note("3 rows rejected");
  EXPECT_FALSE(NoProgress().stop_requested());
}

}  // namespace
}  // namespace upnext::base
