#include "features/feature_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/config.h"

namespace upnext::features {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> NamesOf(const std::vector<Feature>& features) {
  std::vector<std::string> names;
  for (const Feature& feature : features) names.push_back(feature.name);
  return names;
}

FeatureSpec Declared(std::string from, std::string name = "declared") {
  return {.ranking = {{std::move(name), std::move(from), "for the test"}}};
}

Result<FeaturePlan> Compile(const FeatureSpec& spec) { return FeaturePlan::Compile(spec, {}); }

// The message and place of the mistake in a declared feature of the ranker.
std::string MistakeOf(const std::string& from) {
  const Result<FeaturePlan> plan = Compile(Declared(from));
  return plan ? "none" : plan.error().message;
}

TEST(FeaturePlan, DefaultNamesAreUniqueAndEveryoneOfThemCanBeDropped) {
  const FeaturePlan plan;
  for (const Model model : {Model::kRetrieval, Model::kRanking}) {
    std::vector<std::string> names;
    for (const Declaration& feature : DefaultFeatures(model)) {
      EXPECT_FALSE(feature.help.empty());
      EXPECT_THAT(names, Not(Contains(feature.name)));
      names.push_back(feature.name);
    }
  }
  EXPECT_EQ(DefaultFeatures(Model::kRanking).size(), 46u);
  EXPECT_EQ(DefaultFeatures(Model::kRetrieval).size(), 8u);
  const Result<FeaturePlan> none = Compile({.drop = FeatureSpec().Names()});
  ASSERT_TRUE(none);
  for (const Model model : {Model::kRetrieval, Model::kRanking}) {
    for (const Side side : {Side::kQuery, Side::kImpression}) {
      for (const Feature& feature : none->side(model, side).categories)
        EXPECT_TRUE(feature.dropped);
      for (const Feature& feature : none->side(model, side).numbers) EXPECT_TRUE(feature.dropped);
    }
  }
}

TEST(FeaturePlan, RK02_FeaturesOfOneIdSpaceShareAVocabulary) {
  const FeaturePlan plan;
  const auto of = [&](std::string_view vocabulary) {
    std::vector<std::string> names;
    for (const Side side : {Side::kQuery, Side::kImpression}) {
      for (const Feature& feature : plan.side(Model::kRanking, side).categories) {
        if (plan.vocabularies()[feature.vocabulary].name == vocabulary)
          names.push_back(feature.name);
      }
    }
    return names;
  };
  EXPECT_THAT(of("ranked_item"),
              ElementsAre("watched_items", "last_watched", "liked_items", "current_item", "item"));
  EXPECT_THAT(of("language"), ElementsAre("user_language", "language"));
  EXPECT_THAT(of("channel"), ElementsAre("watched_channels", "channel"));
  EXPECT_THAT(of("token"), ElementsAre("query_tokens", "last_query_tokens"));
}

TEST(FeaturePlan, ADeclaredFeatureIsAddedAtTheEndOrReplacesOneOfItsName) {
  const auto added = Compile(Declared("count(click, item.topics)", "topic_clicks"));
  ASSERT_TRUE(added) << added.error().message;
  const auto names = NamesOf(added->side(Model::kRanking, Side::kImpression).numbers);
  EXPECT_EQ(names.back(), "topic_clicks");
  const auto replaced = Compile(Declared("count(watch)", "watches"));
  ASSERT_TRUE(replaced);
  EXPECT_EQ(NamesOf(replaced->side(Model::kRanking, Side::kQuery).numbers),
            NamesOf(FeaturePlan().side(Model::kRanking, Side::kQuery).numbers));
  EXPECT_NE(replaced->digest(), FeaturePlan().digest());
}

TEST(FeaturePlan, EventsAreListedAndCountedByDeclaredAttributesOfRequests) {
  const schema::Schema schema =
      schema::Schema::Parse("schema.requests.page = 'category'\nschema.requests.depth = 'number'")
          .value();
  const FeatureSpec spec{.retrieval = {{"pages", "history(watch, request.page, 20)", ""},
                                       {"page_clicks", "count(click, request.page)", ""}},
                         .ranking = {{"rate", "rate(click, impression, request.page, 5)", ""},
                                     {"all", "everybody(count(click, request.page))", ""}}};
  const auto plan = FeaturePlan::Compile(spec, schema);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_TRUE(plan->retrieval_state().reads_declared());
  EXPECT_TRUE(plan->everybody().reads_declared());
  EXPECT_EQ(NamesOf(plan->side(Model::kRanking, Side::kQuery).numbers).back(), "all");
  EXPECT_FALSE(FeaturePlan().state().reads_declared());
  const auto refused =
      FeaturePlan::Compile({.ranking = {{"depths", "count(click, request.depth)", ""}}}, schema);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("should be of kind category or categories"));
}

TEST(FeaturePlan, WithoutDefaultsThereIsOnlyWhatIsDeclared) {
  const FeatureSpec spec{.defaults = false,
                         .retrieval = {{"bag", "history(interest, item, 20)", ""}},
                         .ranking = {{"price", "item.duration", ""}}};
  const auto plan = Compile(spec);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_THAT(NamesOf(plan->side(Model::kRetrieval, Side::kQuery).categories), ElementsAre("bag"));
  EXPECT_THAT(NamesOf(plan->side(Model::kRanking, Side::kImpression).numbers),
              ElementsAre("price"));
  EXPECT_THAT(plan->VocabularyNames(), ElementsAre("item", "device"));
  EXPECT_EQ(plan->state().bags().size(), 4u) << "watches, looks and opinions are kept always";
  EXPECT_EQ(plan->state().tables().size(), 2u) << "the user's row, and what was seen or disliked";
  EXPECT_LT(plan->state().seen().table, 2u);
}

TEST(FeaturePlan, TheStateKeepsOnceWhatTwoFeaturesAskFor) {
  const FeaturePlan defaults;
  const auto same = Compile(Declared("count(watch, item.channel)"));
  ASSERT_TRUE(same);
  EXPECT_EQ(same->state().digest(), defaults.state().digest());
  const auto more = Compile(Declared("count(share, item.channel)"));
  ASSERT_TRUE(more);
  EXPECT_NE(more->state().digest(), defaults.state().digest());
  EXPECT_EQ(more->retrieval_state().digest(), defaults.retrieval_state().digest());
  const auto longer = Compile(Declared("history(interest, item, 200)"));
  ASSERT_TRUE(longer);
  EXPECT_EQ(longer->state().bags().size(), defaults.state().bags().size());
  EXPECT_EQ(longer->state().bags()[0].limit, 200u);
  EXPECT_EQ(longer->retrieval_state().bags()[0].limit, 50u);
}

TEST(FeaturePlan, TheDigestChangesWithEveryFeature) {
  std::vector<uint64_t> digests = {FeaturePlan().digest()};
  const std::vector<FeatureSpec> specs = {Declared("count(click)"),
                                          Declared("count(watch)"),
                                          Declared("count(click)", "other"),
                                          Declared("count(click, item.channel)"),
                                          {.drop = {"watches"}}};
  for (const FeatureSpec& spec : specs) {
    const auto plan = Compile(spec);
    ASSERT_TRUE(plan);
    EXPECT_THAT(digests, Not(Contains(plan->digest())));
    digests.push_back(plan->digest());
  }
  EXPECT_EQ(Compile(Declared(" count( click ) "))->digest(), digests[1])
      << "white space is nothing";
}

TEST(FeaturePlan, WrongNamesNameTheNearestAndTheirColumn) {
  EXPECT_THAT(MistakeOf("item.chanel"), HasSubstr("did you mean 'item.channel'?"));
  EXPECT_THAT(MistakeOf("item.chanel"),
              HasSubstr("feature 'declared', column 1 of \"item.chanel\""));
  EXPECT_THAT(MistakeOf("count(wach, item.channel)"), HasSubstr("did you mean 'watch'?"));
  EXPECT_THAT(MistakeOf("count(wach, item.channel)"), HasSubstr("column 7"));
  EXPECT_THAT(MistakeOf("cuont(watch)"), HasSubstr("did you mean 'count'?"));
  EXPECT_THAT(MistakeOf("count(watch, usr.region)"), HasSubstr("did you mean 'user.region'?"));
  EXPECT_THAT(MistakeOf("count(watch, usr.region)"), HasSubstr("column 14"));
}

TEST(FeaturePlan, WhatCannotBeIsRefused) {
  for (const auto& [from, why] : {
           std::pair("item.created", "use age(item.created)"),
           std::pair("age(item.duration)", "kind time"),
           std::pair("item.title", "tokens(item.title, ROWS)"),
           std::pair("tokens(item.channel, 100)", "expected a text of items"),
           std::pair("tokens(item.title, 1)", "from 2 to"),
           std::pair("tokens(item.title, 9.5)", "a whole number from 2 to"),
           std::pair("history(watch, item, 9.5)", "a whole number from 1 to"),
           std::pair("cross(item, item.channel, 9.5)", "a whole number from 2 to"),
           std::pair("hats(limit(item.duration, 9), 9.5)", "a whole number from 2 to"),
           std::pair("tokens(item.title)", "N)) or tokens(item.title, ROWS), found"),
           std::pair("overlap(tokens(item.title), item.topics)", "on both sides"),
           std::pair("overlap(tokens(item.title, 9), tokens(item.title))", "in overlap()"),
           std::pair("overlap(tokens(last(search, query)), tokens(last(search, query)))",
                     "expected a text of items"),
           std::pair("overlap(tokens(item.title), tokens(history(search, query, 5, 7)))",
                     "column 62 of"),
           std::pair("overlap(tokens(item.title), tokens(history(search, query, 5, 7)))",
                     "no weights by age"),
           std::pair("request.position", "known of events only"),
           std::pair("query", "known of events only"),
           std::pair("request.region else user.language", "one id space"),
           std::pair("match(user.language, item.channel)", "id space"),
           std::pair("history(watch, item)", "history(EVENTS, ATTRIBUTE, N)"),
           std::pair("sorted(history(watch, item, 5, 1))", "would show the order in time"),
           std::pair("history(watch, item, 0)", "from 1 to 1000"),
           std::pair("history(watch, item.duration, 5)", "kind category"),
           std::pair("count(watch, user.region)", "events are not kept by 'user.region'"),
           std::pair("count(watch.value)", "expected events"),
           std::pair("mean(watch)", "expected what to average"),
           std::pair("mean(watch.length)", "'.length'"),
           std::pair("mean(watch.share, 10)", "needs a prior"),
           std::pair("rate(click, impression, 10, 20)", "no more than a weight"),
           std::pair("everybody(count(watch))", "counted by an attribute"),
           std::pair("everybody(since(watch, item))", "of everybody"),
           std::pair("since(watch after click)", "only count()"),
           std::pair("plain(count(watch))", "known range"),
           std::pair("limit(item, 3)", "expected a number"),
           std::pair("tokens(history(positive, item, 5))", "expected query"),
           std::pair("cross(item.channel, user.region, 1)", "from 2 to"),
           std::pair("example_age", "only the candidate model"),
           std::pair("hour(item.created)", "request.time"),
           std::pair("12", "found a number"),
       }) {
    EXPECT_THAT(MistakeOf(from), HasSubstr(why)) << from;
  }
  const auto rows = Compile({.ranking = {{"a", "tokens(item.title, 100)", ""},
                                         {"b", "tokens(request.current_item.title, 99)", ""}}});
  ASSERT_FALSE(rows);
  EXPECT_THAT(rows.error().message, HasSubstr("expected 100, as an earlier feature has it"));
}

TEST(FeaturePlan, CG27_TheCandidateModelReadsOfAnItemWhatTheCatalogueSaysAlone) {
  for (const char* from :
       {"item.channel", "item.topics", "item.duration", "limit(item.duration, 60)",
        "tokens(item.title, 100)", "cross(item.channel, item.language, 100)"}) {
    const auto plan = Compile({.retrieval = {{"content", from, ""}}});
    ASSERT_TRUE(plan) << plan.error().message;
    const SidePlan& items = plan->side(Model::kRetrieval, Side::kImpression);
    EXPECT_EQ(items.categories.size() + items.numbers.size(), 1u) << from;
  }
  for (const char* from :
       {"item", "age(item.created)", "count(watch, item.channel)", "everybody(count(watch, item))",
        "match(user.language, item.language)", "cross(item.channel, user.region, 100)",
        "request.source", "request.source_score"}) {
    const auto plan = Compile({.retrieval = {{"content", from, ""}}});
    ASSERT_FALSE(plan) << from;
    EXPECT_THAT(plan.error().message, HasSubstr("whoever asks and whenever")) << from;
  }
  const auto created = Compile({.retrieval = {{"content", "item.created", ""}}});
  ASSERT_FALSE(created);
  EXPECT_THAT(created.error().message, HasSubstr("declare age(item.created) for ranking, or give"));
}

TEST(FeatureSpec, ContentComesFirstAndIsReplacedByName) {
  const auto read = [](std::string_view toml, bool content) {
    const auto config = base::Config::Parse(toml, "p.toml");
    EXPECT_TRUE(config);
    const FeatureSpec spec = FeatureSpec::FromConfig(
        config->Table("features"), config->root().Tables("feature"), {}, {}, content);
    std::vector<std::string> texts;
    for (const Declaration& one : spec.retrieval) texts.push_back(one.name + " = " + one.from);
    const Status checked = config->Check();
    if (!checked) texts = {checked.error().message};
    return texts;
  };
  EXPECT_THAT(read("", false), IsEmpty());
  EXPECT_THAT(read("[features]\ndefaults = false\n[[feature]]\nname = \"a\"\nfrom = "
                   "\"item.duration\"\nfor = [\"retrieval\", \"ranking\"]\n",
                   true),
              ElementsAre("a = item.duration"));
  EXPECT_THAT(read("[[feature]]\nname = \"item_title\"\nfrom = \"tokens(item.title, 9)\"\n"
                   "for = [\"retrieval\"]\n",
                   true),
              ElementsAre("item_channel = item.channel", "item_topics = item.topics",
                          "item_language = item.language", "item_title = tokens(item.title, 9)"));
  // Words of the title share their rows.
  EXPECT_THAT(read("[[feature]]\nname = \"words\"\nfrom = \"tokens(item.title, 9)\"\n", true),
              testing::Contains("item_title = tokens(item.title, 9)"));
}

TEST(FeatureSpec, DeclaredFeaturesAreReadAndMistakesNameTheirLineAndColumn) {
  const auto read = [](std::string_view toml) {
    const auto config = base::Config::Parse(toml, "p.toml");
    EXPECT_TRUE(config);
    const FeatureSpec spec =
        FeatureSpec::FromConfig(config->Table("features"), config->root().Tables("feature"));
    const Status status = config->Check();
    return std::pair(spec, status ? std::string() : status.error().message);
  };
  const auto [spec, none] = read(
      "[[feature]]\nname = \"clicks\"\nfrom = \"count(click)\"\n"
      "[[feature]]\nname = \"last\"\nfrom = \"last(click, item)\"\nfor = [\"retrieval\", "
      "\"ranking\"]\n");
  EXPECT_EQ(none, "");
  ASSERT_EQ(spec.ranking.size(), 2u);
  ASSERT_EQ(spec.retrieval.size(), 1u);
  EXPECT_EQ(spec.ranking[0].from, "count(click)");
  EXPECT_THAT(spec.Names(), Contains("clicks"));

  const std::string wrong =
      read("[[feature]]\nname = \"x\"\nfrom = \"count(click, item.chanel)\"\n").second;
  EXPECT_THAT(wrong, HasSubstr("p.toml:3:22:"));
  EXPECT_THAT(wrong, HasSubstr("did you mean 'item.channel'?"));

  const std::string others = read(
                                 "[[feature]]\nname = \"a\"\nfrom = \"tokens(item.title, 100)\"\n"
                                 "[[feature]]\nname = \"b\"\nfrom = \"tokens(item.title, 99)\"\n")
                                 .second;
  EXPECT_THAT(others, HasSubstr("p.toml:6:28:"));
  EXPECT_THAT(others, HasSubstr("expected 100, as an earlier feature has it"));
  EXPECT_THAT(read("[[feature]]\nname = \"X y\"\nfrom = \"item\"\n").second,
              HasSubstr("small letters"));
  EXPECT_THAT(
      read("[[feature]]\nname = \"x\"\nfrom = \"item\"\nfor = []\n").second,
      HasSubstr("for: expected [\"retrieval\"], [\"ranking\"] or both, found an empty list"));
  EXPECT_THAT(read("[[feature]]\nname = \"x\"\nfrom = \"item\"\nfor = [\"both\"]\n").second,
              HasSubstr("found \"both\""));
  EXPECT_THAT(read("[[feature]]\nname = \"x\"\nfrom = \"item\"\n[[feature]]\nname = \"x\"\nfrom = "
                   "\"item\"\n")
                  .second,
              HasSubstr("declared twice"));
  EXPECT_THAT(read("[features]\ndefaults = false\n").second, HasSubstr("both models need"));
}

TEST(FeaturePlan, PathsGoThroughItemsOfTheRequestAlone) {
  EXPECT_EQ(MistakeOf("request.current_item.channel"), "none");
  EXPECT_THAT(MistakeOf("request.current_item.chanel"),
              HasSubstr("did you mean 'request.current_item.channel'?"));
  EXPECT_THAT(MistakeOf("request.device.channel"), HasSubstr("unknown attribute"));
  EXPECT_THAT(MistakeOf("history(watch, request.current_item.channel, 5)"),
              HasSubstr("a list is of the items of events"));
  const Result<FeaturePlan> plan = Compile(Declared("request.current_item.channel"));
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->side(Model::kRanking, Side::kQuery).categories.back().name, "declared")
      << "it is read once per request";
}

TEST(FeatureSpec, LabelsOfObjectivesAddTheirMeansAndRates) {
  const auto names = [](std::string_view toml, std::vector<std::string> labels) {
    const auto config = base::Config::Parse(toml, "p.toml");
    EXPECT_TRUE(config);
    const auto schema = schema::Schema::FromConfig(config->Table("schema"));
    const FeatureSpec spec = FeatureSpec::FromConfig(
        config->Table("features"), config->root().Tables("feature"), schema, labels);
    EXPECT_TRUE(config->Check()) << config->Check().error().message;
    EXPECT_TRUE(FeaturePlan::Compile(spec, schema));
    std::vector<std::string> added;
    for (const Declaration& feature : spec.Features(Model::kRanking)) {
      added.push_back(feature.name + " = " + feature.from);
    }
    const size_t usual = spec.defaults ? DefaultFeatures(Model::kRanking).size() : 0;
    added.erase(added.begin(), added.begin() + static_cast<ptrdiff_t>(usual));
    return added;
  };
  EXPECT_THAT(names("", {"watch_seconds", "click", "complete", "like"}), IsEmpty())
      << "the default features have them";
  EXPECT_THAT(names("", {"rating", "rating", "save"}),
              ElementsAre("user_mean_rating = mean(rating.value, 5)",
                          "item_mean_rating = everybody(mean(rating.value, item, 5))",
                          "user_save_rate = rate(save, impression or watch or positive, 10)",
                          "item_save_rate = everybody(rate(save, impression or watch or positive, "
                          "item, 20))"));
  EXPECT_THAT(
      names("[schema.events]\nhide = \"negative\"\n", {"unwanted", "completion"}),
      ElementsAre(HasSubstr("rate(dislike or dismiss or hide, "), HasSubstr("item_unwanted_rate"),
                  HasSubstr("everybody(mean(watch.share, item")));
  EXPECT_THAT(names("[features]\ndrop = [\"item_mean_rating\"]\n"
                    "[[feature]]\nname = \"user_mean_rating\"\nfrom = \"mean(rating.value)\"\n",
                    {"rating"}),
              ElementsAre("user_mean_rating = mean(rating.value)", HasSubstr("item_mean_rating")));
  EXPECT_THAT(names("[features]\ndefaults = false\n[[feature]]\nname = \"i\"\nfrom = \"item\"\n"
                    "[[feature]]\nname = \"w\"\nfrom = \"history(watch, item, 5)\"\n"
                    "for = [\"retrieval\"]\n",
                    {"rating"}),
              ElementsAre("i = item"));
}

}  // namespace
}  // namespace upnext::features
