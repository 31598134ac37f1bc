#include "bundle/validated_models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/test_folder.h"
#include "bundle/test_bundle.h"
#include "bundle/test_forge.h"

namespace upnext::bundle {
namespace {

using testing::HasSubstr;

// A bundle that serves `served` and keeps `validated`, of the same log.
class ValidatedModelsTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(WriteValidated(folder_.path(), validated_.tables(), validated_.candidate(),
                               validated_.ranker()));
    Parts parts = served_.parts();
    for (const PartType& type :
         {ValidatedFeaturesType(), ValidatedCandidateType(), ValidatedRankerType()}) {
      parts.Set(WrittenPart(type));
    }
    Manifest manifest;
    ASSERT_TRUE(WriteBundle(folder_.path(), parts, &manifest));
  }

  const TestProject served_, validated_{{.seed = 2, .drop = {"searches"}}};
  const base::TestFolder folder_;
};

TEST_F(ValidatedModelsTest, AreOpenedApartFromThoseThatAreServed) {
  const auto models = ValidatedModels::Open(folder_.path());
  ASSERT_TRUE(models) << models.error().message;
  EXPECT_TRUE(KeepsValidated((*models)->manifest()));
  EXPECT_EQ((*models)->tables().plan.text(), validated_.tables().plan.text());
  ASSERT_NE((*models)->candidate(), nullptr);
  ASSERT_NE((*models)->ranker(), nullptr);
  EXPECT_NE((*models)->features_digest(), (*models)->manifest().features_digest);

  const auto bundle = Bundle::Open(folder_.path(), served_.lineage());
  ASSERT_TRUE(bundle) << bundle.error().message;
  EXPECT_EQ((*bundle)->tables().plan.text(), served_.tables().plan.text());
}

TEST_F(ValidatedModelsTest, OfABundleThatServesThemAreItsOwn) {
  const auto models = ValidatedModels::Open(served_.bundle_folder());
  ASSERT_TRUE(models) << models.error().message;
  EXPECT_FALSE(KeepsValidated((*models)->manifest()));
  EXPECT_EQ((*models)->features_digest(), (*models)->manifest().features_digest);
  EXPECT_NE((*models)->candidate(), nullptr);
  EXPECT_NE((*models)->ranker(), nullptr);
}

TEST_F(ValidatedModelsTest, ADamagedFileIsFoundWhenTheBundleIsOpened) {
  const std::string name = ValidatedRankerType().file;
  std::ofstream(folder_.path() / name, std::ios::app) << " ";
  for (const Error& error : {ErrorOf(folder_.path(), served_.lineage()),
                             ValidatedModels::Open(folder_.path()).error()}) {
    EXPECT_EQ(error.code, Code::kDataLoss);
    EXPECT_THAT(error.message, HasSubstr(name));
  }
}

TEST_F(ValidatedModelsTest, ModelsOfOtherFeaturesAreRefused) {
  ASSERT_TRUE(served_.ranker()->Save(folder_.path() / ValidatedRankerType().file, 1));
  ForgeEntries(folder_.path());
  const auto models = ValidatedModels::Open(folder_.path());
  ASSERT_FALSE(models);
  EXPECT_THAT(models.error().message, HasSubstr(ValidatedRankerType().file));
}

TEST_F(ValidatedModelsTest, AnotherVersionOfAPartIsRefusedWithWhatToDo) {
  nlohmann::json manifest = ReadJson(folder_.path() / "manifest.json");
  for (nlohmann::json& part : manifest["parts"]) {
    if (part["name"] == ValidatedCandidateType().name) part["version"] = 99;
  }
  Forge(folder_.path(), manifest);
  const auto models = ValidatedModels::Open(folder_.path());
  ASSERT_FALSE(models);
  EXPECT_EQ(models.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(models.error().message, HasSubstr("train again"));
}

}  // namespace
}  // namespace upnext::bundle
