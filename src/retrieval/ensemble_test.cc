#include "retrieval/ensemble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/section_file.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "nn/checkpoint.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_planted.h"

namespace upnext::retrieval {
namespace {

CandidateModelOptions MemberOptions(const std::string& encoder, bool tied) {
  CandidateModelOptions options;
  options.encoder = encoder;
  options.dim = options.embedding_dim = 6;
  options.context_dim = 3;
  options.tie_items = tied;
  options.sequence_length = 4;
  return options;
}

std::vector<CandidateModel> Members(const CandidateModelOptions& options, size_t n) {
  std::vector<CandidateModel> members;
  for (size_t i = 0; i < n; ++i) {
    base::Rng rng(i + 1);
    members.emplace_back(options, SmallShape(), rng);
  }
  return members;
}

// [users, items] of a batch.
std::vector<double> ScoresOf(const CandidateModel& model, const features::CandidateBatch& batch) {
  const std::vector<float> users = UserVectors(model, batch);
  std::vector<double> scores;
  for (size_t u = 0; u < batch.size(); ++u) {
    for (uint32_t row = 0; row < model.shape().items; ++row) {
      const std::span<const float> item = model.item_vectors().Row(row);
      double score = 0;
      for (size_t d = 0; d < item.size(); ++d) {
        score += static_cast<double>(users[u * item.size() + d]) * static_cast<double>(item[d]);
      }
      scores.push_back(score);
    }
  }
  return scores;
}

TEST(Ensemble, ScoresAreTheSumsOfThoseOfItsMembers) {
  const features::CandidateBatch batch = RandomBatch(20, SmallShape());
  for (const char* encoder : {"bag", "attention"}) {
    for (const bool tied : {false, true}) {
      std::vector<CandidateModel> members = Members(MemberOptions(encoder, tied), 3);
      std::vector<double> sums(batch.size() * SmallShape().items);
      for (const CandidateModel& member : members) {
        std::ranges::transform(sums, ScoresOf(member, batch), sums.begin(), std::plus());
      }
      const CandidateModel joined = CandidateModel::Join(std::move(members));
      EXPECT_EQ(joined.dim(), 18u);
      EXPECT_EQ(joined.item_vectors().dim(), 18u);
      const std::vector<double> scores = ScoresOf(joined, batch);
      for (size_t i = 0; i < sums.size(); ++i) ASSERT_NEAR(scores[i], sums[i], 1e-6) << i;
    }
  }
}

TEST(Ensemble, OfOneModelIsThatModel) {
  const features::CandidateBatch batch = RandomBatch(5, SmallShape());
  std::vector<CandidateModel> one = Members(MemberOptions("bag", false), 1);
  const std::vector<float> users = UserVectors(one[0], batch);
  CandidateModel joined = CandidateModel::Join(std::move(one));
  EXPECT_EQ(UserVectors(joined, batch), users);
  EXPECT_EQ(joined.options().ensemble, 1u);
  EXPECT_EQ(joined.Parameters()[0].name, "embedding.item");
}

TEST(Ensemble, ReadBackItGivesTheSameBytes) {
  const features::CandidateBatch batch = RandomBatch(20, SmallShape());
  const base::TestFolder folder;
  for (const bool tied : {false, true}) {
    const CandidateModel joined =
        CandidateModel::Join(Members(MemberOptions("attention", tied), 2));
    ASSERT_TRUE(joined.Save(folder / "candidate", 42));
    const auto loaded = CandidateModel::Load(folder / "candidate", 42);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(UserVectors(*loaded, batch), UserVectors(joined, batch));
    for (uint32_t row = 0; row < SmallShape().items; ++row) {
      EXPECT_TRUE(
          std::ranges::equal(loaded->item_vectors().Row(row), joined.item_vectors().Row(row)));
    }
  }
}

// The graph holds each member's operations, and gives their vectors side by side.
TEST(Ensemble, AsOperationsItGivesOneVector) {
  const CandidateModel joined = CandidateModel::Join(Members(MemberOptions("bag", false), 2));
  nn::Graph graph;
  joined.AppendTo(graph);
  ASSERT_EQ(graph.outputs().size(), 1u);
  EXPECT_EQ(graph.outputs()[0].shape.back(), "12");
  const auto of_users = [&](const nn::Graph::Node& node) {
    return node.output == graph.outputs()[0].name || node.op == "Concat";
  };
  EXPECT_GE(std::ranges::count_if(graph.nodes(), of_users), 1);
}

TEST(Ensemble, AFileThatLacksAMemberIsRefused) {
  const base::TestFolder folder;
  const CandidateModel two = CandidateModel::Join(Members(MemberOptions("bag", false), 2));
  ASSERT_TRUE(two.Save(folder / "two", 42));
  // The same sections, with options that promise three.
  const auto file =
      base::SectionFile::Open(folder / "two", kCandidateModelKind, kCandidateModelVersion);
  ASSERT_TRUE(file);
  auto writer =
      base::SectionWriter::Create(folder / "three", kCandidateModelKind, kCandidateModelVersion);
  ASSERT_TRUE(writer);
  CandidateModelOptions three = two.options();
  three.ensemble = 3;
  const uint64_t digest = 42;
  ASSERT_TRUE(writer->Add<uint64_t>("features_digest", std::span(&digest, 1)));
  ASSERT_TRUE(three.Save(*writer));
  ASSERT_TRUE(two.shape().inputs.Save(*writer));
  ASSERT_TRUE(writer->Add<uint32_t>("shape.items", std::span(&two.shape().items, 1)));
  ASSERT_TRUE(nn::SaveParameters(*writer, const_cast<CandidateModel&>(two).Parameters()));
  ASSERT_TRUE(writer->Commit());
  const auto loaded = CandidateModel::Load(folder / "three", 42);
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, testing::HasSubstr("2.embedding.item"));
}

TEST(Ensemble, OptionsAreBoundedByTheLengthOfVectors) {
  const auto read = [](const char* text) {
    const auto config = base::Config::Parse(text, "test");
    EXPECT_TRUE(config);
    const auto options = CandidateModelOptions::FromConfig(config->Table("retrieval"));
    const Status checked = config->Check();
    return std::pair(options.ensemble, checked ? std::string() : checked.error().message);
  };
  EXPECT_EQ(read("[retrieval]\nensemble = 3\n"), std::pair(3u, std::string()));
  EXPECT_THAT(read("[retrieval]\nensemble = 0\n").second, testing::HasSubstr("ensemble"));
  EXPECT_THAT(read("[retrieval]\ndim = 1024\nensemble = 5\n").second,
              testing::HasSubstr("at most 4096 numbers in a vector, found 5 models of 1024"));
}

class TrainedEnsemble : public testing::Test {
 protected:
  static CandidateModelOptions Two() {
    CandidateModelOptions model = SmallModel();
    model.ensemble = 2;
    return model;
  }
  const examples::World world_{PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut)};
};

TEST_F(TrainedEnsemble, ItsFirstModelIsTheSingleOneAndTheSecondIsOfAnotherSeed) {
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 2;
  Trained single(world_, SmallModel(), options), both(world_, Two(), options);
  std::vector<nn::Parameter> first, second;
  for (nn::Parameter& parameter : both.result.model->Parameters()) {
    (parameter.name.starts_with("0.") ? first : second).push_back(parameter);
  }
  const std::vector<nn::Parameter> expected = single.result.model->Parameters();
  ASSERT_EQ(first.size(), expected.size());
  ASSERT_EQ(second.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(first[i].name, "0." + expected[i].name);
    EXPECT_TRUE(std::ranges::equal(first[i].value, expected[i].value)) << expected[i].name;
    if (expected[i].shape[0] == 1) continue;  // of a table without ids
    EXPECT_FALSE(std::ranges::equal(second[i].value, expected[i].value)) << expected[i].name;
  }
}

TEST_F(TrainedEnsemble, TR04_StoppedInItsSecondModelAndResumedItGivesTheSameBytes) {
  // Asks to stop when the second model is at work.
  class StopInSecond : public base::Progress {
   public:
    void Begin(std::string_view name, std::string_view, uint64_t) override {
      second_ = name == "train candidate model 2 of 2";
    }
    void Update(uint64_t done, std::string_view) override {
      stop_ = stop_ || (second_ && done > 0);
    }
    void End() override {}
    void Note(std::string_view) override {}
    bool stop_requested() const override { return stop_; }

   private:
    bool second_ = false, stop_ = false;
  };
  const features::FeatureStatistics tables = world_.Learn();
  const base::TestFolder folder;
  base::ThreadPool pool(1);
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 3;
  const auto train = [&](base::Progress& progress) {
    return TrainCandidateModel(world_.source, tables, Two(), options, pool, progress);
  };
  const auto whole = train(base::NoProgress());
  ASSERT_TRUE(whole) << whole.error().message;
  options.checkpoints.folder = folder / "training";
  options.checkpoints.name = "retrieval";
  StopInSecond stop;
  const auto stopped = train(stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_TRUE(std::filesystem::exists(folder / "training/retrieval-2.uxs"));
  options.checkpoints.resume = true;
  const auto resumed = train(base::NoProgress());
  ASSERT_TRUE(resumed) << resumed.error().message;
  const auto expected = whole->model->Parameters(), found = resumed->model->Parameters();
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(expected[i].value, found[i].value)) << expected[i].name;
  }
  EXPECT_EQ(resumed->chosen_epochs, whole->chosen_epochs);
}

}  // namespace
}  // namespace upnext::retrieval
