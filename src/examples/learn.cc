#include "examples/learn.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "examples/training_counts.h"
#include "features/extract.h"
#include "features/item_statistics.h"
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

void LearnVocabularies(const TrainingCounts& counts, const features::FeatureSpec& spec,
                       features::FeatureStatistics* tables) {
  using features::VocabularyId;
  using schema::IdSpace;
  constexpr size_t kAll = std::numeric_limits<size_t>::max();
  const auto learn = [&](VocabularyId id, std::span<const uint64_t> by_id, size_t limit,
                         uint64_t min_count = 1) {
    tables->vocabularies[static_cast<size_t>(id)] =
        features::Vocabulary::Learn(by_id, limit, min_count);
  };
  const std::span<const uint64_t> watched = counts.of(IdSpace::kItem);
  learn(VocabularyId::kItem, watched, spec.max_items, spec.min_item_count);
  learn(VocabularyId::kRankedItem, counts.clicks() > 0 ? counts.clicked() : watched, spec.max_items,
        spec.min_item_count);
  learn(VocabularyId::kChannel, counts.of(IdSpace::kChannel), spec.max_channels);
  learn(VocabularyId::kTopic, counts.of(IdSpace::kTopic), kAll);
  learn(VocabularyId::kLanguage, counts.of(IdSpace::kLanguage), kAll);
  learn(VocabularyId::kRegion, counts.of(IdSpace::kRegion), kAll);
  learn(VocabularyId::kDevice, counts.of(IdSpace::kDevice), kAll);
  learn(VocabularyId::kSource, counts.of(IdSpace::kSource), kAll);
}

// Whether the impression at `row` is in the sample: a coin that depends on the row alone.
bool InSample(uint64_t row, double share) {
  uint64_t state = row;
  return static_cast<double>(base::SplitMix64(state) >> 11) * 0x1.0p-53 < share;
}

// Raw continuous values of a sample of training impressions and of their requests.
class QuantileSample {
 public:
  QuantileSample(const ReplaySource& source, const features::FeatureStatistics& tables,
                 double share)
      : source_(source), extractor_(tables, source.catalogue), share_(share) {}

  struct Values {
    features::RankingBlock queries{features::Side::kQuery};
    features::RankingBlock impressions{features::Side::kImpression};
  };

  void AddUser(uint32_t user, Values* values) const {
    // Replaying a user costs much more than looking for chosen rows.
    uint64_t after_last = 0;
    for (uint64_t row = source_.log.begin(user); row < source_.split.train_end(user); ++row) {
      if (source_.log.type(row) == schema::EventType::kImpression && InSample(row, share_)) {
        after_last = row + 1;
      }
    }
    if (after_last == 0) return;
    const schema::User attributes = source_.catalogue.user(user);
    ReplayImpressions(
        source_, user,
        [&](const features::UserState& before, const ImpressionGroup& group) {
          bool any = false;
          for (const Impression& impression : group.impressions) {
            if (!InSample(impression.row, share_)) continue;
            any = true;
            extractor_.AppendImpression(before, attributes, group.context,
                                        {.item = impression.item, .source = impression.source},
                                        &values->impressions);
          }
          if (any) extractor_.AppendQuery(before, attributes, group.context, &values->queries);
        },
        after_last);
  }

 private:
  const ReplaySource& source_;
  const features::RankingExtractor extractor_;
  const double share_;
};

// Appends each column of the block to its field's values.
void AppendColumns(const features::RankingBlock& block, features::Side side,
                   std::vector<std::vector<float>>* columns) {
  const size_t width = features::ContinuousFields(side);
  columns->resize(width);
  for (size_t row = 0; row < block.rows; ++row) {
    for (size_t field = 0; field < width; ++field) {
      (*columns)[field].push_back(block.raw[row * width + field]);
    }
  }
}

Status LearnQuantiles(const ReplaySource& source, uint64_t impressions, base::ThreadPool& pool,
                      base::Progress& progress, features::FeatureStatistics* tables) {
  const double share = impressions <= kQuantileSample ? 1.0
                                                      : static_cast<double>(kQuantileSample) /
                                                            static_cast<double>(impressions);
  std::vector<std::vector<float>> query, impression;
  query.resize(features::ContinuousFields(features::Side::kQuery));
  impression.resize(features::ContinuousFields(features::Side::kImpression));
  if (impressions > 0) {
    const QuantileSample sample(source, *tables, share);
    std::vector<QuantileSample::Values> values(kChunksPerStep);
    base::ProgressStage stage(progress, "learn quantiles", "users", source.log.users());
    UPNEXT_RETURN_IF_ERROR(ForUsers(
        source.log.users(), pool, progress, stage,
        [&](size_t chunk, uint32_t begin, uint32_t end) {
          values[chunk].queries.Clear();
          values[chunk].impressions.Clear();
          for (uint32_t user = begin; user < end; ++user) sample.AddUser(user, &values[chunk]);
        },
        [&](size_t chunk) {
          AppendColumns(values[chunk].queries, features::Side::kQuery, &query);
          AppendColumns(values[chunk].impressions, features::Side::kImpression, &impression);
        }));
  }
  size_t next_query = 0, next_impression = 0;
  for (const features::Field& field : features::RankingFields()) {
    if (field.kind != features::FieldKind::kContinuous) continue;
    std::vector<float>& column =
        field.side == features::Side::kQuery ? query[next_query++] : impression[next_impression++];
    tables->quantiles.push_back(features::Quantiles::Learn(std::move(column)));
  }
  return Ok();
}

}  // namespace

Result<features::FeatureStatistics> LearnFeatures(const ReplaySource& source,
                                                  const features::FeatureSpec& spec,
                                                  base::ThreadPool& pool,
                                                  base::Progress& progress) {
  TrainingCounts counts(source);
  features::ItemStatistics::Builder statistics(source.log.items());
  {
    std::vector<features::ItemStatistics::Builder> builders(
        kChunksPerStep, features::ItemStatistics::Builder(source.log.items()));
    base::ProgressStage stage(progress, "count features", "users", source.log.users());
    UPNEXT_RETURN_IF_ERROR(ForUsers(
        source.log.users(), pool, progress, stage,
        [&](size_t chunk, uint32_t begin, uint32_t end) {
          builders[chunk] = features::ItemStatistics::Builder(source.log.items());
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
  features::FeatureStatistics tables;
  tables.spec = spec;
  LearnVocabularies(counts, spec, &tables);
  tables.tokens = features::QueryTokens::Learn(source.catalogue, counts.of(schema::IdSpace::kQuery),
                                               spec.max_tokens);
  tables.item_statistics = statistics.Build();
  tables.train_begin_ms = counts.first_ms();
  tables.train_end_ms = counts.last_ms();
  tables.log_digest = source.log.digest();
  UPNEXT_RETURN_IF_ERROR(LearnQuantiles(source, counts.impressions(), pool, progress, &tables));
  return tables;
}

}  // namespace upnext::examples
