#include "training/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::training {
namespace {

TEST(Options, SeedReachesEveryPart) {
  Options options;
  options.SetSeed(7);
  EXPECT_EQ(options.train.seed, 7u);
  EXPECT_EQ(options.train.candidate_train.seed, 7u);
  EXPECT_EQ(options.train.index.seed, 7u);
  EXPECT_EQ(options.train.ranker_train.seed, 7u);
  EXPECT_EQ(options.evaluate.seed, 7u);
}

TEST(Options, LabelsOfObjectivesBringFeaturesOfTheirOwn) {
  const auto config = base::Config::Parse(
      "[[ranking.objective]]\nlabel = \"rating\"\nscore_weight = 1\n"
      "[features]\ndrop = [\"item_mean_rating\"]\n",
      "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  const Options options = Options::FromConfig(*config);
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.dataset.features.ranking.at(0).name, "user_mean_rating");
}

// Learning rates may be lowered to continue a training that diverged; the index is made of the
// trained model.
TEST(Options, CheckpointsAreBoundToWhatChangesTheModelAlone) {
  const auto config = base::Config::Parse(
      "[retrieval]\ndim = 16\ntower_learning_rate = 0.1\n[retrieval.index]\nkind = \"exact\"\n"
      "[ranking]\nlearning_rate = 0.1\nepochs = 3\n[split]\ntest_days = 2\n"
      "[serving]\nfilter_seen = false\n[evaluation]\ntargets = \"successive\"\nitem2vec = true\n",
      "test.toml");
  ASSERT_TRUE(config) << config.error().message;
  const Options options = Options::FromConfig(*config);
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_THAT(options.train.settings,
              testing::UnorderedElementsAre("retrieval.dim = 16", "ranking.epochs = 3",
                                            "split.test_days = 2", "serving.filter_seen = false"));
  EXPECT_FALSE(options.train.candidate_train.feed.filter_seen);
  EXPECT_FALSE(options.evaluate.feed.filter_seen);
  EXPECT_TRUE(options.evaluate.item2vec);
  EXPECT_EQ(options.evaluate.targets, examples::HoldoutTargets::kSuccessive);
}

TEST(Options, CG27_FeaturesOfItemsThatNothingReadsOrThatAreMissingAreRefusedWithTheirPlace) {
  const auto mistake = [](const std::string& text) {
    const auto config = base::Config::Parse(text, "test.toml");
    EXPECT_TRUE(config) << config.error().message;
    Options::FromConfig(*config);
    const Status checked = config->Check();
    return checked ? std::string() : checked.error().message;
  };
  const std::string content = "[retrieval]\nitems = \"content\"\n",
                    all = "drop = [\"item_channel\", \"item_topics\", \"item_language\", ";
  EXPECT_THAT(mistake(content + "[features]\n" + all + "\"item_title\"]\n"),
              testing::HasSubstr("test.toml:2:1: retrieval.items: \"content\" needs features"));
  EXPECT_EQ(mistake(content + "[features]\n" + all + "]\n"), "");
  const std::string features =
      "[[feature]]\nname = \"a\"\nfrom = \"item.duration\"\nfor = [\"retrieval\"]\n";
  const std::string unread = mistake("[retrieval]\nitems = \"id\"\n" + features);
  EXPECT_THAT(unread, testing::HasSubstr("test.toml:5:1: "));
  EXPECT_THAT(unread, testing::HasSubstr("features of items ('a'), which only [retrieval] items"));
  EXPECT_EQ(mistake(content + features), "");
}

TEST(Options, ItemsHaveContentWhereTheyHaveFeatures) {
  const auto items = [](const std::string& text) {
    const auto config = base::Config::Parse(text, "test.toml");
    const Options options = Options::FromConfig(*config);
    EXPECT_TRUE(config->Check()) << config->Check().error().message;
    return options.train.candidate.items;
  };
  const std::string none =
      "[features]\ndrop = [\"item_channel\", \"item_topics\", \"item_language\", \"item_title\"]\n";
  EXPECT_EQ(items(""), retrieval::ItemEncoder::kContent);
  EXPECT_EQ(items("[retrieval]\nitems = \"id\"\n"), retrieval::ItemEncoder::kId);
  EXPECT_EQ(items(none), retrieval::ItemEncoder::kId);
  EXPECT_EQ(
      items(none +
            "[[feature]]\nname = \"length\"\nfrom = \"item.duration\"\nfor = [\"retrieval\"]\n"),
      retrieval::ItemEncoder::kContent);
}

TEST(Options, CG23_WhatIsNoVectorOfTheModelsWidthIsRefusedWithItsPlace) {
  const auto mistake = [](const std::string& retrieval) {
    const auto config = base::Config::Parse(
        "[schema.items]\nsound = \"vector(32)\"\n[retrieval]\npreset = \"deep\"\n" + retrieval,
        "test.toml");
    EXPECT_TRUE(config) << config.error().message;
    Options::FromConfig(*config);
    const Status checked = config->Check();
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(mistake("pretrained = \"sund\"\n"),
              testing::HasSubstr("test.toml:5:1: retrieval.pretrained: expected an attribute"));
  EXPECT_THAT(mistake("pretrained = \"title\"\n"), testing::HasSubstr("another kind"));
  EXPECT_THAT(mistake("pretrained = \"sound\"\n"), testing::HasSubstr("set retrieval.dim = 32"));
  EXPECT_EQ(mistake("dim = 32\npretrained = \"sound\"\n"), "");
  EXPECT_EQ(mistake("pretrained = \"item2vec\"\n"), "");
}

}  // namespace
}  // namespace upnext::training
