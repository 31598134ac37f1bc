// Feature tables for tests, learned from a whole TestLog in the plainest way, and features by name.
//
//   const FeatureStatistics tables = LearnTables(log, spec);
//   NamedRow row = QueryRow(tables, log, Model::kRanking, state, user, context);
//   row.raw("watches"), row.dense("watches"), row.ids("watched_items")
#ifndef UPNEXT_FEATURES_TEST_TABLES_H_
#define UPNEXT_FEATURES_TEST_TABLES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "features/feature_extractor.h"
#include "features/feature_statistics.h"
#include "features/test_log.h"
#include "schema/event.h"

namespace upnext::features {

// One row of a block, whose features can be asked for by name.
struct NamedRow {
  const SidePlan& plan;
  FeatureBlock block = {};

  const Feature& Named(std::string_view name, const std::vector<Feature>& features) const {
    const auto found = std::ranges::find(features, name, &Feature::name);
    if (found != features.end()) return *found;
    ADD_FAILURE() << "no feature " << name;
    return features.front();
  }
  float raw(std::string_view name) const { return block.raw[Named(name, plan.numbers).raw]; }
  std::vector<float> dense(std::string_view name) const {
    const Feature& feature = Named(name, plan.numbers);
    const float* first = block.dense.data() + feature.dense;
    return {first, first + feature.number.width()};
  }
  std::vector<uint32_t> ids(std::string_view name) const {
    const auto slot = &Named(name, plan.categories) - plan.categories.data();
    return block.categorical[static_cast<size_t>(slot)].ids;
  }
};

inline NamedRow QueryRow(const FeatureStatistics& tables, const TestLog& log, Model model,
                         const UserState& state, uint32_t user, const Context& context) {
  NamedRow row{tables.plan.side(model, Side::kQuery)};
  FeatureExtractor(tables, log.catalogue(), model).AppendQuery(state, user, context, &row.block);
  return row;
}
inline NamedRow ImpressionRow(const FeatureStatistics& tables, const TestLog& log,
                              const UserState& state, uint32_t user, const Context& context,
                              const Candidate& candidate) {
  NamedRow row{tables.plan.side(Model::kRanking, Side::kImpression)};
  FeatureExtractor(tables, log.catalogue(), Model::kRanking)
      .AppendImpression(state, user, context, candidate, &row.block);
  return row;
}

// Every id that the log names is in its vocabulary; quantiles come from user "u" before each of the
// user's events, with a candidate that turns over all items.
inline FeatureStatistics LearnTables(const TestLog& log, const FeatureSpec& spec = {}) {
  Result<FeaturePlan> plan = FeaturePlan::Compile(spec, log.catalogue().schema());
  EXPECT_TRUE(plan) << plan.error().message;
  FeatureStatistics tables(spec, *std::move(plan));
  for (size_t i = 0; i < tables.vocabularies.size(); ++i) {
    const VocabularyPlan& vocabulary = tables.plan.vocabularies()[i];
    const std::vector<uint64_t> ones(log.catalogue().size(vocabulary.space), 1);
    if (vocabulary.counts == VocabularyPlan::Counts::kTokens) {
      tables.tokens = QueryTokens::Learn(log.catalogue(), ones, 1'000);
    } else if (vocabulary.rows == 0) {
      tables.vocabularies[i] = Vocabulary::Learn(ones, ones.size());
    }
  }
  const std::vector<schema::Event> events = log.Events("u");
  EventCounts::Builder builder(tables.plan.everybody());
  for (const schema::Event& event : events) {
    const schema::Item item = log.catalogue().item(event.item);
    builder.Add(event, PositiveRule().IsPositive(event, item),
                PositiveRule().InterestOf(event, item) > 0, log.catalogue());
  }
  tables.counts = builder.Build();
  tables.train_begin_ms = events.front().time_ms;
  tables.train_end_ms = events.back().time_ms;

  const FeatureExtractor retrieval(tables, log.catalogue(), Model::kRetrieval),
      ranking(tables, log.catalogue(), Model::kRanking);
  FeatureBlock blocks[3];
  UserState state(tables.plan.state());
  const uint32_t items = std::max(1u, log.catalogue().size(schema::IdSpace::kItem));
  uint32_t next = 0;
  for (const schema::Event& event : events) {
    const Context context{.time_ms = event.time_ms};
    retrieval.AppendQuery(state, schema::kNone, context, &blocks[0]);
    ranking.AppendQuery(state, schema::kNone, context, &blocks[1]);
    ranking.AppendImpression(state, schema::kNone, context, {.item = next++ % items}, &blocks[2]);
    state.Apply(event, log.catalogue(), {});
  }
  for (const FeatureBlock& block : blocks) {
    const size_t width = block.raw.size() / block.rows;
    for (size_t column = 0; column < width; ++column) {
      std::vector<float> sample;
      for (size_t row = 0; row < block.rows; ++row) {
        sample.push_back(block.raw[row * width + column]);
      }
      tables.quantiles.push_back(Quantiles::Learn(std::move(sample)));
    }
  }
  return tables;
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TEST_TABLES_H_
