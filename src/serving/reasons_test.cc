// Why items are shown: the words of the generator that proposed them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "bundle/test_bundle.h"
#include "features/user_state.h"
#include "retrieval/generator_registry.h"
#include "schema/event.h"
#include "serving/engine.h"

namespace upnext::serving {
namespace {

using bundle::TestProject;
using features::UserState;

class ReasonsTest : public testing::Test {
 protected:
  Slate Recommend(const retrieval::GeneratorBudgets& budgets, const UserState& state,
                  const std::string& watching = "") const {
    EngineOptions options{.budgets = budgets};
    for (const auto& entry : retrieval::BuiltInGenerators()) {
      options.budgets.try_emplace(std::string(entry.name), 0);
    }
    const Engine engine(*bundle_, project_.log().catalogue(), options);
    const Result<Slate> slate = engine.Recommend(
        state,
        {.user = "u", .n = 40, .current_item = watching, .time_ms = features::Minutes(20'000)});
    EXPECT_TRUE(slate && !slate->items.empty());
    return slate ? *slate : Slate{};
  }
  // After complete watches of these items of the project.
  UserState StateAfter(const std::vector<std::string>& items) const {
    UserState state = features::EmptyState();
    for (size_t i = 0; i < items.size(); ++i) {
      state.Apply({.time_ms = features::Minutes(19'000 + static_cast<double>(i)),
                   .type = schema::EventType::kWatch,
                   .item = project_.log().item(items[i]),
                   .value = 99},
                  project_.log().catalogue(), {});
    }
    return state;
  }
  static std::set<std::string> Texts(const Slate& slate) {
    std::set<std::string> texts;
    for (const Recommendation& item : slate.items) texts.insert(item.reason);
    return texts;
  }

  const TestProject project_;
  const std::unique_ptr<bundle::Bundle> bundle_ = project_.Open();
};

TEST_F(ReasonsTest, CoWatchNamesTheItemItCameFrom) {
  const Slate slate = Recommend({{"co-watch", 20}}, features::Fold(project_.log(), "u"));
  std::set<std::string> origins;
  for (const Recommendation& item : slate.items) {
    const std::string from = item.sources[0].from;  // "i7", whose title is "Title of 7"
    EXPECT_EQ(item.reason, "because you watched Title of " + from.substr(1));
    origins.insert(from);
  }
  EXPECT_GT(origins.size(), 1u);
  EXPECT_THAT(Texts(Recommend({{"co-watch", 20}}, UserState(), "i2")),
              testing::ElementsAre("because you are watching Title of 2"));
}

TEST_F(ReasonsTest, TopicNamesTheItemItCameFrom) {
  EXPECT_THAT(Texts(Recommend({{"topic", 20}}, StateAfter({"i3"}))),
              testing::ElementsAre("on a topic of Title of 3"));
}

TEST_F(ReasonsTest, ListsForEveryoneSaySo) {
  const UserState state = features::Fold(project_.log(), "u");
  EXPECT_THAT(Texts(Recommend({{"popular", 20}}, state)), testing::ElementsAre("popular"));
  EXPECT_THAT(Texts(Recommend({{"trending", 20}}, state)),
              testing::ElementsAre("popular these days"));
}

TEST_F(ReasonsTest, TheModelNamesChannelTopicHistoryOrSituation) {
  const retrieval::GeneratorBudgets model = {{"candidate-model", 40}};
  EXPECT_THAT(Texts(Recommend(model, UserState())),
              testing::ElementsAre("often watched by people in your situation"));
  EXPECT_THAT(Texts(Recommend(model, StateAfter({"i3"}))),
              testing::ElementsAre("people with a history like yours watched it next"));
  // Item n is of channel c<n mod 4> and topic t<n mod 3>.
  const Slate slate = Recommend(model, StateAfter({"i0", "i12", "i24"}));
  for (const Recommendation& item : slate.items) {
    const int n = std::stoi(item.id.substr(1));
    EXPECT_EQ(item.reason, n % 4 == 0   ? "you watched c0 3 times"
                           : n % 3 == 0 ? "you often watch t0"
                                        : "people with a history like yours watched it next");
  }
}

// Of several generators the first that names an item speaks, else the first.
TEST_F(ReasonsTest, AGeneratorThatNamesAnItemSpeaksBeforeOthers) {
  const Slate slate =
      Recommend({{"candidate-model", 40}, {"co-watch", 8}, {"topic", 8}}, StateAfter({"i3", "i5"}));
  std::set<std::string> spoke;
  for (const Recommendation& item : slate.items) {
    std::string expected = "people with a history like yours watched it next", who = "model";
    for (const SourceScore& source : item.sources) {
      if (source.from.empty()) continue;
      who = source.source;
      expected = (who == "topic" ? "on a topic of Title of " : "because you watched Title of ") +
                 source.from.substr(1);
      break;
    }
    EXPECT_EQ(item.reason, expected);
    EXPECT_EQ(item.sources[0].source, "candidate-model");
    spoke.insert(who);
  }
  EXPECT_THAT(spoke, testing::ElementsAre("co-watch", "model", "topic"));
}

}  // namespace
}  // namespace upnext::serving
