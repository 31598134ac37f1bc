#include "examples/learn.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "catalogue/catalogue.h"
#include "examples/training_counts.h"
#include "examples/watch_loop.h"
#include "features/event_counts.h"
#include "features/feature_extractor.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

constexpr uint32_t kUsersPerChunk = 256;
constexpr uint32_t kChunksPerStep = 64;  // progress and ^C are seen to between steps

// Runs `body(chunk, begin, end)` over all users, `after(chunk)` in order of chunks behind it, a
// step at a time; chunks are numbered within their step.
template <typename Body, typename After>
Status ForUsers(uint32_t users, base::ThreadPool& pool, base::Progress& progress,
                base::ProgressStage& stage, const Body& body, const After& after) {
  constexpr uint32_t kUsersPerStep = kUsersPerChunk * kChunksPerStep;
  for (uint32_t done = 0; done < users;) {
    if (progress.stop_requested()) return Cancelled("learning the features was stopped");
    const uint32_t n = std::min(users - done, kUsersPerStep);
    pool.ParallelFor(n, kUsersPerChunk, [&](size_t begin, size_t end) {
      body(begin / kUsersPerChunk, done + static_cast<uint32_t>(begin),
           done + static_cast<uint32_t>(end));
    });
    for (size_t chunk = 0; chunk * kUsersPerChunk < n; ++chunk) after(chunk);
    done += n;
    stage.Update(done);
  }
  return Ok();
}

// `tables` have the rows that stay.
void LearnVocabularies(const TrainingCounts& counts, const catalogue::Catalogue& catalogue,
                       features::FeatureStatistics* tables) {
  using Counts = features::VocabularyPlan::Counts;
  const features::FeatureSpec& spec = tables->spec;
  const auto& plans = tables->plan.vocabularies();
  for (size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].counts == Counts::kTokens || plans[i].rows > 0) continue;
    if (plans[i].counts == Counts::kPaths) {
      const size_t limit = plans[i].space == schema::IdSpace::kChannel
                               ? spec.max_channels
                               : std::numeric_limits<size_t>::max();
      tables->vocabularies[i] =
          features::Vocabulary::Learn(counts.of(i), limit, 1, tables->vocabularies[i]);
      continue;
    }
    const bool clicked = plans[i].counts == Counts::kClicked && counts.clicks() > 0;
    tables->vocabularies[i] =
        features::Vocabulary::Learn(clicked ? counts.clicked() : counts.positives(), spec.max_items,
                                    spec.min_item_count, tables->vocabularies[i]);
  }
  const size_t tokens = tables->plan.FindVocabulary(features::kTokenVocabulary);
  if (tokens == plans.size()) return;
  tables->tokens =
      features::QueryTokens::Learn(catalogue, counts.of(tokens), spec.max_tokens, tables->tokens);
}

// Which share of `all` a sample of about kQuantileSample is.
double ShareOf(uint64_t all) {
  return all <= kQuantileSample ? 1.0
                                : static_cast<double>(kQuantileSample) / static_cast<double>(all);
}

// Whether the impression at `row` is in the sample: a coin that depends on the row alone.
bool InSample(uint64_t row, double share) {
  uint64_t state = row;
  return static_cast<double>(base::SplitMix64(state) >> 11) * 0x1.0p-53 < share;
}

// Of the same sample, for features that read them.
void LearnSourceScores(const ReplaySource& source, uint64_t impressions, base::Progress& progress,
                       features::FeatureStatistics* tables) {
  const auto& numbers =
      tables->plan.side(features::Model::kRanking, features::Side::kImpression).numbers;
  const bool read = std::ranges::any_of(numbers, [](const features::Feature& feature) {
    return feature.number.code == features::NumberOp::Code::kSourceScore;
  });
  if (!read) return;
  const log::EventLog& log = source.log;
  const double share = ShareOf(impressions);
  std::vector<std::vector<float>> scores(log.dictionary(schema::IdSpace::kSource).size());
  for (uint32_t user = 0; user < log.users(); ++user) {
    const RowRange rows = source.split.rows(log, user, SplitPart::kTrain);
    for (uint64_t row = rows.begin; row < rows.end; ++row) {
      if (log.type(row) != schema::EventType::kImpression || !InSample(row, share)) continue;
      const schema::Event event = log.event(row);
      if (event.source != schema::kNone) scores[event.source].push_back(event.source_score);
    }
  }
  const size_t left_out = tables->source_scores.Learn(std::move(scores));
  if (left_out == 0) return;
  progress.Note(fmt::format(
      "request.source_score is missing for {} sources: expected at most {} with scores; send fewer "
      "names of sources, and train without --continue, which keeps the scales that there are",
      left_out, features::SourceScores::kMaxSources));
}

// Raw continuous values of a sample of training impressions and of their requests.
class QuantileSample {
 public:
  QuantileSample(const ReplaySource& source, const features::FeatureStatistics& tables,
                 double share)
      : source_(source),
        plan_(tables.plan),
        retrieval_(tables, source.catalogue, features::Model::kRetrieval),
        ranking_(tables, source.catalogue, features::Model::kRanking),
        share_(share) {}

  struct Values {
    features::FeatureBlock watches, queries, impressions;
  };

  // Of the candidate model: before each complete watch of the sample.
  void AddWatches(uint32_t user, Values* values) const {
    ForEachWatch(source_, user, plan_.retrieval_state(), source_.split.train_end(user),
                 [&](const features::UserState& before, const WatchExample& watch) {
                   if (InSample(watch.row, share_)) {
                     retrieval_.AppendQuery(before, user, watch.context, &values->watches);
                   }
                   return true;
                 });
  }

  // Of the ranker: before each impression of the sample.
  void AddImpressions(uint32_t user, Values* values) const {
    // Replaying a user costs much more than looking for chosen rows.
    uint64_t after_last = 0;
    for (uint64_t row = source_.log.begin(user); row < source_.split.train_end(user); ++row) {
      if (source_.log.type(row) == schema::EventType::kImpression && InSample(row, share_)) {
        after_last = row + 1;
      }
    }
    if (after_last == 0) return;
    ReplayImpressions(
        source_, user, plan_.state(),
        [&](const features::UserState& before, const ImpressionGroup& group) {
          const auto chosen = [&](const Impression& one) { return InSample(one.row, share_); };
          if (std::ranges::none_of(group.impressions, chosen)) return;
          const auto request = ranking_.For(before, user, group.context);
          for (const Impression& impression : group.impressions) {
            if (!chosen(impression)) continue;
            request.AppendImpression(impression.candidate(), &values->impressions);
          }
          request.AppendQuery(&values->queries);
        },
        after_last);
  }

 private:
  const ReplaySource& source_;
  const features::FeaturePlan plan_;
  const features::FeatureExtractor retrieval_, ranking_;
  const double share_;
};

// Of the items that the candidate model knows.
features::FeatureBlock SampleContent(const ReplaySource& source,
                                     const features::FeatureStatistics& tables) {
  const features::FeatureExtractor extractor(tables, source.catalogue, features::Model::kRetrieval);
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  const double share = ShareOf(items.rows());
  features::FeatureBlock content;
  for (uint32_t row = 1; row < items.rows(); ++row) {
    if (InSample(row, share)) extractor.AppendContent(items.Id(row), &content);
  }
  return content;
}

// Appends each column of the block's raw values to its feature's.
void AppendColumns(const features::FeatureBlock& block, std::vector<std::vector<float>>* columns) {
  const size_t width = columns->size();
  for (size_t row = 0; row < block.rows; ++row) {
    for (size_t column = 0; column < width; ++column) {
      (*columns)[column].push_back(block.raw[row * width + column]);
    }
  }
}

Status LearnQuantiles(const ReplaySource& source, const TrainingCounts& counts,
                      base::ThreadPool& pool, base::Progress& progress,
                      features::FeatureStatistics* tables) {
  using features::Model, features::Side;
  using Columns = std::vector<std::vector<float>>;
  const auto columns_of = [&](Model model, Side side) {
    return Columns(tables->plan.side(model, side).raw_width);
  };
  Columns watch = columns_of(Model::kRetrieval, Side::kQuery),
          content = columns_of(Model::kRetrieval, Side::kImpression),
          query = columns_of(Model::kRanking, Side::kQuery),
          impression = columns_of(Model::kRanking, Side::kImpression);
  std::vector<QuantileSample::Values> values(kChunksPerStep);
  const auto sample_users = [&](uint64_t all, const auto& add, const auto& take) -> Status {
    if (all == 0) return Ok();
    const QuantileSample sample(source, *tables, ShareOf(all));
    base::ProgressStage stage(progress, "learn quantiles", "users", source.log.users());
    return ForUsers(
        source.log.users(), pool, progress, stage,
        [&](size_t chunk, uint32_t begin, uint32_t end) {
          values[chunk].watches.Clear();
          values[chunk].queries.Clear();
          values[chunk].impressions.Clear();
          for (uint32_t user = begin; user < end; ++user) add(sample, user, &values[chunk]);
        },
        [&](size_t chunk) { take(values[chunk]); });
  };
  if (!watch.empty()) {
    const auto watches = counts.positives();
    UPNEXT_RETURN_IF_ERROR(sample_users(
        std::accumulate(watches.begin(), watches.end(), uint64_t{0}),
        [](const auto& sample, uint32_t user, auto* out) { sample.AddWatches(user, out); },
        [&](const auto& chunk) { AppendColumns(chunk.watches, &watch); }));
  }
  UPNEXT_RETURN_IF_ERROR(sample_users(
      counts.impressions(),
      [](const auto& sample, uint32_t user, auto* out) { sample.AddImpressions(user, out); },
      [&](const auto& chunk) {
        AppendColumns(chunk.queries, &query);
        AppendColumns(chunk.impressions, &impression);
      }));
  if (!content.empty()) AppendColumns(SampleContent(source, *tables), &content);
  for (Columns* columns : {&watch, &content, &query, &impression}) {
    for (std::vector<float>& column : *columns) {
      tables->quantiles.push_back(features::Quantiles::Learn(std::move(column)));
    }
  }
  return Ok();
}

}  // namespace

Result<features::FeatureStatistics> LearnFeatures(
    const ReplaySource& source, const features::FeatureSpec& spec, base::ThreadPool& pool,
    base::Progress& progress, const features::FeatureStatistics* old,
    std::shared_ptr<const features::RetrievalReference> reference) {
  UPNEXT_ASSIGN_OR_RETURN(const features::FeaturePlan plan,
                          features::FeaturePlan::Compile(spec, source.catalogue.schema()));
  if (old != nullptr && (old->spec != spec || old->plan.text() != plan.text())) {
    return FailedPrecondition(
        "the features are others than those of the statistics that should grow: [features], a "
        "[[feature]], [retrieval] items or [schema] changed, or times of the log mean something now; "
        "train without --continue, and export the examples of networks of others again");
  }
  TrainingCounts counts(source, plan);
  features::EventCounts::Builder statistics(plan.everybody());
  {
    std::vector<features::EventCounts::Builder> builders(
        kChunksPerStep, features::EventCounts::Builder(plan.everybody()));
    base::ProgressStage stage(progress, "count features", "users", source.log.users());
    UPNEXT_RETURN_IF_ERROR(ForUsers(
        source.log.users(), pool, progress, stage,
        [&](size_t chunk, uint32_t begin, uint32_t end) {
          builders[chunk] = features::EventCounts::Builder(plan.everybody());
          counts.AddUsers(begin, end, &builders[chunk]);
        },
        [&](size_t chunk) { statistics.Merge(builders[chunk]); }));
  }
  if (counts.events() == 0) {
    return FailedPrecondition(
        "the training part of the log should hold events, but it is empty ({}); choose another "
        "[split] or import more",
        source.split.Describe());
  }
  features::FeatureStatistics tables =
      old == nullptr ? features::FeatureStatistics(spec, plan) : *old;
  LearnVocabularies(counts, source.catalogue, &tables);
  tables.counts = statistics.Build();
  tables.train_begin_ms = counts.first_ms();
  tables.train_end_ms = counts.last_ms();
  tables.log_digest = source.log.digest();
  LearnSourceScores(source, counts.impressions(), progress, &tables);
  if (old != nullptr) return tables;
  tables.Refer(std::move(reference));
  UPNEXT_RETURN_IF_ERROR(LearnQuantiles(source, counts, pool, progress, &tables));
  return tables;
}

}  // namespace upnext::examples
