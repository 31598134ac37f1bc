// RankingStream: like CandidateStream, with whole requests as the things that are mixed.
#include "examples/ranking_stream.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>

#include "base/thread_pool.h"
#include "examples/candidate_stream.h"
#include "examples/epoch.h"
#include "features/feature_extractor.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

constexpr size_t kRankingChunkUsers = 16;

// The impressions of query `query`, which stand together, with their query.
void AppendRequest(const RankingBatch& from, size_t query, size_t begin, size_t end,
                   RankingBatch* to) {
  const auto query_row = static_cast<uint32_t>(to->queries.rows);
  to->queries.AppendRow(from.queries, query);
  for (size_t i = begin; i < end; ++i) {
    to->impressions.AppendRow(from.impressions, i);
    to->query_of.push_back(query_row);
    to->labels.push_back(from.labels[i]);
    to->position.push_back(from.position[i]);
    to->user.push_back(from.user[i]);
    to->request.push_back(from.request[i]);
  }
}

// Requests of one chunk of users.
struct Arena {
  RankingBatch batch;
  std::vector<uint32_t> begins;  // by query: its first impression; one more at the end
  void Clear() {
    batch.Clear();
    begins.assign(1, 0);
  }
};

}  // namespace

void RankingBatch::Clear() {
  queries.Clear();
  impressions.Clear();
  query_of.clear();
  labels.clear();
  position.clear();
  user.clear();
  request.clear();
}

struct RankingStream::Rep {
  Rep(const ReplaySource& replay_source, const features::FeatureStatistics& feature_tables,
      const RankingStreamOptions& stream_options, base::ThreadPool& thread_pool)
      : source(replay_source),
        keeps(feature_tables.plan.state()),
        extractor(feature_tables, replay_source.catalogue, features::Model::kRanking),
        options(stream_options),
        pool(thread_pool),
        impressions(replay_source.log.users()) {
    pool.ParallelFor(impressions.size(), kCountingGrain, [this](size_t begin, size_t end) {
      for (size_t user = begin; user < end; ++user) {
        const RowRange rows =
            source.split.rows(source.log, static_cast<uint32_t>(user), options.part);
        for (uint64_t row = rows.begin; row < rows.end; ++row) {
          impressions[user] += source.log.type(row) == schema::EventType::kImpression ? 1 : 0;
        }
      }
    });
    for (uint32_t user = 0; user < impressions.size(); ++user) {
      if (impressions[user] > 0) users.push_back(user);
    }
    total = std::accumulate(impressions.begin(), impressions.end(), uint64_t{0});
    position = users.size();  // nothing to hand out before StartEpoch
  }

  void AppendGroup(const features::UserState& before, const ImpressionGroup& group,
                   Arena* arena) const {
    RankingBatch& batch = arena->batch;
    const auto query_row = static_cast<uint32_t>(batch.queries.rows);
    for (const Impression& impression : group.impressions) {
      if (impression.part != options.part) continue;
      extractor.AppendImpression(before, group.user, group.context,
                                 {.item = impression.item, .source = impression.source},
                                 &batch.impressions);
      batch.query_of.push_back(query_row);
      batch.labels.push_back(impression.labels);
      batch.position.push_back(impression.position);
      batch.user.push_back(group.user);
      batch.request.push_back(group.request);
    }
    if (batch.size() == arena->begins.back()) return;  // none of this part
    extractor.AppendQuery(before, group.user, group.context, &batch.queries);
    arena->begins.push_back(static_cast<uint32_t>(batch.size()));
  }

  // Makes and mixes the next block of about shuffle_buffer impressions.
  void Refill() {
    const size_t begin = position;
    for (size_t size = 0;
         position < users.size() && size < std::max<size_t>(options.shuffle_buffer, 1);
         ++position) {
      size += impressions[users[position]];
    }
    const std::span<const uint32_t> block(users.data() + begin, position - begin);
    const size_t chunks = (block.size() + kRankingChunkUsers - 1) / kRankingChunkUsers;
    if (arenas.size() < chunks) arenas.resize(chunks);
    pool.ParallelFor(chunks, 1, [&](size_t first, size_t last) {
      for (size_t chunk = first; chunk < last; ++chunk) {
        Arena& arena = arenas[chunk];
        arena.Clear();
        const size_t from = chunk * kRankingChunkUsers;
        const size_t n = std::min(kRankingChunkUsers, block.size() - from);
        for (const uint32_t user : block.subspan(from, n)) {
          ReplayImpressions(
              source, user, keeps,
              [&](const features::UserState& before, const ImpressionGroup& group) {
                AppendGroup(before, group, &arena);
              },
              source.split.rows(source.log, user, options.part).end);
        }
      }
    });
    slots.clear();
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      for (uint32_t i = 0; i + 1 < arenas[chunk].begins.size(); ++i) slots.push_back({chunk, i});
    }
    if (options.shuffle) {
      base::Rng rng = EpochRng(options.seed, epoch, Draw::kShuffle, begin);
      Shuffle(slots, rng);
    }
    next_slot = 0;
  }

  // What will be copied a few requests from now.
  void Prefetch() const {
    constexpr size_t kRow = 2, kPlace = 4;
    if (next_slot + kPlace >= slots.size()) return;
    const Slot place = slots[next_slot + kPlace], row = slots[next_slot + kRow];
    const Arena& later = arenas[place.chunk];
    later.batch.queries.PrefetchPlace(place.index);
    for (uint32_t i = later.begins[place.index]; i < later.begins[place.index + 1]; ++i) {
      later.batch.impressions.PrefetchPlace(i);
      __builtin_prefetch(&later.batch.labels[i]);
    }
    const Arena& sooner = arenas[row.chunk];
    sooner.batch.queries.PrefetchRow(row.index);
    for (uint32_t i = sooner.begins[row.index]; i < sooner.begins[row.index + 1]; ++i) {
      sooner.batch.impressions.PrefetchRow(i);
    }
  }

  const ReplaySource source;
  const features::StateSpec keeps;
  const features::FeatureExtractor extractor;
  const RankingStreamOptions options;
  base::ThreadPool& pool;
  std::vector<uint32_t> impressions;  // of the part, by user
  uint64_t total = 0;

  uint32_t epoch = 0;
  std::vector<uint32_t> users;  // with impressions, in the epoch's order
  size_t position = 0;          // of the first user whose examples are not made yet
  std::vector<Arena> arenas;
  std::vector<Slot> slots;  // the block's requests, mixed
  size_t next_slot = 0;
};

RankingStream::RankingStream(const ReplaySource& source, const features::FeatureStatistics& tables,
                             const RankingStreamOptions& options, base::ThreadPool& pool)
    : rep_(std::make_unique<Rep>(source, tables, options, pool)) {}

RankingStream::~RankingStream() = default;

void RankingStream::StartEpoch(uint32_t epoch) {
  rep_->epoch = epoch;
  rep_->position = 0;
  rep_->slots.clear();
  rep_->next_slot = 0;
  if (!rep_->options.shuffle) return;
  // From the same start each time, so that an epoch does not depend on those before it.
  std::ranges::sort(rep_->users);
  base::Rng rng = EpochRng(rep_->options.seed, epoch, Draw::kUserOrder, 0);
  Shuffle(rep_->users, rng);
}

bool RankingStream::Next(size_t size, RankingBatch* batch) {
  batch->Clear();
  while (batch->size() < size) {
    if (rep_->next_slot == rep_->slots.size()) {
      if (rep_->position == rep_->users.size()) break;
      rep_->Refill();
      continue;
    }
    rep_->Prefetch();
    const Slot slot = rep_->slots[rep_->next_slot++];
    const Arena& arena = rep_->arenas[slot.chunk];
    AppendRequest(arena.batch, slot.index, arena.begins[slot.index], arena.begins[slot.index + 1],
                  batch);
  }
  return batch->size() > 0;
}

uint64_t RankingStream::examples_per_epoch() const { return rep_->total; }

}  // namespace upnext::examples
