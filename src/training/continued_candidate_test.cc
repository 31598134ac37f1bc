// Training that continues from the candidate model of the current bundle (TR-02).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/section_file.h"
#include "bundle/opened_bundle.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_state.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "training/job.h"
#include "training/test_continued.h"

namespace upnext::training {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kBothContinue[] = "keep_state = true\naverage_decay = 0.9\n";

// The candidate model of a project whose ranker continues, or one that has no state.
class ContinuedCandidateTest : public ContinuedTest {
 protected:
  void SetUp() override {
    ContinuedTest::SetUp();
    Load(Settings(kInTimeOrder));
  }
  static std::string Settings(std::string toml, std::string_view more = kBothContinue) {
    return toml.replace(toml.find("[retrieval]\n"), 12, "[retrieval]\n" + std::string(more));
  }
  uint64_t Digest(const char* version, const char* features) {
    const auto file = base::SectionFile::Open(Bundle(version) / features, features::kTablesKind,
                                              features::kTablesVersion);
    EXPECT_TRUE(file) << file.error().message;
    return file ? file->digest() : 0;
  }
  retrieval::CandidateModel Model(const char* version, const char* file, const char* features) {
    auto model = retrieval::CandidateModel::Load(Bundle(version) / file, Digest(version, features));
    EXPECT_TRUE(model) << model.error().message;
    return std::move(model).value();
  }
};

TEST_F(ContinuedCandidateTest, TR02_BothModelsContinueWithWhatIsNewToEach) {
  Heard first;
  Publish({}, first);
  for (const char* part : {"candidate_state.uxs", "validated.candidate_state.uxs"}) {
    EXPECT_TRUE(fs::exists(Bundle("v000001") / part)) << part;
  }
  EXPECT_TRUE(project_->OpenBundle(bundle::LogChoice::kNewest));
  Append(6);
  Heard heard;
  Publish({.continues = Continue::kYes}, heard);
  EXPECT_THAT(heard.notes, Contains(HasSubstr("candidate model and ranker continue from")));
  ASSERT_EQ(first.candidate_examples.size(), 2u);
  ASSERT_EQ(heard.candidate_examples.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {  // one day instead of four and of six
    EXPECT_GT(heard.candidate_examples[i], 0u);
    EXPECT_LT(heard.candidate_examples[i], first.candidate_examples[i] / 2);
  }
  // What one day of labels did not touch is as it was, in both chains.
  for (const bool validated : {false, true}) {
    const char* file = validated ? "validated.candidate.uxs" : "candidate.uxs";
    const char* features = validated ? "validated.features.uxs" : "features.uxs";
    retrieval::CandidateModel old = Model("v000001", file, features),
                              now = Model("v000002", file, features);
    EXPECT_GE(now.shape().items, old.shape().items);
    double moved = 0, size = 0;
    for (uint32_t row = 1; row < old.shape().items; ++row) {
      for (uint32_t d = 0; d < old.dim(); ++d) {
        const double before = old.item_vectors().Row(row)[d],
                     after = now.item_vectors().Row(row)[d];
        moved += (after - before) * (after - before);
        size += before * before;
      }
    }
    EXPECT_GT(moved, 0);
    EXPECT_LT(moved, size / 2) << "a model of another start would be as far as it is long";
  }
  Append(7);
  Publish({.continues = Continue::kYes});  // and so on
}

TEST_F(ContinuedCandidateTest, TR02_ItContinuesAloneWhereTheRankerHasNoState) {
  const std::string time = "\"time\"";
  std::string shuffled(kInTimeOrder);
  shuffled.replace(shuffled.find(time), time.size(), "\"shuffled\"");
  Load(Settings(shuffled));
  Publish();
  const auto same = Run({.continues = Continue::kYes});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_THAT(same->nothing_new, HasSubstr("no positive event after"));
  Append(6);
  Heard heard;
  Publish({.continues = Continue::kYes}, heard);
  EXPECT_THAT(heard.notes,
              Contains(HasSubstr("the candidate model continues from bundle v000001")));
  // The ranker learns from all days.
  EXPECT_GT(heard.examples.at(0), 2 * 3 * kDailyUsers * kPagesADay * kPageItems);
}

TEST_F(ContinuedCandidateTest, TR02_WhereOnlyPositiveEventsAreNewTheRankerStaysAsItIs) {
  Publish();
  std::vector<schema::RawEvent> events = EventsOfDay(6);
  std::erase_if(events, [](const schema::RawEvent& event) {
    return event.type == schema::EventType::kImpression;
  });
  Append(events);
  Heard heard;
  Publish({.continues = Continue::kYes}, heard);
  ASSERT_EQ(heard.examples.size(), 1u) << "the day before is new to the validated ranker alone";
  EXPECT_THAT(heard.notes, Contains("ranker: no impression is new, so it stays as it is"));
  ASSERT_EQ(heard.candidate_examples.size(), 2u);
  EXPECT_GT(heard.candidate_examples[1], 0u);
  const auto same = Run({.continues = Continue::kYes});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_THAT(same->nothing_new, HasSubstr("no impression and no positive event after"));
}

TEST_F(ContinuedCandidateTest, OtherSettingsOfTheModelAreRefusedAndRatesAreNot) {
  Publish();
  Append(6);
  Load(Settings(kInTimeOrder, "keep_state = true\naverage_decay = 0.5\n"));
  ExpectRefused("retrieval.average_decay");
  Load(Settings(kInTimeOrder, std::string(kBothContinue) + "tower_learning_rate = 0.0001\n"));
  Publish({.continues = Continue::kYes});
}

// So that what continues needs no search.
TEST_F(ContinuedCandidateTest, TheStateNamesThePreset) {
  Load(Settings(kInTimeOrder, "preset = \"deep\"\nkeep_state = true\n"));
  Publish();
  Append(6);
  Publish({.continues = Continue::kYes});
  for (const char* version : {"v000001", "v000002"}) {
    const auto state = retrieval::CandidateState::Load(Bundle(version) / "candidate_state.uxs",
                                                       Digest(version, "features.uxs"));
    ASSERT_TRUE(state) << state.error().message;
    EXPECT_EQ(state->preset(), "deep");
  }
}

}  // namespace
}  // namespace upnext::training
