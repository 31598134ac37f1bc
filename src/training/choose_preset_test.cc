#include "training/choose_preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/split.h"
#include "features/test_log.h"
#include "schema/raw_event.h"

namespace upnext::training {
namespace {

using testing::HasSubstr;

// Chains of ten items of twenty: the next item follows from the last, and is never one seen before.
std::vector<schema::RawEvent> Chains(int users) {
  std::vector<schema::RawEvent> events;
  base::Rng rng(1);
  for (int user = 0; user < users; ++user) {
    uint64_t item = rng.Below(20);
    for (int i = 0; i < 10; ++i) {
      schema::RawEvent event;
      event.user = "u" + std::to_string(user);
      event.item = "i" + std::to_string((item + static_cast<uint64_t>(i)) % 20);
      event.type = schema::EventType::kComplete;
      event.time_ms = 1'700'000'000'000 + i * 1'000'003 + user;
      events.push_back(event);
    }
  }
  return events;
}

class ChoosePresetTest : public testing::Test {
 protected:
  Result<PresetChoice> Choose(int users, const std::string& keys) {
    const features::TestLog log(Chains(users), {}, {});
    DatasetOptions options;
    options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
    const auto dataset = Dataset::Prepare(log.log(), options, pool_, base::NoProgress());
    EXPECT_TRUE(dataset) << dataset.error().message;
    const base::Config config =
        base::Config::Parse(
            "[retrieval]\npreset = \"auto\"\nitems = \"id\"\ndim = 16\nnegatives = 0\n" + keys, "p")
            .value();
    const auto presets = retrieval::PresetOptions::FromConfig(config.Table("retrieval"));
    EXPECT_TRUE(config.Check());
    return ChoosePreset(**dataset, presets, 1, pool_, base::NoProgress());
  }
  base::ThreadPool pool_{2};
};

TEST_F(ChoosePresetTest, TheChoiceIsTheBestOnValidationAndTheSameForTheSameBudget) {
  const auto first = Choose(300, ""), second = Choose(300, "");
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second);
  EXPECT_EQ(first->notes, second->notes);
  ASSERT_EQ(first->notes.size(), 5u);
  EXPECT_THAT(first->notes[0], HasSubstr("\"" + first->preset.name + "\" was chosen"));
  EXPECT_THAT(first->notes[1], HasSubstr("preset " + first->preset.name + ": validation NDCG@10"));
  // The paper's mean of all watches does not know which was the last.
  EXPECT_NE(first->preset.name, "watch");
  EXPECT_THAT(first->notes[4], HasSubstr("within 4 epochs")) << "out after the first round";
}

TEST_F(ChoosePresetTest, ASmallBudgetTrainsOnAShareOfTheUsers) {
  const auto choice = Choose(300, "search_examples = 20000");
  ASSERT_TRUE(choice) << choice.error().message;
  EXPECT_THAT(choice->notes[0], testing::Not(HasSubstr("on 100 % of the users")));
}

TEST_F(ChoosePresetTest, WithoutABudgetOrOnASmallLogTheFirstIsTakenAndItIsSaidWhy) {
  const auto no_budget = Choose(300, "search_examples = 0");
  ASSERT_TRUE(no_budget) << no_budget.error().message;
  EXPECT_EQ(no_budget->preset.name, "linear");
  EXPECT_THAT(no_budget->notes.at(0), HasSubstr("search_examples is 0"));
  const auto small = Choose(30, "");
  ASSERT_TRUE(small) << small.error().message;
  EXPECT_EQ(small->preset.name, "linear");
  EXPECT_THAT(small->notes.at(0), HasSubstr("30 cases"));
}

TEST_F(ChoosePresetTest, WhenItsSecondsEndTheBestSoFarIsTaken) {
  const auto choice = Choose(300, "search_seconds = 0.000001");
  ASSERT_TRUE(choice) << choice.error().message;
  EXPECT_EQ(choice->preset.name, "linear");
  EXPECT_THAT(choice->notes[0], HasSubstr("until search_seconds ended"));
  EXPECT_THAT(choice->notes[2], HasSubstr("not tried"));
}

}  // namespace
}  // namespace upnext::training
