// RankingStream: like CandidateStream, with whole requests as the things that are mixed.
#include "examples/ranking_stream.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "examples/candidate_stream.h"
#include "examples/epoch.h"
#include "features/event_counts.h"
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

// A user with impressions on a day, or, when days do not count, with impressions.
struct Visit {
  int32_t day;  // since the epoch; 0 when they do not count
  uint32_t user, impressions;
};

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
        pool(thread_pool) {
    const size_t users = source.log.users();
    std::vector<std::vector<Visit>> chunks((users + kCountingGrain - 1) / kCountingGrain);
    pool.ParallelFor(users, kCountingGrain, [&](size_t begin, size_t end) {
      for (size_t user = begin; user < end; ++user) {
        AppendVisits(static_cast<uint32_t>(user), &chunks[begin / kCountingGrain]);
      }
    });
    for (const std::vector<Visit>& chunk : chunks) {
      visits.insert(visits.end(), chunk.begin(), chunk.end());
    }
    for (const Visit& visit : visits) total += visit.impressions;
    position = visits.size();  // nothing to hand out before StartEpoch
  }

  void AppendVisits(uint32_t user, std::vector<Visit>* to) const {
    const RowRange rows = source.split.rows(source.log, user, options.part);
    const size_t first = to->size();
    for (uint64_t row = rows.begin; row < rows.end; ++row) {
      if (source.log.type(row) != schema::EventType::kImpression) continue;
      const int64_t time_ms = source.log.time_ms(row);
      if (time_ms <= options.after_ms) continue;
      const auto day = static_cast<int32_t>(options.by_days ? features::UtcDay(time_ms) : 0);
      if (to->size() == first || to->back().day != day) to->push_back({day, user, 0});
      ++to->back().impressions;
    }
  }

  // In the order of days; in each, users from the same start each time, so that an epoch does not
  // depend on those before it.
  void Order() {
    std::ranges::sort(visits, {}, [](const Visit& v) { return std::pair(v.day, v.user); });
    if (!options.shuffle) return;
    for (size_t begin = 0, end = 0; begin < visits.size(); begin = end) {
      end = EndOfDay(begin);
      base::Rng rng = EpochRng(options.seed, epoch, Draw::kUserOrder, KeyOf(visits[begin]));
      Shuffle(std::span(visits).subspan(begin, end - begin), rng);
    }
  }

  size_t EndOfDay(size_t visit) const {
    const int32_t day = visits[visit].day;
    while (visit < visits.size() && visits[visit].day == day) ++visit;
    return visit;
  }

  // What a day draws does not depend on those before it.
  static uint64_t KeyOf(const Visit& visit) {
    return uint64_t{static_cast<uint32_t>(visit.day)} << 32;
  }

  TimeWindow WindowOf(const Visit& visit) const {
    TimeWindow window;
    if (options.by_days)
      window = {visit.day * base::kDayMs, (visit.day + int64_t{1}) * base::kDayMs};
    if (options.after_ms >= window.begin_ms) window.begin_ms = options.after_ms + 1;
    return window;
  }

  void AppendGroup(const features::UserState& before, const ImpressionGroup& group,
                   const TimeWindow& window, Arena* arena) const {
    RankingBatch& batch = arena->batch;
    const auto query_row = static_cast<uint32_t>(batch.queries.rows);
    const auto request = extractor.For(before, group.user, group.context);
    for (const Impression& impression : group.impressions) {
      if (impression.part != options.part || !window.Has(impression.time_ms)) continue;
      request.AppendImpression(impression.candidate(), &batch.impressions);
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

  // Makes and mixes the next block of about shuffle_buffer impressions, all of one day.
  void Refill() {
    if (position == day_end) day_end = EndOfDay(day_begin = position);
    const size_t begin = position;
    for (size_t size = 0; position < day_end && size < std::max<size_t>(options.shuffle_buffer, 1);
         ++position) {
      size += visits[position].impressions;
    }
    const std::span<const Visit> block(visits.data() + begin, position - begin);
    const TimeWindow window = WindowOf(block.front());
    const size_t chunks = (block.size() + kRankingChunkUsers - 1) / kRankingChunkUsers;
    if (arenas.size() < chunks) arenas.resize(chunks);
    pool.ParallelFor(chunks, 1, [&](size_t first, size_t last) {
      for (size_t chunk = first; chunk < last; ++chunk) {
        Arena& arena = arenas[chunk];
        arena.Clear();
        const size_t from = chunk * kRankingChunkUsers;
        const size_t n = std::min(kRankingChunkUsers, block.size() - from);
        for (const Visit& visit : block.subspan(from, n)) {
          ReplayImpressions(
              source, visit.user, keeps,
              [&](const features::UserState& before, const ImpressionGroup& group) {
                AppendGroup(before, group, window, &arena);
              },
              source.split.rows(source.log, visit.user, options.part).end, window);
        }
      }
    });
    slots.clear();
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      for (uint32_t i = 0; i + 1 < arenas[chunk].begins.size(); ++i) slots.push_back({chunk, i});
    }
    if (options.shuffle) {
      base::Rng rng =
          EpochRng(options.seed, epoch, Draw::kShuffle, KeyOf(block.front()) + (begin - day_begin));
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
  uint64_t total = 0;

  uint32_t epoch = 0;
  std::vector<Visit> visits;          // in the epoch's order
  size_t position = 0;                // of the first visit whose examples are not made yet
  size_t day_begin = 0, day_end = 0;  // visits of its day
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
  rep_->position = rep_->day_end = 0;
  rep_->slots.clear();
  rep_->next_slot = 0;
  rep_->Order();
}

bool RankingStream::Next(size_t size, RankingBatch* batch) {
  batch->Clear();
  while (batch->size() < size) {
    if (rep_->next_slot == rep_->slots.size()) {
      if (rep_->position == rep_->visits.size()) break;
      if (batch->size() > 0 && rep_->position == rep_->day_end) break;
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
