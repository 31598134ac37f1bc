#include "bundle/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/section_file.h"
#include "base/test_folder.h"
#include "bundle/test_forge.h"
#include "retrieval/generator_registry.h"

namespace upnext::bundle {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

// What a manifest may say of its parts, other than what was written.
class PartsTest : public testing::Test {
 protected:
  Error Refusal(const std::function<void(json& parts)>& edit) {
    json forged = good_;
    edit(forged["parts"]);
    Forge(project_.bundle_folder(), forged);
    return ErrorOf(project_.bundle_folder(), project_.lineage());
  }
  static json& Named(json& parts, const std::string& name) {
    for (json& part : parts) {
      if (part["name"] == name) return part;
    }
    ADD_FAILURE() << "no part " << name;
    return parts[0];
  }
  static void Erase(json& parts, const std::string& name) {
    std::erase_if(parts.get_ref<json::array_t&>(),
                  [&](const json& part) { return part["name"] == name; });
  }
  const TestProject project_;
  const json good_ = ReadJson(project_.bundle_folder() / "manifest.json");
};

TEST_F(PartsTest, ManifestListsNameFileKindAndVersionOfEach) {
  const auto manifest = ReadManifest(project_.bundle_folder());
  ASSERT_TRUE(manifest);
  std::vector<std::string> names;
  for (const PartEntry& part : manifest->parts) names.push_back(part.name);
  EXPECT_THAT(names, testing::ElementsAre("features", "project", "report", "candidate", "index",
                                          "ranker", "generator.next", "generator.bought-together",
                                          "generator.co-watch", "generator.series",
                                          "generator.trending", "generator.popular",
                                          "generator.similar-content", "generator.topic",
                                          "generator.same-channel", "generator.new-items"));
  const PartEntry& popular = manifest->parts[11];
  EXPECT_EQ(popular.file, "generator.popular.uxs");
  EXPECT_TRUE(base::SectionFile::Open(project_.bundle_folder() / popular.file, popular.kind,
                                      popular.version));
  EXPECT_EQ(popular.bytes, fs::file_size(project_.bundle_folder() / popular.file));
}

TEST(Manifest, KeepsTheOrderOfFeedsWithItsHalfLife) {
  const base::TestFolder folder;
  Manifest manifest;
  manifest.order = {{{"candidate-model", 0.3}, {"trending", 0.7, 4}}};
  manifest.prediction_means = {{"click", 0.0625}, {"watch", 41.5}};
  ASSERT_TRUE(WriteManifest(folder.path(), manifest));
  const auto read = ReadManifest(folder.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->order, manifest.order);
  EXPECT_EQ(read->prediction_means, manifest.prediction_means);
}

TEST_F(PartsTest, UnknownOnesAreRefusedByName) {
  const Error error =
      Refusal([](json& parts) { Named(parts, "generator.topic")["name"] = "sauce"; });
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message,
              testing::AllOf(HasSubstr("sauce"), HasSubstr("0.1.0"), HasSubstr("train again")));
}

TEST_F(PartsTest, OtherVersionsKindsAndFilesAreRefused) {
  for (const auto& [key, value] :
       {std::pair{"version", json(99)}, {"kind", json("soup")}, {"file", json("index.uxs")}}) {
    const Error error = Refusal([&](json& parts) {
      if (key == std::string("file")) Erase(parts, "index");
      json& ranker = Named(parts, "ranker");
      ranker[key] = value;
      const fs::path file = project_.bundle_folder() / ranker["file"].get<std::string>();
      const std::string bytes = *base::ReadFile(file);
      ranker["bytes"] = bytes.size();
      ranker["checksum"] = fmt::format("{:016x}", base::Checksum(std::as_bytes(std::span(bytes))));
    });
    EXPECT_EQ(error.code, Code::kFailedPrecondition) << key << ": " << error.message;
    EXPECT_THAT(error.message, testing::AllOf(HasSubstr("ranker"), HasSubstr("train again")));
  }
}

TEST_F(PartsTest, MissingOnesThatOthersNeedAreNamed) {
  for (const std::string name : {"features", "project", "report"}) {
    const Error error = Refusal([&](json& parts) { Erase(parts, name); });
    EXPECT_EQ(error.code, Code::kDataLoss);
    EXPECT_THAT(error.message, testing::AllOf(HasSubstr(name), HasSubstr("train again")));
  }
  const Error error = Refusal([](json& parts) { Erase(parts, "candidate"); });
  EXPECT_EQ(error.code, Code::kDataLoss);
  EXPECT_THAT(error.message, testing::AllOf(HasSubstr("index.uxs"), HasSubstr("candidate")));
}

TEST_F(PartsTest, AGeneratorWithoutItsPartIsLeftOut) {
  json fewer = good_;
  Erase(fewer["parts"], "generator.trending");
  Forge(project_.bundle_folder(), fewer);
  const auto bundle = project_.Open();
  ASSERT_NE(bundle, nullptr);
  EXPECT_EQ(bundle->generators().size(), retrieval::BuiltInGenerators().size() - 1);
  for (const auto& one : bundle->generators()) EXPECT_NE(one.name, "trending");
}

TEST_F(PartsTest, BundlesOfTheFirstFormatAreRefusedWithWhatToDo) {
  json old = good_;
  old["format"] = 1;
  old["files"] = old["parts"];
  old.erase("parts");
  Forge(project_.bundle_folder(), old);
  const Error error = ErrorOf(project_.bundle_folder(), project_.lineage());
  EXPECT_EQ(error.code, Code::kFailedPrecondition);
  EXPECT_THAT(error.message, HasSubstr("train again"));
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
    json entry = good["parts"][0];  // twice, as the last name shows
    entry["name"] = "other";
    entry["file"] = name;
    forged["parts"].push_back(entry);
    Forge(project.bundle_folder(), forged);
    const Error error = ErrorOf(project.bundle_folder(), project.lineage());
    EXPECT_EQ(error.code, Code::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr("manifest.json"));
  }
  Forge(project.bundle_folder(), good);
  EXPECT_NE(project.Open(), nullptr);
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
    if (key == "prediction_means") {  // bundles of earlier versions have none
      EXPECT_TRUE(Bundle::Open(folder, project.lineage()));
      continue;
    }
    EXPECT_EQ(ErrorOf(folder, project.lineage()).code, Code::kDataLoss) << key;
  }
  json newer = good;
  newer["format"] = 99;
  Forge(folder, newer);
  EXPECT_EQ(ErrorOf(folder, project.lineage()).code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace upnext::bundle
