#include "bundle/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "ann/index.h"
#include "base/checksum.h"
#include "base/file.h"
#include "base/section_file.h"
#include "bundle/test_bundle.h"

namespace upnext::bundle {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

Error ErrorOf(const fs::path& folder, std::span<const uint64_t> lineage) {
  const auto bundle = Bundle::Open(folder, lineage);
  if (!bundle) return bundle.error();
  ADD_FAILURE() << "opened, but should have been refused";
  return {};
}

std::vector<std::string> FilesIn(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

json ReadJson(const fs::path& path) { return json::parse(*base::ReadFile(path)); }

// A manifest that is right about itself, whatever it says.
void Forge(const fs::path& folder, json manifest) {
  manifest.erase("checksum");
  const std::string text = manifest.dump();
  manifest["checksum"] = fmt::format("{:016x}", base::Checksum(std::as_bytes(std::span(text))));
  ASSERT_TRUE(base::WriteFileAtomic(folder / "manifest.json", manifest.dump(2) + "\n"));
}

// Makes the manifest agree with what now lies in the folder.
void ForgeEntries(const fs::path& folder) {
  json manifest = ReadJson(folder / "manifest.json");
  for (json& file : manifest["files"]) {
    const std::string bytes = *base::ReadFile(folder / file["name"].get<std::string>());
    file["bytes"] = bytes.size();
    file["checksum"] = fmt::format("{:016x}", base::Checksum(std::as_bytes(std::span(bytes))));
  }
  Forge(folder, manifest);
}

void CopyOver(const TestProject& from, const TestProject& to, const std::string& name) {
  fs::copy_file(from.bundle_folder() / name, to.bundle_folder() / name,
                fs::copy_options::overwrite_existing);
}

std::vector<float> UserVector(const retrieval::CandidateModel& model,
                              const features::FeatureStatistics& tables,
                              const TestProject& project) {
  features::CandidateBatch batch;
  features::CandidateExtractor(tables, project.log().catalogue())
      .Append(features::Fold(project.log(), "u"), {}, {.time_ms = features::Minutes(20'000)}, 0,
              &batch);
  std::vector<float> vector(model.dim());
  retrieval::CandidateModel::Scratch scratch;
  model.UserVectors(batch, vector.data(), scratch, {});
  return vector;
}

std::vector<float> Predictions(const ranking::Ranker& ranker,
                               const features::FeatureStatistics& tables,
                               const TestProject& project) {
  const features::RankingExtractor extractor(tables, project.log().catalogue());
  features::RankingBlock query(features::Side::kQuery), items(features::Side::kImpression);
  const features::UserState state = features::Fold(project.log(), "u");
  const features::Context context{.time_ms = features::Minutes(20'000)};
  extractor.AppendQuery(state, {}, context, &query);
  for (uint32_t item = 0; item < 10; ++item) {
    extractor.AppendImpression(state, {}, context, {.item = item}, &items);
  }
  std::vector<float> predictions(10 * ranker.objectives().size());
  ranking::Ranker::Scratch scratch;
  ranker.Score(query, items, std::vector<uint32_t>(10, 0), predictions.data(), scratch, {});
  return predictions;
}

TEST(Bundle, ReopenedPartsAreTheWrittenOnes) {
  const TestProject project;
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  const Parts parts = project.parts();
  const Manifest& manifest = bundle->manifest();
  EXPECT_EQ(manifest.version, "v000001");
  EXPECT_EQ(manifest.log_version, "v000001");
  EXPECT_EQ(manifest.log_digest, project.digest());
  EXPECT_EQ(manifest.machine, "a test");
  EXPECT_FALSE(manifest.forced);
  EXPECT_EQ(manifest.files.size() + 1, FilesIn(project.bundle_folder()).size());
  EXPECT_EQ(*base::ReadFile(project.bundle_folder() / "project.toml"), parts.project_toml);
  EXPECT_EQ(*base::ReadFile(project.bundle_folder() / "report.json"), parts.report_json);
  EXPECT_EQ(bundle->tables().vocabularies, project.tables().vocabularies);
  EXPECT_EQ(bundle->tables().train_end_ms, project.tables().train_end_ms);

  ASSERT_NE(bundle->candidate(), nullptr);
  const std::vector<float> user = UserVector(*parts.candidate, project.tables(), project);
  EXPECT_EQ(UserVector(*bundle->candidate(), bundle->tables(), project), user);
  ASSERT_NE(bundle->index(), nullptr);
  std::vector<ann::Hit> want, found;
  parts.index->Search(user, 12, {}, &want);
  bundle->index()->Search(user, 12, {}, &found);
  EXPECT_EQ(found, want);
  ASSERT_NE(bundle->ranker(), nullptr);
  EXPECT_EQ(Predictions(*bundle->ranker(), bundle->tables(), project),
            Predictions(*parts.ranker, project.tables(), project));
  EXPECT_TRUE(std::ranges::equal(bundle->popular().overall(), parts.popular->overall()));
  EXPECT_TRUE(std::ranges::equal(bundle->popular().trending(), parts.popular->trending()));
  EXPECT_FALSE(bundle->popular().overall().empty());
  const retrieval::CoWatch co_watch = parts.co_watch->Learn();
  size_t pairs = 0;
  for (uint32_t item = 0; item < 40; ++item) {
    EXPECT_TRUE(std::ranges::equal(bundle->co_watch().Similar(item), co_watch.Similar(item)));
    pairs += bundle->co_watch().Similar(item).size();
  }
  EXPECT_GT(pairs, 0u);
}

TEST(Bundle, PartsThatWereLeftOutAreAbsentAfterOpening) {
  const TestProject project({.candidate = false, .ranker = false, .generators = false});
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  EXPECT_EQ(bundle->candidate(), nullptr);
  EXPECT_EQ(bundle->index(), nullptr);
  EXPECT_EQ(bundle->ranker(), nullptr);
  EXPECT_TRUE(bundle->popular().overall().empty());
  EXPECT_TRUE(bundle->co_watch().Similar(0).empty());
  EXPECT_THAT(FilesIn(project.bundle_folder()),
              testing::ElementsAre("features.uxs", "generators.uxs", "manifest.json",
                                   "project.toml", "report.json"));
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
  const Parts parts = small.parts();
  refused("ranker.uxs",
          [&](const fs::path& path) { ASSERT_TRUE(parts.ranker->Save(path, features->digest())); });
  // The index goes with the candidate model.
  refused("candidate.uxs", [&](const fs::path& path) {
    ASSERT_TRUE(parts.candidate->Save(path, features->digest()));
    ASSERT_TRUE(parts.index->Save(path.parent_path() / "index.uxs"));
  });
}

TEST(Bundle, GeneratorsThatKnowMoreItemsThanTheVocabulariesAreRefused) {
  const TestProject project({.items = 20}), larger;
  CopyOver(larger, project, "generators.uxs");
  ForgeEntries(project.bundle_folder());
  const Error error = ErrorOf(project.bundle_folder(), project.lineage());
  EXPECT_EQ(error.code, Code::kDataLoss) << error.message;
  EXPECT_THAT(error.message, HasSubstr("generators.uxs"));
}

TEST(Manifest, NamesThatLeadOutOfTheFolderAreRefused) {
  const TestProject project({.candidate = false, .ranker = false});
  const json good = ReadJson(project.bundle_folder() / "manifest.json");
  for (const std::string& name :
       {std::string("../features.uxs"), std::string("/etc/passwd"), std::string(".."),
        std::string("."), std::string(""), std::string("a/b"), std::string("a\\b"),
        std::string("features.uxs\0x", 14), std::string("manifest.json"), std::string(300, 'a'),
        std::string("line\nbreak"), std::string("features.uxs")}) {
    SCOPED_TRACE(name);
    json forged = good;
    json entry = good["files"][0];  // twice, as the last name shows
    entry["name"] = name;
    forged["files"].push_back(entry);
    Forge(project.bundle_folder(), forged);
    const Error error = ErrorOf(project.bundle_folder(), project.lineage());
    EXPECT_EQ(error.code, Code::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr("manifest.json"));
  }
  Forge(project.bundle_folder(), good);
  EXPECT_NE(project.Open(), nullptr);
}

TEST(Manifest, RequiredFilesMustBeListed) {
  const TestProject project;
  const json good = ReadJson(project.bundle_folder() / "manifest.json");
  for (const std::string name : {"features.uxs", "generators.uxs", "project.toml", "report.json"}) {
    json forged = good;
    std::erase_if(forged["files"].get_ref<json::array_t&>(),
                  [&](const json& file) { return file["name"] == name; });
    Forge(project.bundle_folder(), forged);
    const Error error = ErrorOf(project.bundle_folder(), project.lineage());
    EXPECT_EQ(error.code, Code::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(name));
  }
}

TEST(Manifest, AnythingElseIsRefusedWithoutHarm) {
  const TestProject project({.candidate = false, .ranker = false});
  const fs::path folder = project.bundle_folder();
  const json good = ReadJson(folder / "manifest.json");
  const std::string deep = "{\"a\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  for (const std::string& text : {std::string("{}\n"), std::string("[1]"), std::string("nonsense"),
                                  std::string("{\"format\": 1}"), deep, good.dump()}) {
    ASSERT_TRUE(base::WriteFileAtomic(folder / "manifest.json", text));
    EXPECT_EQ(ErrorOf(folder, project.lineage()).code, Code::kDataLoss);
  }
  for (const auto& [key, value] : good.items()) {
    if (key == "checksum") continue;
    for (const json& wrong : {json(), json(json::object()), json("text"), json(-1)}) {
      json forged = good;
      forged[key] = wrong;
      Forge(folder, forged);
      const auto bundle = Bundle::Open(folder, project.lineage());
      if (wrong.type() == value.type()) continue;
      if (key == "seed") continue;  // any number reads as one
      EXPECT_FALSE(bundle) << key << " = " << wrong;
    }
    json forged = good;
    forged.erase(key);
    Forge(folder, forged);
    EXPECT_EQ(ErrorOf(folder, project.lineage()).code, Code::kDataLoss) << key;
  }
  json newer = good;
  newer["format"] = 2;
  Forge(folder, newer);
  EXPECT_EQ(ErrorOf(folder, project.lineage()).code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace upnext::bundle
