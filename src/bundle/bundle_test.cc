#include "bundle/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/section_file.h"
#include "bundle/test_bundle.h"
#include "bundle/test_forge.h"
#include "features/feature_extractor.h"
#include "retrieval/co_watch.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::bundle {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

void CopyOver(const TestProject& from, const TestProject& to, const std::string& name) {
  fs::copy_file(from.bundle_folder() / name, to.bundle_folder() / name,
                fs::copy_options::overwrite_existing);
}

std::vector<float> UserVector(const retrieval::UserItemModel& model,
                              const features::FeatureStatistics& tables,
                              const TestProject& project) {
  features::FeatureBlock batch;
  features::FeatureExtractor(tables, project.log().catalogue(), features::Model::kRetrieval)
      .AppendQuery(features::Fold(project.log(), "u"), schema::kNone,
                   {.time_ms = features::Minutes(20'000)}, &batch);
  std::vector<float> vector(model.dim());
  retrieval::UserItemModel::Scratch scratch;
  EXPECT_TRUE(model.EncodeUsers(batch, vector.data(), scratch, {}));
  return vector;
}

std::vector<float> Predictions(const ranking::RankingModel& ranker,
                               const features::FeatureStatistics& tables,
                               const TestProject& project) {
  const features::FeatureExtractor extractor(tables, project.log().catalogue(),
                                             features::Model::kRanking);
  features::FeatureBlock query, items;
  const features::UserState state = features::Fold(project.log(), "u");
  const features::Context context{.time_ms = features::Minutes(20'000)};
  extractor.AppendQuery(state, schema::kNone, context, &query);
  for (uint32_t item = 0; item < 10; ++item) {
    extractor.AppendImpression(state, schema::kNone, context, {.item = item}, &items);
  }
  std::vector<float> predictions(10 * ranker.objectives().size());
  ranking::RankerScratch scratch;
  EXPECT_TRUE(
      ranker.Predict(query, items, std::vector<uint32_t>(10, 0), predictions.data(), scratch, {}));
  return predictions;
}

TEST(Bundle, ReopenedPartsAreTheWrittenOnes) {
  const TestProject project;
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  const Manifest& manifest = bundle->manifest();
  EXPECT_EQ(manifest.version, "v000001");
  EXPECT_EQ(manifest.log_version, "v000001");
  EXPECT_EQ(manifest.log_digest, project.digest());
  EXPECT_EQ(manifest.machine, "a test");
  EXPECT_FALSE(manifest.forced);
  EXPECT_EQ(manifest.parts.size() + 1, FilesIn(project.bundle_folder()).size());
  EXPECT_EQ(*base::ReadFile(project.bundle_folder() / "project.toml"),
            "[project]\nname = \"test\"\n");
  EXPECT_EQ(*base::ReadFile(project.bundle_folder() / "report.json"), "{\"seed\": 1}\n");
  EXPECT_EQ(bundle->tables().vocabularies, project.tables().vocabularies);
  EXPECT_EQ(bundle->tables().train_end_ms, project.tables().train_end_ms);

  ASSERT_NE(bundle->candidate(), nullptr);
  const std::vector<float> user = UserVector(*project.candidate(), project.tables(), project);
  EXPECT_EQ(UserVector(*bundle->candidate(), bundle->tables(), project), user);
  ASSERT_NE(bundle->index(), nullptr);
  std::vector<ann::Hit> want, found;
  project.index()->Search(user, 12, {}, &want);
  bundle->index()->Search(user, 12, {}, &found);
  EXPECT_EQ(found, want);
  ASSERT_NE(bundle->ranker(), nullptr);
  EXPECT_EQ(Predictions(*bundle->ranker(), bundle->tables(), project),
            Predictions(*project.ranker(), project.tables(), project));
}

TEST(Bundle, GeneratorsAreLoadedInTheOrderOfTheRegistryWithWhatTheyLearned) {
  const TestProject project;
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  std::vector<std::string_view> names, expected;
  for (const auto& one : bundle->generators()) names.push_back(one.name);
  for (const auto& entry : retrieval::BuiltInGenerators()) expected.push_back(entry.name);
  EXPECT_EQ(names, expected);
  base::ThreadPool pool(1);
  const retrieval::CoWatch co_watch = retrieval::CoWatchLearner(project.source(), {}, pool).Learn();
  const auto find = [&](std::string_view name) -> const retrieval::Generator& {
    return *std::ranges::find(bundle->generators(), name, &retrieval::LoadedGenerator::name)
                ->generator;
  };
  size_t pairs = 0;
  for (uint32_t item = 0; item < 40; ++item) {
    const auto like = find("co-watch").Like({project.log().catalogue(), item})[0].items;
    EXPECT_TRUE(std::ranges::equal(like, co_watch.Similar(item)));
    pairs += like.size();
  }
  EXPECT_GT(pairs, 0u);
  std::vector<retrieval::Candidate> popular;
  EXPECT_TRUE(find("popular").Propose(
      {project.log().catalogue(), features::UserState(), schema::kNone, features::Context()}, 1'000,
      {}, &popular));
  const auto ranked = retrieval::RankByCount(retrieval::CountWatches(project.source()));
  ASSERT_EQ(popular.size(), ranked.size());
  for (size_t i = 0; i < ranked.size(); ++i) EXPECT_EQ(popular[i].item, ranked[i].item);
}

TEST(Bundle, PartsThatWereLeftOutAreAbsentAfterOpening) {
  const TestProject project({.candidate = false, .ranker = false, .generators = false});
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  EXPECT_EQ(bundle->candidate(), nullptr);
  EXPECT_EQ(bundle->index(), nullptr);
  EXPECT_EQ(bundle->ranker(), nullptr);
  ASSERT_EQ(bundle->generators().size(), 2u) << "which have no parts";
  EXPECT_EQ(bundle->generators()[0].name, "continue");
  EXPECT_EQ(bundle->generators()[1].name, "recent");
  EXPECT_THAT(FilesIn(project.bundle_folder()),
              testing::ElementsAre("features.uxs", "manifest.json", "project.toml", "report.json"));
}

TEST(Bundle, TextThatIsNoUtf8DoesNotStopPublishing) {
  const TestProject project({.candidate = false, .ranker = false});
  const base::TestFolder folder;
  Manifest manifest;
  manifest.gate = "worse than \xff\xfe";
  manifest.forced = true;
  ASSERT_TRUE(WriteBundle(folder.path(), project.parts(), &manifest));
  const auto bundle = Bundle::Open(folder.path(), project.lineage());
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_TRUE((*bundle)->manifest().forced);
  EXPECT_THAT((*bundle)->manifest().gate, HasSubstr("worse than"));
}

// Every byte of small files; of large ones the first and last bytes and 200 drawn between.
std::vector<uint64_t> PositionsToFlip(uint64_t size) {
  std::vector<uint64_t> positions;
  if (size <= 4096) {
    for (uint64_t at = 0; at < size; ++at) positions.push_back(at);
    return positions;
  }
  for (uint64_t at = 0; at < 64; ++at) positions.insert(positions.end(), {at, size - 1 - at});
  base::Rng rng(size);
  for (int i = 0; i < 200; ++i) positions.push_back(rng.Below(size));
  return positions;
}

TEST(Bundle, AnyFlippedByteIsFoundAndItsFileNamed) {
  const TestProject project;
  for (const std::string& name : FilesIn(project.bundle_folder())) {
    SCOPED_TRACE(name);
    const fs::path path = project.bundle_folder() / name;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (const uint64_t at : PositionsToFlip(fs::file_size(path))) {
      file.seekg(static_cast<std::streamoff>(at));
      const char was = static_cast<char>(file.get());
      const auto put = [&](char value) {
        file.seekp(static_cast<std::streamoff>(at));
        file.put(value).flush();
      };
      put(static_cast<char>(was ^ (1 << at % 8)));
      const Error error = ErrorOf(project.bundle_folder(), project.lineage());
      EXPECT_EQ(error.code, Code::kDataLoss) << "byte " << at << ": " << error.message;
      EXPECT_THAT(error.message, HasSubstr(name)) << "byte " << at;
      put(was);
      if (HasFailure()) return;
    }
  }
  EXPECT_NE(project.Open(), nullptr);  // every byte was put back
}

TEST(Bundle, TruncatedMissingAndForeignFilesAreNamed) {
  const TestProject project;
  for (const std::string& name : FilesIn(project.bundle_folder())) {
    SCOPED_TRACE(name);
    const fs::path path = project.bundle_folder() / name;
    const std::string bytes = *base::ReadFile(path);
    for (const std::string& other :
         {bytes.substr(0, bytes.size() / 2), std::string(), bytes + " "}) {
      ASSERT_TRUE(base::WriteFileAtomic(path, other));
      const Error error = ErrorOf(project.bundle_folder(), project.lineage());
      EXPECT_EQ(error.code, Code::kDataLoss) << error.message;
      EXPECT_THAT(error.message, HasSubstr(name));
    }
    fs::remove(path);
    const Error error = ErrorOf(project.bundle_folder(), project.lineage());
    EXPECT_EQ(error.code, name == "manifest.json" ? Code::kNotFound : Code::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(name));
    ASSERT_TRUE(base::WriteFileAtomic(path, bytes));
  }
}

TEST(Bundle, SV03_AnotherLogIsRefused) {
  const TestProject project, other({.items = 41});
  ASSERT_NE(project.digest(), other.digest());
  const Error error = ErrorOf(project.bundle_folder(), other.lineage());
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("train again"));
}

TEST(Bundle, SV03_FilesOfTwoBundlesDoNotMix) {
  // The same log: other weights, and other features.
  const TestProject project, other_weights({.seed = 2}), other_features({.drop = {"searches"}});
  for (const TestProject* other : {&other_weights, &other_features}) {
    for (const std::string& name : FilesIn(other->bundle_folder())) {
      const std::string bytes = *base::ReadFile(project.bundle_folder() / name);
      if (bytes == *base::ReadFile(other->bundle_folder() / name)) continue;
      SCOPED_TRACE(name);
      CopyOver(*other, project, name);
      EXPECT_EQ(ErrorOf(project.bundle_folder(), project.lineage()).code, Code::kDataLoss);
      ASSERT_TRUE(base::WriteFileAtomic(project.bundle_folder() / name, bytes));
    }
  }
}

TEST(Bundle, SV03_ManifestThatAgreesWithMixedFilesDoesNotHelp) {
  const TestProject other_weights({.seed = 2}), other_features({.drop = {"searches"}});
  const auto refused = [](const TestProject& other, const std::string& name) {
    const TestProject project;
    CopyOver(other, project, name);
    ForgeEntries(project.bundle_folder());
    const Error error = ErrorOf(project.bundle_folder(), project.lineage());
    EXPECT_EQ(error.code, Code::kFailedPrecondition) << error.message;
    EXPECT_THAT(error.message, HasSubstr(name));
  };
  refused(other_features, "features.uxs");
  refused(other_features, "candidate.uxs");
  refused(other_features, "ranker.uxs");
  refused(other_weights, "index.uxs");
}

// Files that are each in order and name each other's digests, but disagree about numbers of rows.
TEST(Bundle, ModelsOfOtherShapesThanTheVocabulariesAreRefused) {
  const TestProject small({.items = 20}), project;
  const auto features = base::SectionFile::Open(project.bundle_folder() / "features.uxs",
                                                features::kTablesKind, features::kTablesVersion);
  ASSERT_TRUE(features);
  const auto refused = [&](const char* name, const auto& save) {
    const TestProject victim;
    ASSERT_TRUE(base::RemoveAll(victim.bundle_folder() / name));
    save(victim.bundle_folder() / name);
    ForgeEntries(victim.bundle_folder());
    const Error error = ErrorOf(victim.bundle_folder(), victim.lineage());
    EXPECT_EQ(error.code, Code::kDataLoss) << error.message;
    EXPECT_THAT(error.message, HasSubstr("other numbers of rows"));
  };
  refused("ranker.uxs", [&](const fs::path& path) {
    ASSERT_TRUE(small.ranker()->Save(path, features->digest()));
  });
  // The index goes with the candidate model.
  refused("candidate.uxs", [&](const fs::path& path) {
    ASSERT_TRUE(small.candidate()->Save(path, features->digest()));
    ASSERT_TRUE(small.index()->Save(path.parent_path() / "index.uxs"));
  });
}

// Whatever is in the file of the second one.
TEST(Bundle, TwoModelsOfOneStageAreRefused) {
  for (const auto& [type, kind] :
       {std::pair(OnnxEncoderType(), "candidate"), std::pair(OnnxRankerType(), "ranker")}) {
    const TestProject project;
    const fs::path folder = project.bundle_folder();
    ASSERT_TRUE(base::WriteFileAtomic(folder / type.file, "another"));
    auto manifest = ReadManifest(folder);
    ASSERT_TRUE(manifest);
    PartEntry entry{type.name, type.file, type.kind, type.version, 0, 0};
    ASSERT_TRUE(MeasurePart(folder, &entry));
    manifest->parts.push_back(entry);
    ASSERT_TRUE(WriteManifest(folder, *manifest));
    const Error error = ErrorOf(folder, project.lineage());
    EXPECT_EQ(error.code, Code::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(type.file + ": a second " + kind));
  }
}

TEST(Bundle, GeneratorsThatKnowMoreItemsThanTheVocabulariesAreRefused) {
  for (const std::string name : {"popular", "trending", "co-watch", "topic"}) {
    const TestProject project({.items = 20}), larger;
    const std::string file = fmt::format("generator.{}.uxs", name);
    CopyOver(larger, project, file);
    ForgeEntries(project.bundle_folder());
    const Error error = ErrorOf(project.bundle_folder(), project.lineage());
    EXPECT_EQ(error.code, Code::kDataLoss) << error.message;
    EXPECT_THAT(error.message, HasSubstr(file));
  }
}

}  // namespace
}  // namespace upnext::bundle
