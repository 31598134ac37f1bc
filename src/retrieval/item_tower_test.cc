#include "retrieval/item_tower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/test_folder.h"
#include "kernels/vector_ops.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_trainer.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

CandidateModelOptions ContentOptions(bool tied = false, uint32_t depth = 1) {
  CandidateModelOptions options = StepOptions(depth, tied);
  options.items = ItemEncoder::kContent;
  return options;
}

// Content starts at zero: rows as large as those of ids.
void SpreadContent(CandidateModel& model) {
  base::Rng rng(17);
  for (nn::Parameter& p : model.Parameters()) {
    if (!p.name.starts_with("content.")) continue;
    const size_t first = p.gradient.empty() ? p.shape[1] : 0;  // row 0 of a table stays zero
    for (float& value : p.value.subspan(first)) value = static_cast<float>(rng.Uniform() - 0.5);
  }
}

struct ContentRig : Rig {
  explicit ContentRig(const CandidateModelOptions& model_options = ContentOptions(),
                      const CandidateTrainOptions& options = NoDropout())
      : Rig(model_options, options) {
    SpreadContent(model);
  }
  static CandidateTrainOptions NoDropout() {
    CandidateTrainOptions options = ExactOptions();
    options.id_dropout = 0;
    return options;
  }
  std::span<float> Values(std::string_view name) {
    for (const nn::Parameter& p : model.Parameters()) {
      if (p.name == name) return p.value;
    }
    ADD_FAILURE() << name;
    return {};
  }
  std::vector<float> Copy(std::string_view name) {
    const std::span<float> values = Values(name);
    return {values.begin(), values.end()};
  }
  // By definition, in double.
  std::vector<double> VectorOf(uint32_t row, bool with_id) {
    const size_t dim = model.dim();
    std::vector<double> vector(dim);
    if (with_id) {
      for (size_t d = 0; d < dim; ++d) vector[d] = Values("item_ids")[row * dim + d];
    }
    for (size_t slot = 0; slot < content.categorical.size(); ++slot) {
      const std::span<float> table = Values(slot == 0 ? "content.channel" : "content.topic");
      const auto ids = content.categorical[slot][row];
      for (const uint32_t id : ids) {
        for (size_t d = 0; d < dim; ++d) {
          vector[d] += double{table[id * dim + d]} / static_cast<double>(ids.size());
        }
      }
    }
    const std::span<float> map = Values("content.numbers");
    const size_t numbers = content.dense_width;
    for (size_t d = 0; d < dim; ++d) {
      for (size_t n = 0; n < numbers; ++n) {
        vector[d] += double{map[d * numbers + n]} * content.dense[row * numbers + n];
      }
    }
    return vector;
  }
  bool Is(uint32_t row, bool with_id) {
    const std::vector<double> expected = VectorOf(row, with_id);
    const std::span<const float> found = model.item_vectors().Row(row);
    return std::ranges::equal(found, expected,
                              [](double a, double b) { return std::abs(a - b) < 1e-5; });
  }
};

TEST(ItemTower, AVectorIsTheOwnRowTheMeansOfCategoriesAndTheMapOfNumbers) {
  for (const bool tied : {false, true}) {
    ContentRig rig(ContentOptions(tied));
    rig.model.EncodeItems(rig.content, &rig.pool);
    for (uint32_t row = 1; row < SmallShape().items; ++row) {
      EXPECT_TRUE(rig.Is(row, /*with_id=*/true)) << row;
    }
    EXPECT_TRUE(
        std::ranges::all_of(rig.model.item_vectors().Row(0), [](float x) { return x == 0; }));
  }
}

TEST(ItemTower, CG24_AnItemWithoutARowHasTheRest) {
  ContentRig rig;
  const std::vector<uint32_t> rows = {5, 2};
  std::vector<float> out(rows.size() * rig.model.dim());
  rig.model.EncodeNewItems(rig.content, rows, out.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<double> expected = rig.VectorOf(rows[i], /*with_id=*/false);
    for (size_t d = 0; d < expected.size(); ++d) {
      EXPECT_NEAR(out[i * expected.size() + d], expected[d], 1e-5);
    }
  }
}

TEST(ItemTower, CG27_GradientsAreThoseOfTheLoss) {
  const std::vector<uint32_t> negatives = {1, 2, 2, 5, 8, 3};
  for (const bool full : {true, false}) {
    for (const bool tied : {false, true}) {
      SCOPED_TRACE(fmt::format("full {} tied {}", full, tied));
      ContentRig rig(ContentOptions(tied));
      const auto loss = [&] {
        rig.model.EncodeItems(rig.content, nullptr);
        return full ? ReferenceLoss(rig, AllRows(), 0)
                    : ReferenceLoss(rig, negatives, std::log(6.0 / 8.0));
      };
      const double found = full ? rig.trainer.FullGradients(rig.batch).mean()
                                : rig.trainer.SampledGradients(rig.batch, negatives).mean();
      EXPECT_NEAR(found, loss(), 1e-5);
      CheckAllGradients(rig, loss);
    }
  }
}

TEST(ItemTower, AttentionReadsTheVectorsOfTheTowerInItsHistory) {
  CandidateModelOptions options = ContentOptions(/*tied=*/true, /*depth=*/0);
  options.encoder = "attention";
  options.recent_windows = {};
  options.sequence_length = 5;
  options.hidden = 3;
  ContentRig rig(options);
  kernels::Scale(20.0f, rig.Values("positions").data(), rig.Values("positions").size());
  const auto loss = [&] {
    rig.model.EncodeItems(rig.content, nullptr);
    return ReferenceLoss(rig, AllRows(), 0);
  };
  EXPECT_NEAR(rig.trainer.FullGradients(rig.batch).mean(), loss(), 1e-5);
  CheckAllGradients(rig, loss);
}

TEST(ItemTower, AllClassesSampledOnceEqualTheFullSoftmax) {
  ContentRig full, sampled;
  EXPECT_NEAR(full.trainer.FullGradients(full.batch).mean(),
              sampled.trainer.SampledGradients(sampled.batch, AllRows()).mean(), 1e-5);
  full.trainer.Apply();
  sampled.trainer.Apply();
  const std::vector<nn::Parameter> a = full.model.Parameters(), b = sampled.model.Parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < a[i].value.size(); ++j) {
      EXPECT_NEAR(a[i].value[j], b[i].value[j], 1e-5) << a[i].name;
    }
  }
}

TEST(ItemTower, IdDropoutTakesTheOwnRowOfThatShareOfItemsAsAWhole) {
  CandidateTrainOptions options = ExactOptions();
  options.id_dropout = 0.3f;
  options.table_learning_rate = options.tower_learning_rate = 0;
  ContentRig rig(ContentOptions(), options);
  constexpr int kSteps = 300;
  int without = 0;
  for (int step = 0; step < kSteps; ++step) {
    rig.trainer.FullGradients(rig.batch);
    for (uint32_t row = 1; row < SmallShape().items; ++row) {
      const bool has_id = rig.Is(row, /*with_id=*/true);
      EXPECT_TRUE(has_id || rig.Is(row, /*with_id=*/false)) << row;
      without += has_id ? 0 : 1;
    }
    rig.trainer.Apply();
  }
  const double n = kSteps * (SmallShape().items - 1);
  EXPECT_NEAR(without / n, 0.3, 4 * std::sqrt(0.3 * 0.7 / n));
}

TEST(ItemTower, ARowThatIsTakenDoesNotLearnAndItsContentDoes) {
  CandidateTrainOptions options = ExactOptions();
  options.id_dropout = 1;
  ContentRig rig(ContentOptions(), options);
  const std::vector<float> ids = rig.Copy("item_ids"), channels = rig.Copy("content.channel");
  rig.trainer.FullGradients(rig.batch);
  rig.trainer.Apply();
  EXPECT_EQ(rig.Copy("item_ids"), ids);
  EXPECT_NE(rig.Copy("content.channel"), channels);
}

TEST(ItemTower, ReadBackGivesTheSameVectors) {
  const base::TestFolder folder;
  for (const bool tied : {false, true}) {
    ContentRig rig(ContentOptions(tied));
    rig.model.EncodeItems(rig.content, nullptr);
    ASSERT_TRUE(rig.model.Save(folder / "model", 42));
    auto loaded = CandidateModel::Load(folder / "model", 42);
    ASSERT_TRUE(loaded) << loaded.error().message;
    ASSERT_TRUE(loaded->has_item_tower());
    const std::vector<nn::Parameter> a = rig.model.Parameters(), b = loaded->Parameters();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(a[i].name == b[i].name && std::ranges::equal(a[i].value, b[i].value))
          << a[i].name;
    }
    EXPECT_EQ(CandidateModel::Load(folder / "model", 43).error().code, Code::kFailedPrecondition);
  }
}

TEST(ItemTower, ContentIsReadIfThereIsAnyAndNotOtherwise) {
  CandidateModelOptions options = ContentOptions();
  const Status none = CheckItemTower(options, SmallShape());
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("found none"));
  EXPECT_TRUE(CheckItemTower(options, ContentShape()));
  options.items = ItemEncoder::kId;
  const Status unread = CheckItemTower(options, ContentShape());
  ASSERT_FALSE(unread);
  EXPECT_THAT(unread.error().message, HasSubstr("'item_channel'"));
  EXPECT_TRUE(CheckItemTower(options, SmallShape()));
}

}  // namespace
}  // namespace upnext::retrieval
