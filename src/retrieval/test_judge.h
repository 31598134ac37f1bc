// Trains a candidate model on a planted log and judges its lists, for the tests of effects.
#ifndef UPNEXT_RETRIEVAL_TEST_JUDGE_H_
#define UPNEXT_RETRIEVAL_TEST_JUDGE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ann/exact_index.h"
#include "base/thread_pool.h"
#include "examples/holdout.h"
#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_training.h"
#include "retrieval/indexed_items.h"
#include "retrieval/new_item_index.h"
#include "retrieval/scored_items.h"
#include "retrieval/test_batch.h"
#include "schema/event.h"

namespace upnext::retrieval {

struct Judged {
  std::vector<std::vector<std::string>> lists;  // per case: every item, best first
  std::vector<double> precision;                // per case: average precision
  std::vector<uint32_t> users;                  // per case
  double map() const {
    double sum = 0;
    for (const double p : precision) sum += p;
    return sum / static_cast<double>(precision.size());
  }
  double median() const {
    std::vector<double> sorted = precision;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
  // Over all cases: the share of the ten best whose name starts with `prefix(user)`.
  double TopTenShare(const std::function<std::string(uint32_t)>& prefix) const {
    double found = 0;
    for (size_t c = 0; c < lists.size(); ++c) {
      for (size_t i = 0; i < 10; ++i) found += lists[c][i].starts_with(prefix(users[c])) ? 1 : 0;
    }
    return found / (10.0 * static_cast<double>(lists.size()));
  }
};

// `list(case)`: ids of items, best first.
inline Judged Judge(
    const examples::World& world,
    const std::function<std::vector<uint32_t>(const examples::HoldoutCase&)>& list) {
  base::ThreadPool pool(1);
  Judged judged;
  for (const auto& held_out :
       examples::HoldoutCases(world.source, examples::SplitPart::kTest, pool)) {
    double hits = 0, sum = 0, rank = 0;
    std::vector<std::string>& names = judged.lists.emplace_back();
    for (const uint32_t item : list(held_out)) {
      ++rank;
      names.push_back(std::string(world.catalogue.Name(schema::IdSpace::kItem, item)));
      if (std::ranges::find(held_out.targets, item) == held_out.targets.end()) continue;
      sum += ++hits / rank;
    }
    judged.precision.push_back(sum / static_cast<double>(held_out.targets.size()));
    judged.users.push_back(held_out.user);
  }
  EXPECT_GT(judged.precision.size(), 0u);
  return judged;
}

struct Setting {
  std::vector<std::string> drop = {};  // of [features]
  uint32_t max_per_user = 50;
  examples::CandidateStreamOptions::Labels labels =
      examples::CandidateStreamOptions::Labels::kNextWatch;
  uint32_t depth = 1;
  std::vector<uint32_t> recent_windows = {};
  Pooling pooling = Pooling::kMean;
  bool tie_items = false;
  std::string encoder = "bag";
  uint32_t epochs = 8;
  std::string watches = {};  // in place of the default feature of that name
  std::vector<features::Declaration> more = {};
  ItemEncoder items = ItemEncoder::kId;
  float id_dropout = 0.1f;
  uint32_t negatives = 0;
  CandidateTrainOptions::Loss loss = CandidateTrainOptions::Loss::kSoftmax;
  std::string pretrained = {};
};

inline features::FeatureSpec SpecOf(const Setting& setting) {
  features::FeatureSpec spec{.drop = setting.drop};
  if (!setting.watches.empty()) spec.retrieval = {{"watches", setting.watches, ""}};
  spec.retrieval.insert(spec.retrieval.end(), setting.more.begin(), setting.more.end());
  if (setting.items == ItemEncoder::kContent) {
    const auto& content = features::ContentFeatures();
    spec.retrieval.insert(spec.retrieval.end(), content.begin(), content.end());
  }
  return spec;
}

inline Judged TrainAndJudge(const examples::World& world, const Setting& setting) {
  const features::FeatureStatistics tables = world.Learn(SpecOf(setting));
  const CandidateModelOptions model_options = {.encoder = setting.encoder,
                                               .items = setting.items,
                                               .dim = 16,
                                               .embedding_dim = 16,
                                               .depth = setting.depth,
                                               .tie_items = setting.tie_items,
                                               .recent_windows = setting.recent_windows,
                                               .pooling = setting.pooling};
  CandidateTrainOptions options;
  options.batch = 64;
  options.epochs = setting.epochs;
  options.negatives = setting.negatives;
  options.loss = setting.loss;
  options.id_dropout = setting.id_dropout;
  options.pretrained = setting.pretrained;
  options.tower_learning_rate = 3e-3f;
  options.max_per_user = setting.max_per_user;
  options.labels = setting.labels;
  base::ThreadPool pool(2);
  const auto trained =
      TrainCandidateModel(world.source, tables, model_options, options, pool, base::NoProgress());
  EXPECT_TRUE(trained) << trained.error().message;
  if (!trained) return {};
  const features::FeatureExtractor extractor(tables, world.catalogue, features::Model::kRetrieval);
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  const ann::ExactIndex index(IndexedItems(trained->model->item_vectors(), items));
  const std::unique_ptr<NewItemIndex> fresh =
      NewItemIndex::Make(*trained->model, tables, world.catalogue);
  return Judge(world, [&](const examples::HoldoutCase& held_out) {
    features::FeatureBlock batch;
    extractor.AppendQuery(examples::StateAt(world.source, held_out.user, held_out.end_row,
                                            tables.plan.retrieval_state()),
                          held_out.user, held_out.context, &batch);
    std::vector<ann::Hit> hits;
    const std::vector<float> user = UserVectors(*trained->model, batch);
    index.Search(user, items.rows() - 1, {}, &hits);
    if (fresh != nullptr) {
      std::vector<ann::Hit> more;
      fresh->Search(user, world.log.items(), {}, &more);
      hits.insert(hits.end(), more.begin(), more.end());
      std::ranges::stable_sort(hits, std::ranges::greater(), &ann::Hit::score);
    }
    std::vector<uint32_t> list;
    for (const ann::Hit& hit : hits) list.push_back(hit.id);
    return list;
  });
}

// Mean of the differences in average precision of the same cases, and its standard error.
struct Difference {
  double mean, error;
};
inline Difference Compare(const Judged& a, const Judged& b) {
  const auto n = static_cast<double>(a.precision.size());
  double sum = 0, squares = 0;
  for (size_t i = 0; i < a.precision.size(); ++i) {
    const double d = a.precision[i] - b.precision[i];
    sum += d;
    squares += d * d;
  }
  const double mean = sum / n;
  return {mean, std::sqrt((squares / n - mean * mean) / n)};
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_JUDGE_H_
