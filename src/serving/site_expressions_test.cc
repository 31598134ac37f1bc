#include "serving/site_expressions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "ann/index.h"
#include "base/config.h"
#include "bundle/test_bundle.h"
#include "catalogue/catalogue.h"
#include "features/test_log.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"
#include "serving/engine.h"

namespace upnext::serving {
namespace {

using bundle::TestProject;
using bundle::TestProjectOptions;
using testing::HasSubstr;

class SiteExpressionsTest : public testing::Test {
 protected:
  void Make(const ExpressionTexts& site = {}, const TestProjectOptions& project = {}) {
    if (project_ == nullptr) {
      project_ = std::make_unique<TestProject>(project);
      bundle_ = project_->Open();
      ASSERT_NE(bundle_, nullptr);
    }
    engine_ = std::make_unique<Engine>(*bundle_, catalogue(), EngineOptions{.expressions = site});
  }
  const catalogue::Catalogue& catalogue() const { return project_->log().catalogue(); }
  static Request For(std::string user, std::string filter = "", std::string boost = "") {
    return {.user = std::move(user),
            .n = 40,
            .time_ms = features::Minutes(20'000),
            .filter = std::move(filter),
            .boost = std::move(boost)};
  }
  Result<Slate> Ask(const Request& request) const {
    const bool known = catalogue().Find(schema::IdSpace::kUser, request.user) != schema::kNone;
    return engine_->Recommend(
        known ? features::Fold(project_->log(), request.user) : features::UserState(), request);
  }
  Slate Recommend(const Request& request) const {
    Result<Slate> slate = Ask(request);
    if (!slate) ADD_FAILURE() << slate.error().message;
    return slate ? *std::move(slate) : Slate{};
  }
  std::string Wrong(const Request& request) const {
    const Result<Slate> slate = Ask(request);
    return slate ? std::string() : slate.error().message;
  }
  std::string ChannelOf(uint32_t item) const {
    return catalogue().Name(schema::IdSpace::kChannel, catalogue().item(item).channel);
  }
  static std::set<std::string> IdsOf(const Slate& slate) {
    std::set<std::string> ids;
    for (const Recommendation& item : slate.items) ids.insert(item.id);
    return ids;
  }
  static std::map<std::string, double> ScoresOf(const Slate& slate) {
    std::map<std::string, double> scores;
    for (const Recommendation& item : slate.items) scores[item.id] = item.score;
    return scores;
  }
  static uint32_t Filtered(const Slate& slate) {
    const auto& reasons = slate.counts.filtered;
    return std::ranges::find(reasons, "filter", &FilterReason::filter)->items;
  }

  std::unique_ptr<TestProject> project_;
  std::unique_ptr<bundle::Bundle> bundle_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(SiteExpressionsTest, AFilterLeavesExactlyWhatHolds) {
  Make();
  for (const char* user : {"u", "u5", "nobody"}) {
    const Slate all = Recommend(For(user));
    EXPECT_EQ(Filtered(all), 0u);
    std::set<std::string> expected;
    for (const Recommendation& one : all.items) {
      const schema::Item item = catalogue().item(one.item);
      if (ChannelOf(one.item) == "c1" && item.duration_s > 50) expected.insert(one.id);
    }
    ASSERT_FALSE(expected.empty());
    const Slate some = Recommend(For(user, "item.channel == 'c1' and item.duration > 50"));
    EXPECT_EQ(IdsOf(some), expected);
    EXPECT_GE(Filtered(some), all.items.size() - expected.size());
    const StageCounts& counts = some.counts;
    uint32_t left_out = 0;
    for (const FilterReason& reason : counts.filtered) left_out += reason.items;
    EXPECT_EQ(counts.after_filters, counts.distinct - left_out);
    // Scores do not depend on what else is in the slate.
    for (const auto& [id, score] : ScoresOf(some)) EXPECT_EQ(score, ScoresOf(all)[id]) << id;
  }
}

// One item in a thousand: the places are filled from all of the catalogue, by every generator that
// knows the items.
TEST_F(SiteExpressionsTest, AFilterThatFewItemsPassStillFillsTheSlate) {
  for (const auto kind : {ann::IndexOptions::Kind::kExact, ann::IndexOptions::Kind::kGraph}) {
    project_ = nullptr;
    Make({}, {.items = 4000, .index = {.kind = kind}});
    const std::vector<uint64_t> watches = retrieval::CountWatches(project_->source());
    Request request = For("nobody", "item in $items");
    std::set<std::string> watched, expected;
    std::vector<std::string> names;
    for (uint32_t item = 0; item < watches.size() && expected.size() < 4; ++item) {
      const bool is_wanted = watches[item] > 0 ? watched.size() < 2 : item % 1000 == 999;
      if (!is_wanted || catalogue().item(item).removed) continue;
      const std::string id = catalogue().Name(schema::IdSpace::kItem, item);
      if (watches[item] > 0) watched.insert(id);
      expected.insert(id);
      names.push_back(id);
    }
    ASSERT_EQ(expected.size(), 4u);
    request.parameters = {{"items", names}};
    const Slate slate = Recommend(request);
    EXPECT_EQ(IdsOf(slate), expected);
    for (const Recommendation& item : slate.items) {
      std::set<std::string> sources;
      for (const SourceScore& source : item.sources) sources.insert(source.source);
      EXPECT_TRUE(sources.contains("candidate-model")) << item.id;
      EXPECT_EQ(sources.contains("popular"), watched.contains(item.id)) << item.id;
    }
  }
}

TEST_F(SiteExpressionsTest, FoundCandidatesAreFilteredToo) {
  Make();
  base::ThreadPool pool(1);
  const Request request = For("u", "item.channel == 'c2'");
  const features::UserState state = features::Fold(project_->log(), "u");
  const std::vector<UserRequest> requests = {{state, request}};
  const std::vector<Found> found = engine_->FindForMany(requests, pool);
  const auto slate = engine_->Recommend(state, request, nullptr, &found[0]);
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(ScoresOf(*slate), ScoresOf(Recommend(request)));
  for (const Recommendation& item : slate->items) EXPECT_EQ(ChannelOf(item.item), "c2");
  EXPECT_FALSE(slate->items.empty());
}

TEST_F(SiteExpressionsTest, ABoostMultipliesTheScoreOfTheRanker) {
  Make();
  auto plain = ScoresOf(Recommend(For("u")));
  const Slate boosted = Recommend(For("u", "", "if(item.channel == 'c1', 3, 1)"));
  ASSERT_EQ(boosted.items.size(), plain.size());
  for (const Recommendation& item : boosted.items) {
    const double factor = ChannelOf(item.item) == "c1" ? 3 : 1;
    EXPECT_EQ(item.boost, factor);
    EXPECT_DOUBLE_EQ(item.score, plain[item.id] * factor);
  }
  EXPECT_TRUE(
      std::ranges::is_sorted(boosted.items, std::ranges::greater(), &Recommendation::score));
  EXPECT_EQ(Recommend(For("u")).items[0].boost, std::nullopt);
}

TEST_F(SiteExpressionsTest, ABoostIsNotNegativeAndAMissingOneIsOne) {
  Make();
  auto plain = ScoresOf(Recommend(For("u")));
  for (const char* boost : {"if(item.channel == 'c1', 0, 1)", "if(item.channel == 'c1', -5, 1)"}) {
    const Slate slate = Recommend(For("u", "", boost));
    ASSERT_EQ(slate.items.size(), plain.size());  // last, not out
    bool is_last = false;
    for (const Recommendation& item : slate.items) {
      EXPECT_GE(item.score, 0);
      is_last |= ChannelOf(item.item) == "c1";
      EXPECT_EQ(ChannelOf(item.item) == "c1", is_last) << item.id;
    }
  }
  for (const Recommendation& item : Recommend(For("u", "", "item.duration / 50")).items) {
    EXPECT_EQ(item.boost, catalogue().item(item.item).duration_s > 0 ? 2 : 1);
  }
  EXPECT_EQ(Recommend(For("u", "", "exp(100)")).items[0].boost, kMaxBoost);
}

TEST_F(SiteExpressionsTest, WithoutARankerABoostMultipliesTheWorthOfThePlace) {
  Make({}, {.ranker = false});
  const Slate plain = Recommend(For("u"));
  const std::string last = plain.items.back().id;
  Request request = For("u", "", "if(item == $item, 1000, 1)");
  request.parameters = {{"item", {last}}};
  EXPECT_EQ(Recommend(request).items.front().id, last);
  request.parameters = {{"item", {plain.items.front().id}}};
  request.boost = "if(item == $item, 0, 1)";
  EXPECT_EQ(Recommend(request).items.back().id, plain.items.front().id);
}

TEST_F(SiteExpressionsTest, RetrievalHasNoScoreToBoost) {
  Make({.boost = "2"});
  Request request = For("u", "", "2");
  request.stage = Stage::kRetrieval;
  EXPECT_EQ(Wrong(request), "boost: expected none with the stage retrieval");
  request.boost = "";
  const Slate slate = Recommend(request);
  EXPECT_EQ(slate.items[0].boost, std::nullopt);
}

TEST_F(SiteExpressionsTest, TheSiteAndTheRequestBothHaveASay) {
  Make({.filter = "item.channel != $hidden else 'c0'", .boost = "2"});
  const Slate site = Recommend(For("u", "", ""));
  for (const Recommendation& item : site.items) {
    EXPECT_NE(ChannelOf(item.item), "c0");
    EXPECT_EQ(item.boost, 2);
  }
  Request both = For("u", "item.duration is not missing", "$by");
  both.parameters = {{"by", {"1.5"}}, {"hidden", {"c1"}}};
  const Slate slate = Recommend(both);
  EXPECT_FALSE(slate.items.empty());
  std::set<std::string> channels;
  for (const Recommendation& item : slate.items) {
    channels.insert(ChannelOf(item.item));
    EXPECT_GT(catalogue().item(item.item).duration_s, 0);
    EXPECT_EQ(item.boost, 3);
  }
  EXPECT_THAT(channels, testing::ElementsAre("c0", "c2", "c3"));
}

TEST_F(SiteExpressionsTest, RequestsAreReadByTheirFilters) {
  Make();
  Request request = For("u", "item.channel == request.current_item.channel and user.age == 20");
  request.current_item = "i6";
  for (const Recommendation& item : Recommend(request).items) {
    EXPECT_EQ(ChannelOf(item.item), "c2");
  }
  EXPECT_FALSE(Recommend(request).items.empty());
  EXPECT_TRUE(Recommend(For("u", "now < '2023-01-01'")).items.empty());
  EXPECT_THAT(Recommend(For("u", "false")).notes, testing::Contains(HasSubstr("or filtered")));
}

TEST_F(SiteExpressionsTest, MistakesAreNamed) {
  Make();
  EXPECT_EQ(Wrong(For("u", "true and item.duratio < 5")),
            "filter: at byte 10: unknown attribute 'item.duratio'; did you mean 'item.duration'?");
  EXPECT_EQ(Wrong(For("u", "", "item.channel")),
            "boost: at byte 1: expected a number, found an id of 'channels'");
  EXPECT_EQ(Wrong(For("u", "item.duration < $max")),
            "parameter $max: expected a value, found none");
  Request request = For("u", "item.duration < $max_duration");
  request.parameters = {{"max_durations", {"5"}}};
  EXPECT_EQ(Wrong(request),
            "parameter $max_durations: no filter or boost has it; did you mean 'max_duration'?");
  Make({.filter = "item.price < 5"});  // of a log without prices
  EXPECT_THAT(Wrong(For("u")), HasSubstr("[serving] filter: at byte 1: unknown attribute"));
}

TEST_F(SiteExpressionsTest, SimilarItemsAreFilteredByBoth) {
  Make({.filter = "item.duration is not missing"});
  const auto similar = engine_->Similar(
      {.item = "i2", .n = 38, .filter = "item.channel == request.current_item.channel"});
  ASSERT_TRUE(similar) << similar.error().message;
  std::set<std::string> ids, expected;
  for (const Recommendation& one : *similar) ids.insert(one.id);
  for (uint32_t i = 6; i < 40; i += 4) {  // channel c2
    if (i % 5 != 4) expected.insert(features::Numbered("i", i));
  }
  EXPECT_EQ(ids, expected);
  EXPECT_EQ(engine_->Similar({.item = "i2", .n = 3})->size(), 3u);
  EXPECT_THAT(engine_->Similar({.item = "i2", .filter = "item.x"}).error().message,
              HasSubstr("filter: at byte 1"));
  EXPECT_EQ(engine_->Similar({.item = "none"}).error().code, Code::kNotFound);
}

TEST(ExpressionTextsTest, AreCheckedWhenTheProjectFileIsRead) {
  const auto mistake = [](const std::string& serving) {
    const auto config =
        base::Config::Parse("[schema.items]\nprice = \"number\"\n[serving]\n" + serving, "options");
    const EngineOptions options = EngineOptions::FromConfig(*config);
    const Status checked = config->Check();
    return checked ? options.expressions.filter + options.expressions.boost
                   : checked.error().message;
  };
  EXPECT_EQ(mistake("filter = \"item.price < 5\"\nboost = \"$x\""), "item.price < 5$x");
  EXPECT_THAT(mistake("filter = \"true or item.prise < 5\""),
              testing::AllOf(HasSubstr("options:4:19"), HasSubstr("unknown attribute 'item.prise'"),
                             HasSubstr("did you mean 'item.price'?")));
  EXPECT_THAT(mistake("boost = \"item.price < 5\""), HasSubstr("expected a number"));
}

}  // namespace
}  // namespace upnext::serving
