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

}  // namespace
}  // namespace upnext::training
