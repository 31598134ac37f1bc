#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "base/section_file.h"
#include "base/test_folder.h"
#include "examples/ranking_stream.h"
#include "nn/parameter.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kDigest = 0x1234;

class RankerFile : public ::testing::Test {
 protected:
  std::filesystem::path Saved() {
    const std::filesystem::path path = folder_ / "ranker.uxs";
    const Status saved = ranker_.Save(path, kDigest);
    EXPECT_TRUE(saved) << saved.error().message;
    return path;
  }
  // The saved file with its options text or rows of tables replaced; the rest is the same.
  std::filesystem::path Forged(const std::function<std::string(std::string)>& options,
                               const std::function<void(std::vector<uint32_t>&)>& rows) {
    const auto original = base::SectionFile::Open(Saved(), kRankerKind, kRankerVersion);
    const std::filesystem::path path = folder_ / "forged.uxs";
    auto writer = base::SectionWriter::Create(path, kRankerKind, kRankerVersion);
    for (const base::SectionFile::Section& section : original->sections()) {
      Status added;
      if (section.name == "options") {
        added = writer->AddText("options", options(std::string(*original->GetText("options"))));
      } else if (section.type == base::ElementType::kU32) {
        const auto numbers = *original->Get<uint32_t>(section.name);
        std::vector<uint32_t> changed(numbers.begin(), numbers.end());
        if (section.name == "shape.rows") rows(changed);
        added = writer->Add<uint32_t>(section.name, changed);
      } else if (section.type == base::ElementType::kU8) {
        added = writer->AddText(section.name, *original->GetText(section.name));
      } else if (section.type == base::ElementType::kF32) {
        added = writer->Add<float>(section.name, *original->Get<float>(section.name));
      } else {
        added = writer->Add<uint64_t>(section.name, *original->Get<uint64_t>(section.name));
      }
      EXPECT_TRUE(added);
    }
    EXPECT_TRUE(writer->Commit());
    return path;
  }
  std::filesystem::path WithOptions(std::string_view from, std::string_view to) {
    return Forged(
        [=](std::string text) {
          const size_t at = text.find(from);
          EXPECT_NE(at, std::string::npos) << from << " in " << text;
          return at == std::string::npos ? text : text.replace(at, from.size(), to);
        },
        [](std::vector<uint32_t>&) {});
  }

  base::TestFolder folder_;
  Ranker ranker_ =
      MakeRanker({.architecture = {.widths = {16, 8}}, .dims = {{"topic", 5}}, .init_scale = 0.3f},
                 AllObjectives());
};

TEST_F(RankerFile, PredictsTheSameBytesAfterReload) {
  const Result<Ranker> loaded = Ranker::Load(Saved(), kDigest);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const examples::RankingBatch batch = RandomBatch(20, 10, 1);
  EXPECT_EQ(ScoreAll(*loaded, batch), ScoreAll(ranker_, batch));
  EXPECT_EQ(loaded->parameters(), ranker_.parameters());
  EXPECT_EQ(loaded->options().architecture.widths, ranker_.options().architecture.widths);
  ASSERT_EQ(loaded->objectives().size(), ranker_.objectives().size());
  for (size_t k = 0; k < ranker_.objectives().size(); ++k) {
    const Objective &was = ranker_.objectives()[k], &is = loaded->objectives()[k];
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.label, was.label);
    EXPECT_EQ(is.event, was.event);
    EXPECT_EQ(is.loss, was.loss);
    EXPECT_EQ(is.form, was.form);
    EXPECT_EQ(is.cap, was.cap);
    EXPECT_EQ(is.delta, was.delta);
    EXPECT_EQ(is.outputs(), was.outputs());
    EXPECT_EQ(is.quantiles.buckets(), was.quantiles.buckets());
    EXPECT_EQ(is.observed, was.observed);
    EXPECT_EQ(is.against, was.against);
    EXPECT_EQ(is.low_rating, was.low_rating);
    EXPECT_EQ(is.loss_weight, was.loss_weight);
    EXPECT_EQ(is.score_weight, was.score_weight);
  }
}

TEST_F(RankerFile, KeepsAttention) {
  ranker_ =
      MakeRanker({.architecture = {.widths = {16}},
                  .attention = {.features = {"liked_items", "watched_channels"}, .widths = {7}},
                  .init_scale = 0.3f},
                 AllObjectives());
  const Result<Ranker> loaded = Ranker::Load(Saved(), kDigest);
  ASSERT_TRUE(loaded) << loaded.error().message;
  const examples::RankingBatch batch = RandomBatch(20, 10, 1);
  EXPECT_EQ(ScoreAll(*loaded, batch), ScoreAll(ranker_, batch));
  EXPECT_EQ(loaded->options().attention.features, ranker_.options().attention.features);
  for (const auto& [from, to] : {std::pair{"\"liked_items\"", "\"last_watched\""},
                                 {"\"liked_items\"", "7"},
                                 {"\"attention\"", "\"attraction\""},
                                 {"\"widths\": [\n      7", "\"widths\": [16384, 16384, 16384"},
                                 {"\"widths\": [\n      7", "\"widths\": ["}}) {
    const Result<Ranker> forged = Ranker::Load(WithOptions(from, to), kDigest);
    ASSERT_FALSE(forged) << from << " -> " << to;
    EXPECT_EQ(forged.error().code, Code::kDataLoss) << forged.error().message;
  }
}

TEST_F(RankerFile, KeepsThePositionBiasOfEachMethod) {
  std::vector<Objective> objectives = AllObjectives();
  objectives[1].position_bias = true;
  const examples::RankingBatch batch = RandomBatch(5, 4, 1);
  for (const BiasMethod method :
       {BiasMethod::kTower, BiasMethod::kInput, BiasMethod::kAdversarial}) {
    SCOPED_TRACE(kBiasMethods[static_cast<size_t>(method)]);
    const BiasOptions bias = {.method = method,
                              .features = {"position x device", "row"},
                              .positions = 7,
                              .columns = 2,
                              .served_position = method == BiasMethod::kInput ? 3u : 0u};
    ranker_ = MakeRanker({.architecture = {.widths = {16, 8}}, .bias = bias}, objectives);
    for (nn::Parameter& parameter : ranker_.Parameters()) {
      if (parameter.name.starts_with("bias.")) std::ranges::fill(parameter.value, 0.7f);
    }
    const Result<Ranker> loaded = Ranker::Load(Saved(), kDigest);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(ScoreAll(*loaded, batch), ScoreAll(ranker_, batch));
    EXPECT_EQ(loaded->parameters(), ranker_.parameters());
    EXPECT_EQ(loaded->options().bias.features, bias.features);
    EXPECT_EQ(loaded->options().bias.served_position, bias.served_position);
    EXPECT_TRUE(loaded->objectives()[1].position_bias);
    EXPECT_FALSE(loaded->objectives()[0].position_bias);
    for (const auto& [from, to] : {std::pair{"\"positions\": 7", "\"positions\": 1000"},
                                   {"\"positions\": 7", "\"positions\": 0"},
                                   {"\"row\"", "\"item\""},
                                   {"\"row\"", "7"},
                                   {"\"method\"", "\"means\""}}) {
      if (method == BiasMethod::kAdversarial && std::string(from) == "\"row\"") continue;
      const Result<Ranker> forged = Ranker::Load(WithOptions(from, to), kDigest);
      ASSERT_FALSE(forged) << from << " -> " << to;
      EXPECT_EQ(forged.error().code, Code::kDataLoss) << forged.error().message;
    }
  }
}

TEST_F(RankerFile, SV03_FeatureTablesOfAnotherDigestAreRefused) {
  const Result<Ranker> loaded = Ranker::Load(Saved(), kDigest + 1);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(loaded.error().message, HasSubstr("1235"));
}

TEST_F(RankerFile, HostileOptionsAreRefusedBeforeTheyAreObeyed) {
  const std::pair<const char*, const char*> forgeries[] = {
      {"\"widths\": [", "\"widths\": [16384, 16384, 16384, 16384, "},  // gigabytes
      {"\"widths\": [", "\"widths\": [0, "},
      {"\"widths\": [", "\"widths\": [-1, "},
      {"\"widths\": [", "\"widths\": [1e300, "},
      {"\"widths\": [", "\"widths\": [\"a\", "},
      {"\"widths\"", "\"breadths\""},
      {"\"max_dim\": 32", "\"max_dim\": 4000000000"},
      {"\"topic\": 5", "\"topic\": 4000000000"},
      {"\"dims\"", "\"sizes\""},
      {"\"dim_scale\": 6.0", "\"dim_scale\": 1e999"},
      {"\"dim_scale\": 6.0", "\"dim_scale\": null"},
      {"\"tower\"", "\"of babel\""},
      {"\"tower\"", "\"mmoe\""},
      {"\"levels\": 1", "\"levels\": -1"},
      {"\"relu\"", "\"gelu\""},
      {"\"objectives\": [", "\"objectives\": [1, "},
      {"\"objectives\"", "\"subjectives\""},
      {"\"watch_seconds\"", "\"watch_hours\""},
      {"\"weighted_logistic\"", "7"},
      {"\"dislike\"", "\"hate\""},
      {"{", "["},
      {"{", ""},
  };
  for (const auto& [from, to] : forgeries) {
    SCOPED_TRACE(std::string(from) + " -> " + to);
    const Result<Ranker> loaded = Ranker::Load(WithOptions(from, to), kDigest);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kDataLoss) << loaded.error().message;
    EXPECT_THAT(loaded.error().message, HasSubstr("forged.uxs"));
  }
}

TEST_F(RankerFile, HostileShapesAreRefusedBeforeTheyAreObeyed) {
  for (const uint32_t rows : {0u, 4'000'000'000u}) {
    const std::filesystem::path path =
        Forged([](std::string text) { return text; },
               [rows](std::vector<uint32_t>& of_tables) { of_tables[4] = rows; });
    const Result<Ranker> loaded = Ranker::Load(path, kDigest);
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kDataLoss) << loaded.error().message;
  }
}

TEST_F(RankerFile, WeightsThatAreNotNumbersAreRefused) {
  ParameterNamed(ranker_, "net.heads.bias").value[0] = NAN;
  const Result<Ranker> loaded = Ranker::Load(Saved(), kDigest);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kDataLoss);
}

TEST_F(RankerFile, AFileOfAnotherKindIsRefused) {
  const std::filesystem::path path = folder_ / "other.uxs";
  auto writer = base::SectionWriter::Create(path, "candidate", 1);
  ASSERT_TRUE(writer->Commit());
  EXPECT_FALSE(Ranker::Load(path, kDigest));
  EXPECT_EQ(Ranker::Load(folder_ / "absent.uxs", kDigest).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace upnext::ranking
