// A project folder for tests: a small log and a bundle of untrained models over it, both published
// as version v000001.
//
//   const TestProject project({.seed = 2});
//   auto bundle = Bundle::Open(project.bundle_folder(), project.lineage());
//
// Users "u", "u1" .. "u11" in regions DE and US, items "i0" .. with titles; "i1", much watched, is
// removed. The same options give the same bytes.
#ifndef UPNEXT_BUNDLE_TEST_BUNDLE_H_
#define UPNEXT_BUNDLE_TEST_BUNDLE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ann/index.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/thread_pool.h"
#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "features/default_features.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "log/event_log.h"
#include "nn/parameter.h"
#include "ranking/objectives.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"
#include "retrieval/generator_registry.h"
#include "retrieval/indexed_items.h"
#include "retrieval/item_content.h"
#include "retrieval/test_reference.h"
#include "schema/raw_event.h"

namespace upnext::bundle {

struct TestProjectOptions {
  uint64_t seed = 1;    // of the weights
  uint32_t items = 40;  // another number is another log
  bool candidate = true, ranker = true, generators = true;
  std::vector<std::string> drop = {};  // [features] drop: other tables of the same log
  retrieval::ItemEncoder encoder = retrieval::ItemEncoder::kId;  // of items
  uint64_t reference = 0;  // seed of a reference candidate model that the ranker reads; 0: none
  ann::IndexOptions index = {};
  ranking::BiasOptions bias = {};  // of the ranker
  std::vector<ranking::Objective> objectives = ranking::ObjectivesFromConfig({}, {});
  retrieval::GeneratorRegistry registry = retrieval::BuiltInGenerators();
  schema::Schema schema = {};
};

inline std::string TestUser(uint32_t n) { return n == 0 ? "u" : features::Numbered("u", n); }

inline std::vector<schema::RawItem> TestItems(uint32_t n) {
  std::vector<schema::RawItem> items;
  for (uint32_t i = 0; i < n; ++i) {
    items.push_back(features::ItemOf(features::Numbered("i", i), i % 5 == 4 ? schema::kAbsent : 100,
                                     features::Numbered("c", i % 4),
                                     {features::Numbered("t", i % 3)}));
    items.back().title = features::Numbered("Title of ", i);
    items.back().removed = i == 1;
  }
  return items;
}

inline std::vector<schema::RawUser> TestUsers() {
  std::vector<schema::RawUser> users;
  for (uint32_t u = 0; u < 12; ++u) {
    users.emplace_back().user = TestUser(u);
    users.back().region = u % 2 == 0 ? "DE" : "US";
    users.back().age = static_cast<float>(20 + u);
  }
  return users;
}

// A page of three items now and then, one of which is clicked and watched; searches between.
inline std::vector<schema::RawEvent> TestEvents(uint32_t items) {
  using schema::EventType;
  base::Rng rng(7);
  std::vector<schema::RawEvent> events;
  for (uint32_t u = 0; u < 12; ++u) {
    for (int page = 0; page < 8; ++page) {
      const int64_t now = features::Minutes(page * 1'500 + static_cast<double>(rng.Below(60)));
      const std::string user = TestUser(u), request = fmt::format("r{}-{}", u, page);
      const auto add = [&](schema::RawEvent event, uint16_t position = 0) {
        event.request = request;
        event.device = u % 3 == 0 ? "tv" : "phone";
        event.region = u % 2 == 0 ? "DE" : "US";
        event.source = "popular";
        event.position = position;
        events.push_back(std::move(event));
      };
      std::string item;
      for (uint16_t position = 1; position <= 3; ++position) {
        item = features::Numbered("i", rng.Below(items) * rng.Below(items) / items);
        add(features::Of(EventType::kImpression, user, item, now), position);
      }
      add(features::Of(EventType::kClick, user, item, now + 1'000));
      add(features::Watch(user, item, now + 2'000, static_cast<float>(20 + rng.Below(100))));
      if (page % 3 == 0) {
        events.push_back(features::Search(user, features::Numbered("word", rng.Below(9)), now));
      }
    }
  }
  return events;
}

class TestProject {
 public:
  explicit TestProject(const TestProjectOptions& options = {})
      : options_(options),
        log_(TestEvents(options.items), TestItems(options.items), TestUsers(), options.schema),
        tables_(features::LearnTables(log_, SpecOf(options))),
        split_(NoSplit()),
        pool_(1) {
    tables_.log_digest = log_.log().digest();
    if (options.reference > 0) {
      tables_.Refer(retrieval::RandomReference(tables_, 8, /*end_ms=*/0, options.reference));
    }
    MakeModels();
    PublishLog();
    PublishBundle();
  }

  const schema::Schema& schema() const { return options_.schema; }
  Parts parts() const {
    Parts parts(tables_, rule_);
    parts.Set(ProjectPart("[project]\nname = \"test\"\n"));
    parts.Set(ReportPart("{\"seed\": 1}\n"));
    if (candidate_ != nullptr) parts.Set(CandidatePart(*candidate_));
    if (index_ != nullptr) parts.Set(IndexPart(*index_));
    if (ranker_ != nullptr) parts.Set(RankerPart(*ranker_));
    if (!options_.generators) return parts;
    for (const auto& learner : retrieval::LearnersFromConfig({}, options_.registry)) {
      parts.Set(GeneratorPart(learner, {source_, pool_}));
    }
    return parts;
  }
  const retrieval::CandidateModel* candidate() const { return candidate_.get(); }
  const ann::Index* index() const { return index_.get(); }
  const ranking::Ranker* ranker() const { return ranker_.get(); }
  const examples::ReplaySource& source() const { return source_; }
  // Every item has a place in vocabularies and statistics of this log.
  const features::TestLog& log() const { return log_; }
  const features::FeatureStatistics& tables() const { return tables_; }
  std::filesystem::path log_root() const { return folder_ / "log"; }
  std::filesystem::path bundle_root() const { return folder_ / "bundles"; }
  std::filesystem::path store() const { return folder_ / "store"; }
  std::filesystem::path log_folder() const { return log_root() / "v000001"; }
  std::filesystem::path bundle_folder() const { return bundle_root() / "v000001"; }
  uint64_t digest() const { return log_.log().digest(); }
  std::span<const uint64_t> lineage() const { return log_.log().lineage(); }
  std::unique_ptr<Bundle> Open() const {
    Result<std::unique_ptr<Bundle>> bundle =
        Bundle::Open(bundle_folder(), lineage(), options_.registry);
    if (!bundle) ADD_FAILURE() << bundle.error().message;
    return bundle ? *std::move(bundle) : nullptr;
  }

 private:
  static features::FeatureSpec SpecOf(const TestProjectOptions& options) {
    features::FeatureSpec spec{.drop = options.drop};
    if (options.encoder == retrieval::ItemEncoder::kContent) {
      spec.retrieval = features::ContentFeatures();
    }
    if (options.reference > 0) {
      spec.ranking = {{"retrieval_score", "request.retrieval_score", ""},
                      {"user_vector", "vector(request.user_vector, 8)", ""}};
    }
    return spec;
  }
  examples::Split NoSplit() const {
    auto split =
        examples::Split::Make({.kind = examples::SplitOptions::Kind::kNone}, log_.log(), rule_);
    EXPECT_TRUE(split);
    return *std::move(split);
  }
  void MakeModels() {
    base::Rng rng(options_.seed);
    if (options_.candidate) {
      candidate_ = std::make_unique<retrieval::CandidateModel>(
          retrieval::CandidateModelOptions{.items = options_.encoder,
                                           .dim = 8,
                                           .embedding_dim = 8,
                                           .depth = 1,
                                           .recent_windows = {}},
          retrieval::ShapeOf(tables_), rng);
      // Weights as large as after training, so that every input moves the scores.
      for (nn::Parameter& parameter : candidate_->Parameters()) Spread(parameter, rng);
      candidate_->EncodeItems(retrieval::ContentOfItems(tables_, log_.catalogue()), nullptr);
      auto index =
          ann::BuildIndex(options_.index,
                          retrieval::IndexedItems(candidate_->item_vectors(),
                                                  tables_.vocabulary(features::kItemVocabulary)),
                          {}, pool_, base::NoProgress());
      ASSERT_TRUE(index) << index.error().message;
      index_ = *std::move(index);
    }
    if (!options_.ranker) return;
    auto ranker = ranking::Ranker::Make(
        {.architecture = {.widths = {8}}, .bias = options_.bias, .max_dim = 4}, options_.objectives,
        ranking::ShapeOf(tables_), rng);
    ASSERT_TRUE(ranker) << ranker.error().message;
    ranker_ = std::make_unique<ranking::Ranker>(*std::move(ranker));
    for (nn::Parameter& parameter : ranker_->Parameters()) Spread(parameter, rng);
  }
  // All but row 0 of a table, which stands for what is not in the vocabulary.
  static void Spread(nn::Parameter& parameter, base::Rng& rng) {
    const auto is_zero = [](float value) { return value == 0; };
    const size_t width = parameter.shape.size() < 2 ? 0 : parameter.shape[1];
    const bool table = std::ranges::all_of(parameter.value.first(width), is_zero);
    for (float& value : parameter.value.subspan(table ? width : 0)) {
      value = static_cast<float>(rng.Uniform() - 0.5);
    }
  }
  void PublishLog() {
    base::VersionedRoot root(log_root());
    const auto staged = root.Begin();
    ASSERT_TRUE(staged) << staged.error().message;
    const Status written =
        log::WriteEventLog(*staged, TestEvents(options_.items), TestItems(options_.items),
                           TestUsers(), 1, options_.schema);
    ASSERT_TRUE(written) << written.error().message;
    const auto version = root.Publish(*staged);
    ASSERT_TRUE(version) << version.error().message;
    ASSERT_TRUE(root.SetCurrent(*version));
  }
  void PublishBundle() {
    base::VersionedRoot root(bundle_root());
    const auto staged = root.Begin();
    ASSERT_TRUE(staged) << staged.error().message;
    Manifest manifest;
    manifest.created = "2026-01-02T03:04:05Z";
    manifest.log_version = "v000001";
    manifest.upnext_version = "0.1.0";
    manifest.split = "none";
    manifest.machine = "a test";
    manifest.seed = options_.seed;
    const Status written = WriteBundle(*staged, parts(), &manifest);
    ASSERT_TRUE(written) << written.error().message;
    const auto version = root.Publish(*staged);
    ASSERT_TRUE(version) << version.error().message;
    ASSERT_TRUE(root.SetCurrent(*version));
  }

  const TestProjectOptions options_;
  const base::TestFolder folder_;
  const features::TestLog log_;
  const features::PositiveRule rule_;
  features::FeatureStatistics tables_;
  const examples::Split split_;
  const examples::ReplaySource source_{log_.log(), log_.catalogue(), rule_, split_};
  mutable base::ThreadPool pool_;
  std::unique_ptr<retrieval::CandidateModel> candidate_;
  std::unique_ptr<ann::Index> index_;
  std::unique_ptr<ranking::Ranker> ranker_;
};

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_TEST_BUNDLE_H_
