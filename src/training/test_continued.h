// A project whose log grows by days and whose models continue from day to day, for the tests of that.
#ifndef UPNEXT_TRAINING_TEST_CONTINUED_H_
#define UPNEXT_TRAINING_TEST_CONTINUED_H_

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/thread_pool.h"
#include "base/versioned_root.h"
#include "features/feature_statistics.h"
#include "features/test_log.h"
#include "log/append.h"
#include "log/event_log.h"
#include "project/project.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "training/job.h"
#include "training/options.h"
#include "training/test_project.h"

namespace upnext::training {

namespace fs = std::filesystem;

inline constexpr char kInTimeOrder[] = R"toml(
[retrieval]
dim = 4
depth = 0
batch = 32
negatives = 0
epochs = 1
[ranking]
order = "time"
widths = [8]
batch = 64
epochs = 2
)toml";

inline constexpr uint32_t kDailyUsers = 30, kDailyItems = 20, kPagesADay = 2, kPageItems = 4;

// Pages of a day, of which each user clicks and watches items of one kind; item dN came on day N.
inline std::vector<schema::RawEvent> EventsOfDay(uint32_t day) {
  using schema::EventType;
  base::Rng rng(100, day);
  std::vector<schema::RawEvent> events;
  for (uint32_t u = 0; u < kDailyUsers; ++u) {
    const std::string user = features::Numbered("u", u);
    for (uint32_t page = 0; page < kPagesADay; ++page) {
      const double minute = 1440.0 * day + 300.0 * page + u;
      const std::string request = fmt::format("r{}-{}-{}", u, day, page);
      const auto add = [&](EventType type, const std::string& item, double after) -> auto& {
        events.push_back(features::Of(type, user, item, features::Minutes(minute + after)));
        events.back().request = request;
        return events.back();
      };
      for (uint16_t position = 1; position <= kPageItems; ++position) {
        const auto number = static_cast<uint32_t>(rng.Below(kDailyItems));
        const std::string item = position == 1 && day > 5 ? features::Numbered("d", day)
                                                          : features::Numbered("i", number);
        add(EventType::kImpression, item, 0).position = position;
        if (rng.Uniform() > (number % 2 == u % 2 ? 0.8 : 0.1)) continue;
        add(EventType::kClick, item, 1);
        add(EventType::kWatch, item, 2).value = static_cast<float>(60 + rng.Below(60));
      }
    }
  }
  return events;
}

// What is said, and how many examples each training of a ranker was to see.
class Heard : public base::Progress {
 public:
  explicit Heard(int stop_at = 0) : left_(stop_at) {}
  void Begin(std::string_view stage, std::string_view, uint64_t total) override {
    if (stage == "train candidate model") candidate_examples.push_back(total);
    if (stage != "train ranker") return;
    examples.push_back(total);
    if (left_ > 0 && --left_ == 0) stop_ = true;
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { notes.emplace_back(line); }
  bool stop_requested() const override { return stop_; }
  std::vector<uint64_t> examples, candidate_examples;
  std::vector<std::string> notes;

 private:
  int left_;
  bool stop_ = false;
};

class ContinuedTest : public testing::Test {
 protected:
  void SetUp() override {
    Load(kInTimeOrder);
    std::vector<schema::RawEvent> events;
    for (uint32_t day = 0; day < 6; ++day)
      std::ranges::copy(EventsOfDay(day), std::back_inserter(events));
    PublishLog(*project_, events, {}, {});
  }
  void Load(const std::string& toml) {
    LoadProject(folder_.path(), toml, &project_, &options_);
    options_.margin =
        1;  // models this small and a test day this short: the gate is not in question
  }
  void Append(uint32_t day) { Append(EventsOfDay(day)); }
  void Append(const std::vector<schema::RawEvent>& events) {
    base::VersionedRoot logs = project_->logs();
    const auto base = project_->OpenLog();
    ASSERT_TRUE(base) << base.error().message;
    const auto staged = logs.Begin();
    ASSERT_TRUE(staged);
    const Status written = log::WriteAppendedLog(*staged, *base, events, {}, {});
    ASSERT_TRUE(written) << written.error().message;
    const auto version = logs.Publish(*staged);
    ASSERT_TRUE(version && logs.SetCurrent(*version));
  }
  Result<JobResult> Run(const JobRequest& request, base::Progress& progress = base::NoProgress()) {
    return RunJob(*project_, options_, request, pool_, progress);
  }
  void Publish(const JobRequest& request = {}, base::Progress& progress = base::NoProgress()) {
    const auto result = Run(request, progress);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_TRUE(result->published) << result->manifest.gate << result->nothing_new;
  }
  std::string WhyNot(const JobRequest& request = {.continues = Continue::kYes}) {
    const auto result = Run(request);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }
  void ExpectRefused(const std::string& reason) {
    const std::string why = WhyNot();
    EXPECT_THAT(why, testing::HasSubstr(reason));
    EXPECT_THAT(why, testing::HasSubstr("without --continue"));
  }
  void ExpectTrainedAnew(const std::string& reason) {
    Heard heard;
    const auto anew = Run({.force = true, .continues = Continue::kIfPossible}, heard);
    ASSERT_TRUE(anew) << anew.error().message;
    EXPECT_TRUE(anew->published);
    EXPECT_THAT(anew->report.notes, testing::Contains(testing::HasSubstr("trains anew")));
    EXPECT_THAT(heard.notes, testing::Contains(testing::HasSubstr(reason)));
  }
  fs::path Bundle(const char* version) const { return project_->bundles().Path(version); }
  features::FeatureStatistics Statistics(const char* version, const char* file) const {
    auto loaded = features::FeatureStatistics::Load(Bundle(version) / file);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? *std::move(loaded) : features::FeatureStatistics();
  }

  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::optional<project::Project> project_;
  Options options_;
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TEST_CONTINUED_H_
