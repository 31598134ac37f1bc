// Small inputs for the tests of the candidate model.
#ifndef UPNEXT_RETRIEVAL_TEST_BATCH_H_
#define UPNEXT_RETRIEVAL_TEST_BATCH_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

// The default features with small tables.
inline CandidateShape SmallShape() {
  CandidateShape shape = ShapeOf(features::FeatureStatistics());
  shape.items = 9;
  for (const auto& [name, rows] : {std::pair("item", 9u), std::pair("token", 7u),
                                   std::pair("region", 4u), std::pair("device", 3u)}) {
    shape.inputs.tables[shape.inputs.Find(name)].rows = rows;
  }
  return shape;
}
// With features of items: a category, two lists of one vocabulary, and numbers.
inline CandidateShape ContentShape() {
  CandidateShape shape = SmallShape();
  const auto table = static_cast<uint32_t>(shape.inputs.tables.size());
  shape.inputs.tables.push_back({"channel", 4});
  shape.inputs.tables.push_back({"topic", 5});
  shape.inputs.impression = {
      .slots = {{.feature = "item_channel", .table = table},
                {.feature = "item_topics", .table = table + 1, .list = true},
                {.feature = "more_topics", .table = table + 1, .list = true}},
      .dense = 3};
  return shape;
}
inline CandidateShape ShapeFor(const CandidateModelOptions& options) {
  return options.items == ItemEncoder::kContent ? ContentShape() : SmallShape();
}

// With what is said of each watch: the type of its event, and the channel of its item.
inline CandidateShape EventShape() {
  CandidateShape shape = SmallShape();
  const auto table = static_cast<uint32_t>(shape.inputs.tables.size());
  shape.inputs.tables.push_back({"event_type", 5});
  shape.inputs.tables.push_back({"channel", 4});
  shape.inputs.query.slots[0].events = 1;
  for (const auto& [feature, of] : {std::pair("types", table), std::pair("channels", table + 1)}) {
    shape.inputs.query.slots.push_back(
        {.feature = feature, .table = of, .list = true, .ordered = true, .events = 1});
  }
  return shape;
}
// Gives each watch of the batch an id in the other lists of events, the same in all rows that have the
// same user.
inline void SayOfWatches(const CandidateShape& shape, const std::vector<uint32_t>& user_of_row,
                         features::CandidateBatch* batch) {
  const auto& slots = shape.inputs.query.slots;
  for (size_t slot = 1; slot < slots.size(); ++slot) {
    if (slots[slot].events == 0) continue;
    features::Bags& bags = batch->features.categorical[slot];
    bags.Clear();
    for (size_t row = 0; row < batch->size(); ++row) {
      for (size_t i = 0; i < batch->features.categorical[0][row].size(); ++i) {
        const auto id = static_cast<uint32_t>(3 * i + slot + user_of_row[row]);
        bags.ids.push_back(id % shape.inputs.tables[slots[slot].table].rows);
      }
      bags.Close();
    }
  }
}

// Of every item of the shape.
inline features::FeatureBlock RandomContent(uint64_t seed = 9) {
  base::Rng rng(seed);
  const CandidateShape shape = ContentShape();
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(rng.Below(n)); };
  features::FeatureBlock content;
  content.categorical.resize(shape.inputs.impression.slots.size());
  content.dense_width = shape.inputs.impression.dense;
  for (content.rows = 0; content.rows < shape.items; ++content.rows) {
    for (size_t slot = 0; slot < content.categorical.size(); ++slot) {
      const features::ModelShape::Slot& of = shape.inputs.impression.slots[slot];
      for (uint32_t n = of.list ? below(4) : 1; n > 0; --n) {
        content.categorical[slot].ids.push_back(below(shape.inputs.tables[of.table].rows));
      }
      content.categorical[slot].Close();
    }
    for (size_t d = 0; d < content.dense_width; ++d) {
      content.dense.push_back(static_cast<float>(rng.Uniform()));
    }
  }
  return content;
}

inline features::Bags& WatchesOf(features::CandidateBatch& batch) {
  return batch.features.categorical[0];
}
inline features::Bags& TokensOf(features::CandidateBatch& batch) {
  return batch.features.categorical[1];
}

// Lists of 0 to 5 ids (row 0 among them), single ids, numbers and labels at random.
inline features::CandidateBatch RandomBatch(size_t size, const CandidateShape& shape,
                                            uint64_t seed = 1) {
  base::Rng rng(seed);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(rng.Below(n)); };
  features::CandidateBatch batch;
  const auto& slots = shape.inputs.query.slots;
  batch.features.categorical.resize(slots.size());
  batch.features.dense_width = shape.inputs.query.dense;
  for (size_t i = 0; i < size; ++i) {
    for (size_t slot = 0; slot < slots.size(); ++slot) {
      features::Bags& bags = batch.features.categorical[slot];
      uint32_t n = slots[slot].list ? below(slot == 0 ? 6 : 4) : 1;
      for (; n > 0; --n) bags.ids.push_back(below(shape.inputs.tables[slots[slot].table].rows));
      bags.Close();
    }
    for (size_t d = 0; d < shape.inputs.query.dense; ++d) {
      batch.features.dense.push_back(static_cast<float>(rng.Uniform()));
    }
    ++batch.features.rows;
    batch.label.push_back(1 + below(shape.items - 1));
    batch.weight.push_back(1);
  }
  return batch;
}

// Rows 1 .. rows - 1 with decreasing counts.
inline features::Vocabulary SmallVocabulary(uint32_t rows) {
  std::vector<uint64_t> counts;
  for (uint32_t row = 1; row < rows; ++row) counts.push_back(100 / row + 1);
  return features::Vocabulary::Learn(counts, counts.size());
}

inline std::vector<float> UserVectors(const CandidateModel& model,
                                      const features::FeatureBlock& batch) {
  std::vector<float> out(batch.rows * model.dim());
  CandidateModel::Scratch scratch;
  model.UserVectors(batch, out.data(), scratch, {});
  return out;
}
inline std::vector<float> UserVectors(const CandidateModel& model,
                                      const features::CandidateBatch& batch) {
  return UserVectors(model, batch.features);
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_BATCH_H_
