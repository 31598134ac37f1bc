// Feature tables for tests, learned from a whole TestLog in the plainest way.
#ifndef UPNEXT_FEATURES_TEST_TABLES_H_
#define UPNEXT_FEATURES_TEST_TABLES_H_

#include <algorithm>
#include <span>
#include <vector>

#include "features/extract.h"
#include "features/feature_statistics.h"
#include "features/test_log.h"
#include "schema/event.h"

namespace upnext::features {

// Every id that the log names is in its vocabulary; quantiles come from user "u" before each of the
// user's events, with a candidate that turns over all items.
inline FeatureStatistics LearnTables(const TestLog& log) {
  using schema::IdSpace;
  FeatureStatistics tables;
  const auto learn = [&](VocabularyId id, IdSpace space) {
    const std::vector<uint64_t> ones(log.catalogue().size(space), 1);
    tables.vocabularies[static_cast<size_t>(id)] = Vocabulary::Learn(ones, ones.size());
  };
  learn(VocabularyId::kItem, IdSpace::kItem);
  learn(VocabularyId::kRankedItem, IdSpace::kItem);
  learn(VocabularyId::kRegion, IdSpace::kRegion);
  learn(VocabularyId::kDevice, IdSpace::kDevice);
  learn(VocabularyId::kChannel, IdSpace::kChannel);
  learn(VocabularyId::kTopic, IdSpace::kTopic);
  learn(VocabularyId::kLanguage, IdSpace::kLanguage);
  learn(VocabularyId::kSource, IdSpace::kSource);
  const std::vector<uint64_t> queries(log.catalogue().size(IdSpace::kQuery), 1);
  tables.tokens = QueryTokens::Learn(log.catalogue(), queries, 1'000);

  const std::vector<schema::Event> events = log.Events("u");
  ItemStatistics::Builder builder(log.catalogue().size(IdSpace::kItem));
  for (const schema::Event& event : events) {
    builder.Add(event, PositiveRule().IsComplete(event, log.catalogue().item(event.item)));
  }
  tables.item_statistics = builder.Build();
  tables.train_begin_ms = events.front().time_ms;
  tables.train_end_ms = events.back().time_ms;

  const RankingExtractor extractor(tables, log.catalogue());
  RankingBlock blocks[] = {RankingBlock(Side::kQuery), RankingBlock(Side::kImpression)};
  UserState state;
  const uint32_t items = std::max(1u, log.catalogue().size(IdSpace::kItem));
  uint32_t next = 0;
  for (const schema::Event& event : events) {
    const Context context{.time_ms = event.time_ms};
    extractor.AppendQuery(state, {}, context, &blocks[0]);
    extractor.AppendImpression(state, {}, context, {.item = next++ % items}, &blocks[1]);
    state.Apply(event, log.catalogue(), {});
  }
  for (const Side side : {Side::kQuery, Side::kImpression}) {
    const RankingBlock& block = blocks[static_cast<size_t>(side)];
    const size_t fields = ContinuousFields(side);
    for (size_t field = 0; field < fields; ++field) {
      std::vector<float> sample;
      for (size_t row = 0; row < block.rows; ++row) {
        sample.push_back(block.raw[row * fields + field]);
      }
      tables.quantiles.push_back(Quantiles::Learn(std::move(sample)));
    }
  }
  return tables;
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TEST_TABLES_H_
