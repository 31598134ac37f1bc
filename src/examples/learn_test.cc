#include "examples/learn.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/file.h"
#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

using ::testing::ElementsAre;

constexpr SplitOptions kAllTrains{.kind = SplitOptions::Kind::kNone};

std::vector<std::string> Names(const World& world, const features::FeatureStatistics& tables,
                               std::string_view id, schema::IdSpace space) {
  std::vector<std::string> names;
  const features::Vocabulary& vocabulary = tables.vocabulary(id);
  for (uint32_t row = 1; row < vocabulary.rows(); ++row) {
    names.push_back(world.catalogue.Name(space, vocabulary.Id(row)));
  }
  return names;
}

// Item "often" has the most clicks but a poor rate; "seldom" is always clicked, but was shown once;
// "watched" leads by complete watches, without any impression.
WorldOptions ClicksAgainstRates() {
  WorldOptions options{.split = kAllTrains};
  int64_t at = 0;
  const auto page = [&](const std::string& item, int shown, int clicked) {
    for (int i = 0; i < shown; ++i) {
      const std::string request = item + std::to_string(i);
      options.events.push_back(Shown("u", item, ++at, request));
      if (i < clicked) options.events.push_back(Click("u", item, ++at, request));
    }
  };
  page("often", 20, 5);
  page("seldom", 1, 1);
  page("middle", 4, 3);
  page("never", 9, 0);
  for (int i = 0; i < 30; ++i) options.events.push_back(Watch("u", "watched", ++at, 60));
  options.events.push_back(Click("u", "unseen", ++at));  // a click that joins no impression
  return options;
}

TEST(LearnFeatures, RK04_TheRankersVocabularyIsCutByClickedImpressionsNotByRate) {
  const World world(ClicksAgainstRates());
  EXPECT_THAT(Names(world, world.Learn(), features::kRankedItemVocabulary, schema::IdSpace::kItem),
              ElementsAre("often", "middle", "seldom"));
  features::FeatureSpec spec;
  spec.max_items = 2;
  const features::FeatureStatistics cut = world.Learn(spec);
  EXPECT_THAT(Names(world, cut, features::kRankedItemVocabulary, schema::IdSpace::kItem),
              ElementsAre("often", "middle"));
  EXPECT_EQ(cut.vocabulary(features::kRankedItemVocabulary).Row(world.item("seldom")), 0u);
  // The candidate model's goes by complete watches.
  EXPECT_THAT(Names(world, cut, features::kItemVocabulary, schema::IdSpace::kItem),
              ElementsAre("watched"));
}

TEST(LearnFeatures, RK04_WithoutClickedImpressionsCompleteWatchesCount) {
  const World world({.events = {Watch("u", "a", 0, 60), Watch("u", "b", 1, 60),
                                Watch("u", "b", 2, 60), Watch("u", "c", 3, 1)},
                     .split = kAllTrains});
  const features::FeatureStatistics tables = world.Learn();
  EXPECT_THAT(Names(world, tables, features::kRankedItemVocabulary, schema::IdSpace::kItem),
              ElementsAre("b", "a"));
}

TEST(LearnFeatures, CG01_VocabulariesCountTrainingRowsOnly) {
  const World world(RandomWorld(21));
  const features::FeatureStatistics tables = world.Learn();
  std::vector<uint64_t> watched(world.log.items()), devices(3), sources(2);
  std::vector<uint64_t> topics(world.catalogue.size(schema::IdSpace::kTopic));
  int64_t first = INT64_MAX, last = INT64_MIN;
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    for (uint64_t row = world.log.begin(user); row < world.split.train_end(user); ++row) {
      const schema::Event event = world.log.event(row);
      first = std::min(first, event.time_ms);
      last = std::max(last, event.time_ms);
      ++devices[event.device];
      if (event.source != schema::kNone) ++sources[event.source];
      if (event.item == schema::kNone) continue;
      const schema::Item item = world.log.item(event.item);
      for (const uint32_t topic : item.topics) ++topics[topic];
      if (world.rule.IsPositive(event, item)) ++watched[event.item];
    }
  }
  const auto expect = [&](std::string_view id, const std::vector<uint64_t>& counts) {
    const features::Vocabulary& vocabulary = tables.vocabulary(id);
    for (uint32_t i = 0; i < counts.size(); ++i) {
      const uint32_t row = vocabulary.Row(i);
      EXPECT_EQ(row == 0 ? 0 : vocabulary.count(row), counts[i]) << id << " " << i;
    }
  };
  expect(features::kItemVocabulary, watched);
  expect(features::kDeviceVocabulary, devices);
  expect("source", sources);
  expect("topic", topics);
  EXPECT_EQ(tables.train_begin_ms, first);
  EXPECT_EQ(tables.train_end_ms, last);
  EXPECT_EQ(tables.log_digest, world.log.digest());
}

TEST(LearnFeatures, RegionsAndLanguagesCountAsExtractionReadsThem) {
  schema::RawEvent abroad = Watch("u", "a", 1, 60);
  abroad.region = "fr";
  schema::RawItem item = Item("a", 60, "channel");
  item.language = "en";
  const World world({.events = {Watch("u", "a", 0, 60), abroad, Watch("u", "a", 2, 60)},
                     .items = {item},
                     .users = {{.user = "u", .region = "de", .language = "pl"}},
                     .split = kAllTrains});
  const features::FeatureStatistics tables = world.Learn();
  EXPECT_THAT(Names(world, tables, "region", schema::IdSpace::kRegion), ElementsAre("de", "fr"));
  EXPECT_THAT(Names(world, tables, "language", schema::IdSpace::kLanguage),
              ElementsAre("en", "pl"));
  EXPECT_EQ(tables.vocabulary("region").count(1), 2u);
  EXPECT_EQ(tables.vocabulary("channel").count(1), 3u);
}

TEST(LearnFeatures, CG03_TokensCountUsesInTraining) {
  const World world(
      {.events = {Search("u", "live", 0), Search("u", "live music", 1), Search("u", "late", 50)},
       .split = {.kind = SplitOptions::Kind::kTime,
                 .train_until_ms = kStart + 10,
                 .validation_until_ms = kStart + 20}});
  const features::FeatureStatistics tables = world.Learn();
  ASSERT_EQ(tables.tokens.rows(), 4u);  // live, music, "live music"
  EXPECT_EQ(tables.tokens.token(1), "live");
  EXPECT_EQ(tables.tokens.count(1), 2u);
}

TEST(LearnFeatures, ItemStatisticsKnowTrainingAlone) {
  const World world({.events = {Shown("u", "a", 0), Watch("u", "a", 1, 60),
                                Watch("u", "a", 3 * kDay, 60), Watch("u", "a", 5 * kDay, 60)},
                     .split = {.kind = SplitOptions::Kind::kTime,
                               .train_until_ms = kStart + 4 * kDay,
                               .validation_until_ms = kStart + 5 * kDay}});
  const features::FeatureStatistics tables = world.Learn();
  // Popularity: the larger of impressions and watches before the day.
  const auto popularity = [&](int64_t time_ms) {
    features::FeatureBlock block;
    features::FeatureExtractor(tables, world.catalogue, features::Model::kRanking)
        .AppendImpression(features::UserState(), schema::kNone, {.time_ms = time_ms},
                          {.item = world.item("a")}, &block);
    const features::SidePlan& plan =
        tables.plan.side(features::Model::kRanking, features::Side::kImpression);
    return block
        .raw[std::ranges::find(plan.numbers, "item_popularity", &features::Feature::name)->raw];
  };
  EXPECT_EQ(popularity(kStart), 0);
  EXPECT_EQ(popularity(kStart + kDay), 1);
  EXPECT_EQ(popularity(kStart + 100 * kDay), 2);
}

TEST(LearnFeatures, EverybodysSearchesCountByWhatTheirRequestsSay) {
  WorldOptions options{.split = kAllTrains};
  options.schema = schema::Schema::Parse("schema.requests.page = 'category'").value();
  for (const std::string page : {"home", "home", "deep"}) {
    options.events.push_back(Search("u", "cats", 0));
    options.events.back().attributes = {{schema::request_attribute::kBuiltIn, page}};
  }
  options.events[1].user = "v";
  const World world(options);
  const features::FeatureStatistics tables = world.Learn(
      {.defaults = false, .ranking = {{"n", "everybody(count(search, request.page))", ""}}});
  const schema::IdSpace page = *options.schema.FindIdSpace("page");
  const auto searches = [&](const std::string& name) {
    return tables.counts.At(1, world.Id(page, name), kStart + kDay)[0];
  };
  EXPECT_EQ(searches("home"), 2);
  EXPECT_EQ(searches("deep"), 1);
}

TEST(LearnFeatures, RK05_QuantilesComeFromTrainingImpressions) {
  // Durations 1 .. 100 in training impressions, 1000 in later ones.
  WorldOptions options;
  for (int i = 1; i <= 200; ++i) {
    const std::string item = fmt::format("i{}", i);
    options.items.push_back(Item(item, i <= 100 ? static_cast<float>(i) : 1000.0f));
    options.events.push_back(Shown("u", item, i));
  }
  options.split = {.kind = SplitOptions::Kind::kTime,
                   .train_until_ms = kStart + 101,
                   .validation_until_ms = kStart + 150};
  const World world(options);
  const features::FeatureStatistics tables = world.Learn();
  const features::SidePlan& plan =
      tables.plan.side(features::Model::kRanking, features::Side::kImpression);
  const auto quantiles = tables.QuantilesOf(features::Model::kRanking, features::Side::kImpression);
  ASSERT_EQ(quantiles.size(), plan.numbers.size());
  const auto feature = std::ranges::find(plan.numbers, "duration_s", &features::Feature::name);
  ASSERT_NE(feature, plan.numbers.end());
  const features::Quantiles& duration = quantiles[feature->raw];
  EXPECT_NEAR(duration.Normalize(50), 0.5f, 0.02f);
  EXPECT_NEAR(duration.Normalize(25), 0.25f, 0.02f);
  EXPECT_GT(duration.Normalize(100), 0.97f);
}

TEST(LearnFeatures, QuantilesOfTheCandidateModelComeFromTrainingWatches) {
  WorldOptions options;
  for (int i = 0; i < 100; ++i) options.events.push_back(Watch("u", "a", i, 60));
  options.split = {.kind = SplitOptions::Kind::kTime,
                   .train_until_ms = kStart + 51,
                   .validation_until_ms = kStart + 60};
  const World world(options);
  features::FeatureSpec spec;
  spec.retrieval = {{"watches_so_far", "count(watch)", ""}};
  const features::FeatureStatistics tables = world.Learn(spec);
  const auto quantiles = tables.QuantilesOf(features::Model::kRetrieval, features::Side::kQuery);
  ASSERT_EQ(quantiles.size(), 1u);
  EXPECT_NEAR(quantiles[0].Normalize(25), 0.5f, 0.02f);
  EXPECT_GT(quantiles[0].Normalize(60), 0.97f);
}

// Each item that the model knows counts once, however often it was watched.
TEST(LearnFeatures, QuantilesOfTheContentOfItemsComeFromItemsWithARow) {
  WorldOptions options;
  for (int i = 0; i < 100; ++i) {
    const std::string name = "i" + std::to_string(i);
    options.items.push_back(Item(name, static_cast<float>(i)));
    for (int n = 0; n <= i / 10; ++n) options.events.push_back(Watch("u", name, i, 100));
  }
  options.items.push_back(Item("unwatched", 10'000));
  options.split.kind = SplitOptions::Kind::kNone;
  const World world(options);
  features::FeatureSpec spec;
  spec.retrieval = {{"item_duration", "item.duration", ""}};
  const features::FeatureStatistics tables = world.Learn(spec);
  const auto quantiles =
      tables.QuantilesOf(features::Model::kRetrieval, features::Side::kImpression);
  ASSERT_EQ(quantiles.size(), 1u);
  EXPECT_NEAR(quantiles[0].Normalize(50), 0.5f, 0.02f);
  EXPECT_GT(quantiles[0].Normalize(100), 0.97f);
}

std::string SavedBytes(const features::FeatureStatistics& tables) {
  const base::TestFolder folder;
  const std::filesystem::path path = folder / "features";
  EXPECT_TRUE(tables.Save(path));
  return World::Value(base::ReadFile(path));
}

TEST(LearnFeatures, TR04_TheTablesAreTheSameBytesForAnyNumberOfThreads) {
  const World world(RandomWorld(22, /*users=*/700, 40, 100));  // several chunks of users
  const std::string one = SavedBytes(world.Learn({}, 1));
  EXPECT_EQ(one, SavedBytes(world.Learn({}, 3)));
  EXPECT_EQ(one, SavedBytes(world.Learn({}, 1)));
}

TEST(LearnFeatures, TR02_GrownStatisticsKeepRowsAndQuantilesAndCountAnew) {
  WorldOptions early = RandomWorld(9, 30, 20), both = early;
  for (int i = 0; i < 40; ++i) {
    const std::string item = "new" + std::to_string(i % 4 * (i % 3));
    const int64_t at = 11 * kDay + i * kHour;
    both.events.push_back(Shown("u0", item, at, "r" + std::to_string(i)));
    both.events.push_back(Click("u0", item, at + kMinute, "r" + std::to_string(i)));
    both.events.push_back(Watch("u0", item, at + 2 * kMinute, 100));
    both.events.push_back(Search("u0", "novel words" + std::to_string(i % 2), at + 3 * kMinute));
  }
  const int64_t until = kStart + 10 * kDay;
  early.split = {.train_until_ms = until, .validation_until_ms = until};
  early.events = both.events;
  both.split = kAllTrains;
  const World before(early), now(both);
  base::ThreadPool pool(2);
  const features::FeatureStatistics old = before.Learn(), fresh = now.Learn();
  const features::FeatureStatistics grown =
      World::Value(LearnFeatures(now.source, {}, pool, base::NoProgress(), &old));
  EXPECT_EQ(grown.train_end_ms, fresh.train_end_ms);
  EXPECT_EQ(grown.log_digest, fresh.log_digest);
  EXPECT_EQ(grown.quantiles, old.quantiles);
  EXPECT_NE(fresh.quantiles, old.quantiles);
  size_t more = 0;
  for (size_t i = 0; i < grown.vocabularies.size(); ++i) {
    SCOPED_TRACE(grown.plan.vocabularies()[i].name);
    const auto kept = old.vocabularies[i].ids_by_row(), ids = grown.vocabularies[i].ids_by_row();
    ASSERT_LE(kept.size(), ids.size());
    EXPECT_TRUE(std::ranges::equal(kept, ids.first(kept.size())));
    EXPECT_EQ(grown.rows(i), fresh.rows(i));
    for (uint32_t row = 1; row < fresh.vocabularies[i].rows(); ++row) {
      const uint32_t here = grown.vocabularies[i].Row(fresh.vocabularies[i].Id(row));
      EXPECT_EQ(grown.vocabularies[i].count(here), fresh.vocabularies[i].count(row));
    }
    more += ids.size() - kept.size();
  }
  EXPECT_GT(more, 8u);
  ASSERT_GT(grown.tokens.rows(), old.tokens.rows());
  EXPECT_EQ(grown.tokens.rows(), fresh.tokens.rows());
  for (uint32_t row = 1; row < old.tokens.rows(); ++row) {
    EXPECT_EQ(grown.tokens.token(row), old.tokens.token(row));
  }
  std::vector<uint32_t> rows;
  grown.tokens.AppendRows(now.Id(schema::IdSpace::kQuery, "novel words1"), now.catalogue, &rows);
  EXPECT_EQ(grown.tokens.token(rows.at(0)), "novel");
  features::FeatureSpec other;
  other.max_items = 7;
  const auto refused = LearnFeatures(now.source, other, pool, base::NoProgress(), &old);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("without --continue"));
}

// Impressions of "u" with a score each, by source; those of the last day are for validation.
WorldOptions Scored(const std::vector<std::pair<std::string, float>>& scores) {
  WorldOptions options{.split = {.kind = SplitOptions::Kind::kTime, .validation_days = 1}};
  for (const auto& [source, score] : scores) {
    options.events.push_back(
        Shown("u", "a", static_cast<int64_t>(options.events.size()) * kMinute));
    options.events.back().source = source;
    options.events.back().source_score = score;
  }
  options.events.push_back(Shown("u", "a", 3 * kDay));
  options.events.back().source = scores[0].first;
  options.events.back().source_score = 1e6f;
  return options;
}

TEST(LearnFeatures, RK08_ScalesOfScoresComeFromTrainingImpressionsBySource) {
  const features::FeatureSpec spec{.ranking = {{"score", "request.source_score", ""}}};
  const World world(Scored({{"a", 1}, {"a", 2}, {"a", 3}, {"b", 500}, {"b", schema::kAbsent}}));
  const features::FeatureStatistics tables = world.Learn(spec);
  const auto share = [](const features::FeatureStatistics& of, uint32_t source, float score) {
    return of.source_scores.ShareOf({.item = 0, .source = source, .source_score = score});
  };
  const uint32_t a = world.Id(schema::IdSpace::kSource, "a"),
                 b = world.Id(schema::IdSpace::kSource, "b");
  EXPECT_FLOAT_EQ(share(tables, a, 2), 0.5f) << "the score of the validation day is not counted";
  EXPECT_EQ(share(tables, b, 500), 0.5f) << "the only one";
  EXPECT_EQ(world.Learn().source_scores.ids(), 0u) << "no default feature reads them";

  const World later(Scored({{"a", 10}, {"a", 20}, {"a", 30}, {"b", 5}, {"c", 7}}));
  base::ThreadPool pool(1);
  const features::FeatureStatistics grown =
      World::Value(LearnFeatures(later.source, spec, pool, base::NoProgress(), &tables));
  EXPECT_EQ(share(grown, a, 2), share(tables, a, 2));
  EXPECT_EQ(share(grown, later.Id(schema::IdSpace::kSource, "c"), 7), 0.5f);
}

TEST(LearnFeatures, RK08_ANoteSaysHowManySourcesHaveNoScale) {
  class Notes : public base::Progress {
   public:
    void Begin(std::string_view, std::string_view, uint64_t) override {}
    void Update(uint64_t, std::string_view) override {}
    void End() override {}
    void Note(std::string_view line) override { text.append(line).append("\n"); }
    std::string text;
  };
  const features::FeatureSpec spec{.ranking = {{"score", "request.source_score", ""}}};
  base::ThreadPool pool(1);
  const auto notes_of = [&](size_t sources) {
    std::vector<std::pair<std::string, float>> scores;
    for (size_t i = 0; i < sources; ++i) scores.emplace_back(fmt::format("s{}", i), 1.0f);
    const World world(Scored(scores));
    Notes notes;
    World::Value(LearnFeatures(world.source, spec, pool, notes));
    return notes.text;
  };
  EXPECT_EQ(notes_of(features::SourceScores::kMaxSources), "");
  EXPECT_THAT(notes_of(features::SourceScores::kMaxSources + 2),
              ::testing::HasSubstr("missing for 2 sources"));
}

TEST(LearnFeatures, StopsWhenAskedTo) {
  class Stopping : public base::Progress {
   public:
    void Begin(std::string_view, std::string_view, uint64_t) override {}
    void Update(uint64_t, std::string_view) override {}
    void End() override {}
    void Note(std::string_view) override {}
    bool stop_requested() const override { return true; }
  } stopping;
  const World world(RandomWorld(1));
  base::ThreadPool pool(1);
  const auto result = LearnFeatures(world.source, {}, pool, stopping);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace upnext::examples
