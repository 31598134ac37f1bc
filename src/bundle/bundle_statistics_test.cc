#include "bundle/bundle_statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "bundle/test_bundle.h"
#include "bundle/test_forge.h"
#include "bundle/validated_models.h"
#include "features/retrieval_reference.h"

namespace upnext::bundle {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

void TakeFrom(const TestProject& from, const TestProject& to, const PartType& part) {
  fs::copy_file(from.bundle_folder() / part.file, to.bundle_folder() / part.file,
                fs::copy_options::overwrite_existing);
  ForgeEntries(to.bundle_folder());
}

// The bundle opens neither to serve it nor to evaluate it.
void ExpectBothRefuse(const TestProject& project, Code code, const std::string& message) {
  const auto validated = ValidatedModels::Open(project.bundle_folder());
  ASSERT_FALSE(validated);
  for (const Error& error :
       {ErrorOf(project.bundle_folder(), project.lineage()), validated.error()}) {
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_THAT(error.message, HasSubstr(message));
    EXPECT_THAT(error.message, HasSubstr("train again"));
  }
}

TEST(BundleStatistics, RK16_TheReferenceIsAPartAndComesWithTheStatistics) {
  const TestProject project({.reference = 3});
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  ASSERT_NE(bundle->tables().reference, nullptr);
  EXPECT_EQ(bundle->tables().reference->digest(), project.tables().reference->digest());
  const auto validated = ValidatedModels::Open(project.bundle_folder());
  ASSERT_TRUE(validated) << validated.error().message;
  EXPECT_NE((*validated)->tables().reference, nullptr);
  EXPECT_EQ(TestProject().Open()->tables().reference, nullptr);
}

TEST(BundleStatistics, RK16_AReferenceOfAnotherDigestIsRefused) {
  const TestProject project({.reference = 3}), other({.reference = 4});
  TakeFrom(other, project, ReferenceModelType());
  ExpectBothRefuse(
      project, Code::kFailedPrecondition,
      "were learned with " + fmt::format("{:016x}", project.tables().reference->digest()));
}

TEST(BundleStatistics, RK16_AReferenceWithOtherStatisticsIsRefused) {
  const TestProject project({.reference = 3}), other({.drop = {"searches"}, .reference = 3});
  TakeFrom(other, project, ReferenceFeaturesType());
  ExpectBothRefuse(project, Code::kFailedPrecondition, ReferenceModelType().file);
}

TEST(BundleStatistics, RK16_AMissingReferenceIsRefused) {
  for (const PartType& part : {ReferenceFeaturesType(), ReferenceModelType()}) {
    const TestProject project({.reference = 3});
    nlohmann::json manifest = ReadJson(project.bundle_folder() / "manifest.json");
    nlohmann::json& parts = manifest["parts"];
    for (size_t i = 0; i < parts.size(); ++i) {
      if (parts[i]["name"] == part.name) parts.erase(i);
    }
    Forge(project.bundle_folder(), manifest);
    ExpectBothRefuse(project, Code::kDataLoss, part.name + " of its manifest is missing");
    fs::remove(project.bundle_folder() / part.file);
    ExpectBothRefuse(project, Code::kDataLoss, part.name + " of its manifest is missing");
  }
}

TEST(BundleStatistics, RK16_AReferenceThatNoFeatureReadsIsRefused) {
  const TestProject project, other({.reference = 3});
  for (const PartType& part : {ReferenceFeaturesType(), ReferenceModelType()}) {
    fs::copy_file(other.bundle_folder() / part.file, project.bundle_folder() / part.file);
  }
  nlohmann::json manifest = ReadJson(project.bundle_folder() / "manifest.json");
  const nlohmann::json with = ReadJson(other.bundle_folder() / "manifest.json");
  for (const nlohmann::json& part : with["parts"]) {
    if (part["name"].get<std::string>().starts_with("reference.")) {
      manifest["parts"].push_back(part);
    }
  }
  Forge(project.bundle_folder(), manifest);
  ExpectBothRefuse(project, Code::kFailedPrecondition, "does not have");
}

}  // namespace
}  // namespace upnext::bundle
