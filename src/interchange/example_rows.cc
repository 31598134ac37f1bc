#include "interchange/example_rows.h"

#include <algorithm>

#include "features/vocabulary.h"

namespace upnext::interchange {

using examples::SplitPart;

void ExampleRows::Clear() {
  queries.Clear();
  impressions.Clear();
  query_of.clear();
  origins.clear();
  labels.clear();
}

RowMaker::RowMaker(const examples::ReplaySource& source, const features::FeatureStatistics& tables,
                   const ExampleOptions& options)
    : source_(source),
      tables_(tables),
      options_(options),
      extractor_(tables, source.catalogue,
                 options.stage == Stage::kRanking ? features::Model::kRanking
                                                  : features::Model::kRetrieval) {}

bool RowMaker::Wanted(SplitPart part) const {
  return std::ranges::find(options_.parts, part) != options_.parts.end();
}

void RowMaker::AppendUser(uint32_t user, ExampleRows* rows) const {
  if (options_.stage == Stage::kRanking) {
    AppendImpressions(user, rows);
  } else {
    AppendWatches(user, rows);
  }
}

void RowMaker::AppendImpressions(uint32_t user, ExampleRows* rows) const {
  examples::ReplayImpressions(
      source_, user, tables_.plan.state(),
      [&](const features::UserState& before, const examples::ImpressionGroup& group) {
        const size_t size = rows->size();
        const auto query = static_cast<uint32_t>(rows->queries.rows);
        const auto request = extractor_.For(before, user, group.context);
        for (const examples::Impression& impression : group.impressions) {
          if (!Wanted(impression.part)) continue;
          request.AppendImpression(impression.candidate(), &rows->impressions);
          rows->query_of.push_back(query);
          rows->labels.push_back(impression.labels);
          rows->origins.push_back({.user = user,
                                   .item = impression.item,
                                   .time_ms = impression.time_ms,
                                   .part = impression.part,
                                   .request = group.request,
                                   .position = impression.position});
        }
        if (rows->size() > size) {
          extractor_.AppendQuery(before, user, group.context, &rows->queries);
        }
      });
}

void RowMaker::AppendWatches(uint32_t user, ExampleRows* rows) const {
  const features::Vocabulary& items = tables_.vocabulary(features::kItemVocabulary);
  uint32_t history = 0;
  examples::ReplayWatches(
      source_, user, tables_.plan.retrieval_state(),
      [&](const features::UserState& before, const examples::WatchExample& watch) {
        if (history++ < options_.min_history || !Wanted(watch.part) || items.Row(watch.item) == 0) {
          return;
        }
        features::Context context = watch.context;
        context.example_age_ms = watch.part == SplitPart::kTrain
                                     ? std::max<int64_t>(tables_.train_end_ms - watch.time_ms, 0)
                                     : 0;
        rows->query_of.push_back(static_cast<uint32_t>(rows->queries.rows));
        extractor_.AppendQuery(before, user, context, &rows->queries);
        rows->origins.push_back({.user = user,
                                 .item = watch.item,
                                 .time_ms = watch.time_ms,
                                 .part = watch.part,
                                 .weight = watch.weight});
      });
}

}  // namespace upnext::interchange
