// A reference candidate model for tests of other rooms: untrained, with weights as large as after a
// training, so that every input moves the user vector.
//
//   FeatureStatistics tables = world.Learn(spec, 1, RandomReference(world.Learn(spec), 8, end_ms));
#ifndef UPNEXT_RETRIEVAL_TEST_REFERENCE_H_
#define UPNEXT_RETRIEVAL_TEST_REFERENCE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "base/rng.h"
#include "base/test_folder.h"
#include "features/feature_statistics.h"
#include "features/retrieval_reference.h"
#include "nn/parameter.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_reference.h"

namespace upnext::retrieval {

inline CandidateModel RandomModel(const features::FeatureStatistics& tables, uint32_t dim,
                                  uint64_t seed = 1) {
  base::Rng rng(seed);
  const CandidateShape shape = ShapeOf(tables);
  CandidateModelOptions options;
  options.items = shape.inputs.impression.slots.empty() ? ItemEncoder::kId : ItemEncoder::kContent;
  options.dim = dim;
  options.embedding_dim = 8;
  options.context_dim = 4;
  options.depth = 0;
  CandidateModel model(options, shape, rng);
  for (nn::Parameter& parameter : model.Parameters()) {
    // Row 0 of a table stands for what is not in the vocabulary.
    const size_t width = parameter.shape.size() < 2 ? 0 : parameter.shape[1];
    const bool table =
        std::ranges::all_of(parameter.value.first(width), [](float value) { return value == 0; });
    for (float& value : parameter.value.subspan(table ? width : 0)) {
      value = static_cast<float>(rng.Uniform() - 0.5);
    }
  }
  return model;
}

// `tables`: statistics that it was "trained" with. Through its files, as a bundle has it.
inline std::shared_ptr<const features::RetrievalReference> RandomReference(
    const features::FeatureStatistics& tables, uint32_t dim, int64_t end_ms, uint64_t seed = 1) {
  const base::TestFolder folder;
  const CandidateReference model(RandomModel(tables, dim, seed));
  const Status saved = SaveReference(tables, model, folder / "features", folder / "model");
  EXPECT_TRUE(saved) << saved.error().message;
  auto loaded = LoadReference(folder / "features", folder / "model", end_ms);
  EXPECT_TRUE(loaded) << loaded.error().message;
  return loaded.value_or(nullptr);
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_REFERENCE_H_
