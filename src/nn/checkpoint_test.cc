#include "nn/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <vector>

#include "nn/dense.h"
#include "nn/embedding_table.h"
#include "nn/gradient_check.h"

namespace upnext::nn {
namespace {

using ::testing::HasSubstr;

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(testing::TempDir()) / ("checkpoint_test_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path Path() const { return folder_ / "weights"; }

  void Save(std::span<const Parameter> parameters) {
    auto writer = base::SectionWriter::Create(Path(), "test-weights", 1);
    ASSERT_TRUE(writer) << writer.error().message;
    const Status saved = SaveParameters(*writer, parameters);
    ASSERT_TRUE(saved) << saved.error().message;
    ASSERT_TRUE(writer->Commit());
  }
  Status Load(std::span<const Parameter> parameters) {
    UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                            base::SectionFile::Open(Path(), "test-weights", 1));
    return LoadParameters(file, parameters);
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(Checkpoint, ReturnsTheSameBytes) {
  base::Rng rng(1), other(2);
  Tower saved({.input = 5, .widths = {4, 3}}, rng), loaded({.input = 5, .widths = {4, 3}}, other);
  EmbeddingTable saved_table({.rows = 7, .dim = 5}, rng),
      loaded_table({.rows = 7, .dim = 5}, other);
  std::vector<Parameter> from, to;
  saved.AppendParameters("tower", from);
  saved_table.AppendParameters("videos", from);
  loaded.AppendParameters("tower", to);
  loaded_table.AppendParameters("videos", to);
  Save(from);
  const Status status = Load(to);
  ASSERT_TRUE(status) << status.error().message;
  for (size_t i = 0; i < from.size(); ++i) {
    EXPECT_TRUE(std::ranges::equal(from[i].value, to[i].value)) << from[i].name;
  }
}

TEST_F(Checkpoint, AnotherShapeIsRefusedByNameAndChangesNothing) {
  std::vector<float> a = {1, 2}, b = {3, 4, 5, 6, 7, 8};
  Save(std::vector<Parameter>{{"a", {2}, a, {}}, {"b", {2, 3}, b, {}}});
  std::vector<float> into_a(2), into_b(6);
  const Status status =
      Load(std::vector<Parameter>{{"a", {2}, into_a, {}}, {"b", {3, 2}, into_b, {}}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(status.error().message,
              HasSubstr("parameter b should have the shape [3, 2], has [2, 3]"));
  EXPECT_EQ(into_a, (std::vector<float>{0, 0}));
}

TEST_F(Checkpoint, AMissingParameterIsNotFound) {
  std::vector<float> a = {1};
  Save(std::vector<Parameter>{{"a", {1}, a, {}}});
  const Status status = Load(std::vector<Parameter>{{"absent", {1}, a, {}}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kNotFound);
  EXPECT_THAT(status.error().message, HasSubstr("absent"));
}

TEST_F(Checkpoint, NaNIsRefused) {
  std::vector<float> a = {1, std::nanf("")}, into(2);
  Save(std::vector<Parameter>{{"a", {2}, a, {}}});
  const Status status = Load(std::vector<Parameter>{{"a", {2}, into, {}}});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDataLoss);
  EXPECT_EQ(into, (std::vector<float>{0, 0}));
}

TEST(GradientCheck, FindsAWrongGradientAndNaNAndRestoresTheValues) {
  std::vector<float> x = {1, 2, 3};
  const auto loss = [&] {
    double sum = 0.0;
    for (float value : x) sum += static_cast<double>(value) * value;
    return sum;
  };
  EXPECT_LT(CheckGradient(x, std::vector<float>{2, 4, 6}, loss).relative_error, 1e-4);
  const auto wrong = CheckGradient(x, std::vector<float>{2, 5, 6}, loss);
  EXPECT_EQ(wrong.index, 1u);
  EXPECT_NEAR(wrong.relative_error, 0.2, 1e-3);
  EXPECT_TRUE(
      std::isinf(CheckGradient(x, std::vector<float>{2, 4, std::nanf("")}, loss).relative_error));
  EXPECT_EQ(x, (std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace upnext::nn
