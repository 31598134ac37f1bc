// CandidateStream: users in a fresh random order, block by block; the users of a block are replayed
// in parallel into one arena per chunk of users, and the block's examples leave in random order.
#include "examples/candidate_stream.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "base/thread_pool.h"
#include "examples/epoch.h"
#include "examples/watch_loop.h"
#include "features/feature_extractor.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

constexpr size_t kCandidateChunkUsers = 32;

void AppendExample(const features::CandidateBatch& from, size_t index,
                   features::CandidateBatch* to) {
  to->features.AppendRow(from.features, index);
  to->label.push_back(from.label[index]);
  to->weight.push_back(from.weight[index]);
}

}  // namespace

struct CandidateStream::Rep {
  Rep(const ReplaySource& replay_source, const features::FeatureStatistics& feature_tables,
      const CandidateStreamOptions& stream_options, base::ThreadPool& thread_pool)
      : source(replay_source),
        tables(feature_tables),
        vocabulary(feature_tables.vocabulary(features::kItemVocabulary)),
        keeps(feature_tables.plan.retrieval_state()),
        extractor(feature_tables, replay_source.catalogue, features::Model::kRetrieval),
        options(stream_options),
        pool(thread_pool),
        eligible(replay_source.log.users()) {
    pool.ParallelFor(eligible.size(), kCountingGrain, [this](size_t begin, size_t end) {
      for (size_t user = begin; user < end; ++user) {
        eligible[user] = CountEligible(static_cast<uint32_t>(user));
      }
    });
    for (uint32_t user = 0; user < eligible.size(); ++user) {
      if (Quota(user) == 0 || !InSample(user)) continue;
      users.push_back(user);
      total += Quota(user);
    }
    position = users.size();  // nothing to hand out before StartEpoch
  }

  bool InSample(uint32_t user) const {
    if (options.user_share >= 1) return true;
    uint64_t state = options.seed ^ (uint64_t{user} + 1) << 20;
    return static_cast<double>(base::SplitMix64(state) >> 11) * 0x1.0p-53 < options.user_share;
  }
  uint32_t Quota(uint32_t user) const { return std::min(eligible[user], options.max_per_user); }

  // Whether the watch may be a label, given how many complete watches its input holds.
  bool IsLabel(const RowRange& part_rows, uint64_t row, uint32_t item, uint32_t history) const {
    return row >= part_rows.begin && row < part_rows.end && history >= options.min_history &&
           source.log.time_ms(row) > options.after_ms && vocabulary.Row(item) != 0;
  }

  std::vector<uint64_t> CompleteRows(uint32_t user, uint64_t end) const {
    std::vector<uint64_t> rows;
    for (uint64_t row = source.log.begin(user); row < end; ++row) {
      if (!source.rule.MayBePositive(source.log.type(row))) continue;
      const schema::Event event = source.log.event(row);
      if (source.rule.IsPositive(event, source.log.item(event.item))) rows.push_back(row);
    }
    return rows;
  }

  uint32_t CountEligible(uint32_t user) const {
    const RowRange part_rows = source.split.rows(source.log, user, options.part);
    if (part_rows.begin == part_rows.end) return 0;
    const std::vector<uint64_t> rows = CompleteRows(user, part_rows.end);
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows.size(); ++i) {
      const uint32_t history = HistoryOf(i, static_cast<uint32_t>(rows.size()));
      count += IsLabel(part_rows, rows[i], source.log.item_of(rows[i]), history) ? 1 : 0;
    }
    return count;
  }

  // Complete watches in the input of the i-th of `n`.
  uint32_t HistoryOf(uint32_t i, uint32_t n) const {
    return options.labels == CandidateStreamOptions::Labels::kNextWatch ? i : n - 1;
  }

  void Append(const features::UserState& input, const WatchExample& watch,
              features::CandidateBatch* batch) const {
    features::Context context = watch.context;
    context.example_age_ms = watch.part == SplitPart::kTrain
                                 ? std::max<int64_t>(tables.train_end_ms - watch.time_ms, 0)
                                 : 0;
    extractor.AppendQuery(input, watch.user, context, &batch->features);
    batch->label.push_back(vocabulary.Row(watch.item));
    batch->weight.push_back(watch.weight);
  }

  // Takes Quota(user) of the eligible labels, each set of them equally likely (Knuth's selection
  // sampling), or with options.sequences each run of neighbours, and stops the replay after the last.
  void AppendNextWatches(uint32_t user, features::CandidateBatch* batch) const {
    const RowRange part_rows = source.split.rows(source.log, user, options.part);
    base::Rng rng = EpochRng(options.seed, epoch, Draw::kLabels, user);
    uint32_t left = eligible[user], needed = Quota(user), history = 0;
    const uint64_t last = options.sequences ? left - rng.Below(left - needed + 1) : 0;
    ForEachWatch(source, user, keeps, part_rows.end,
                 [&](const features::UserState& before, const WatchExample& watch) {
                   if (!IsLabel(part_rows, watch.row, watch.item, history++)) return true;
                   const bool takes = options.sequences ? left <= last : rng.Below(left) < needed;
                   --left;
                   if (takes) {
                     --needed;
                     Append(before, watch, batch);
                   }
                   return needed > 0;
                 });
  }

  // The rows that the state can show at the end of the part, with one to spare of each list for the
  // label.
  std::vector<uint64_t> RowsOfState(uint32_t user, uint64_t end) const {
    std::vector<size_t> room;
    // A merged history has older rows the longer it is.
    bool only_newest = !source.rule.weighs_history();
    for (const features::BagSpec& bag : keeps.bags()) {
      room.push_back(bag.limit + size_t{1});
      only_newest &= bag.removes.empty();
    }
    for (const features::TableSpec& table : keeps.tables()) only_newest &= table.columns.empty();
    std::vector<uint64_t> rows;
    for (uint64_t row = end; row > source.log.begin(user);) {
      const schema::EventType type = source.log.type(--row);
      if (!keeps.Reads(type, source.rule)) continue;
      const schema::Event event = source.log.event(row);
      // A search names no item.
      const schema::Item item =
          event.item == schema::kNone ? schema::Item{} : source.log.item(event.item);
      const bool positive = source.rule.IsPositive(event, item);
      const bool interest = source.rule.InterestOf(event, item) > 0;
      bool shows = false;
      for (const auto& step : keeps.program(type, positive, interest).bags) {
        if (room[step.bag] == 0) continue;
        --room[step.bag];
        shows = true;
      }
      if (shows || !only_newest) rows.push_back(row);
    }
    std::ranges::reverse(rows);
    return rows;
  }

  void AppendHeldOut(uint32_t user, features::CandidateBatch* batch) const {
    const RowRange part_rows = source.split.rows(source.log, user, options.part);
    const std::vector<uint64_t> newest = RowsOfState(user, part_rows.end);
    const std::vector<uint64_t> rows = CompleteRows(user, part_rows.end);
    base::Rng rng = EpochRng(options.seed, epoch, Draw::kLabels, user);
    uint32_t left = eligible[user], needed = Quota(user);
    const auto history = static_cast<uint32_t>(rows.size() - 1);
    for (const uint64_t row : rows) {
      const schema::Event event = source.log.event(row);
      if (!IsLabel(part_rows, row, event.item, history) || rng.Below(left--) >= needed) continue;
      --needed;
      features::UserState input(keeps);
      for (const uint64_t other : newest) {
        if (other != row) input.ApplyRow(other, source.catalogue, source.rule);
      }
      Append(input,
             {.user = user,
              .row = row,
              .item = event.item,
              .weight = source.rule.WeightOf(event),
              .time_ms = event.time_ms,
              .part = options.part,
              .context = features::ContextOf(source.log, row, event)},
             batch);
    }
  }

  // The examples of the arenas in random order; with options.sequences the users in random order.
  void MixSlots(size_t chunks, size_t block) {
    struct Run {
      uint32_t chunk, begin, end;
    };
    std::vector<Run> runs;
    for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
      const auto n = static_cast<uint32_t>(arenas[chunk].label.size());
      if (options.sequences) {
        uint32_t from = 0;
        for (const uint32_t to : user_ends[chunk])
          runs.push_back({chunk, std::exchange(from, to), to});
      } else {
        for (uint32_t i = 0; i < n; ++i) runs.push_back({chunk, i, i + 1});
      }
    }
    base::Rng rng = EpochRng(options.seed, epoch, Draw::kShuffle, block);
    Shuffle(runs, rng);
    slots.clear();
    for (const Run& run : runs) {
      for (uint32_t i = run.begin; i < run.end; ++i) slots.push_back({run.chunk, i});
    }
  }

  // Makes and mixes the next block of about shuffle_buffer examples.
  void Refill() {
    const size_t begin = position;
    for (size_t size = 0;
         position < users.size() && size < std::max<size_t>(options.shuffle_buffer, 1);
         ++position) {
      size += Quota(users[position]);
    }
    const std::span<const uint32_t> block(users.data() + begin, position - begin);
    const size_t chunks = (block.size() + kCandidateChunkUsers - 1) / kCandidateChunkUsers;
    if (arenas.size() < chunks) arenas.resize(chunks);
    if (user_ends.size() < chunks) user_ends.resize(chunks);
    pool.ParallelFor(chunks, 1, [&](size_t first, size_t last) {
      for (size_t chunk = first; chunk < last; ++chunk) {
        arenas[chunk].Clear();
        user_ends[chunk].clear();
        const size_t from = chunk * kCandidateChunkUsers;
        const size_t n = std::min(kCandidateChunkUsers, block.size() - from);
        for (const uint32_t user : block.subspan(from, n)) {
          if (options.labels == CandidateStreamOptions::Labels::kNextWatch) {
            AppendNextWatches(user, &arenas[chunk]);
          } else {
            AppendHeldOut(user, &arenas[chunk]);
          }
          user_ends[chunk].push_back(static_cast<uint32_t>(arenas[chunk].label.size()));
        }
      }
    });
    MixSlots(chunks, begin);
    next_slot = 0;
  }

  // What will be copied a few examples from now.
  void Prefetch() const {
    constexpr size_t kRow = 8, kPlace = 16;
    if (next_slot + kPlace >= slots.size()) return;
    const Slot place = slots[next_slot + kPlace], row = slots[next_slot + kRow];
    arenas[place.chunk].features.PrefetchPlace(place.index);
    __builtin_prefetch(&arenas[place.chunk].label[place.index]);
    arenas[row.chunk].features.PrefetchRow(row.index);
  }

  const ReplaySource source;
  const features::FeatureStatistics& tables;
  const features::Vocabulary& vocabulary;
  const features::StateSpec keeps;
  const features::FeatureExtractor extractor;
  const CandidateStreamOptions options;
  base::ThreadPool& pool;
  std::vector<uint32_t> eligible;  // labels by user
  uint64_t total = 0;

  uint32_t epoch = 0;
  std::vector<uint32_t> users;  // with labels, in the epoch's order
  size_t position = 0;          // of the first user whose examples are not made yet
  std::vector<features::CandidateBatch> arenas;
  std::vector<std::vector<uint32_t>> user_ends;  // by chunk: where the examples of each user end
  std::vector<Slot> slots;                       // the block's examples, mixed
  size_t next_slot = 0;
};

CandidateStream::CandidateStream(const ReplaySource& source,
                                 const features::FeatureStatistics& tables,
                                 const CandidateStreamOptions& options, base::ThreadPool& pool)
    : rep_(std::make_unique<Rep>(source, tables, options, pool)) {}

CandidateStream::~CandidateStream() = default;

void CandidateStream::StartEpoch(uint32_t epoch) {
  rep_->epoch = epoch;
  rep_->position = 0;
  rep_->slots.clear();
  rep_->next_slot = 0;
  // From the same start each time, so that an epoch does not depend on those before it.
  std::ranges::sort(rep_->users);
  base::Rng rng = EpochRng(rep_->options.seed, epoch, Draw::kUserOrder, 0);
  Shuffle(rep_->users, rng);
}

bool CandidateStream::Next(size_t size, features::CandidateBatch* batch) {
  batch->Clear();
  while (batch->size() < size) {
    if (rep_->next_slot == rep_->slots.size()) {
      if (rep_->position == rep_->users.size()) break;
      rep_->Refill();
      continue;
    }
    rep_->Prefetch();
    const Slot slot = rep_->slots[rep_->next_slot++];
    AppendExample(rep_->arenas[slot.chunk], slot.index, batch);
  }
  return batch->size() > 0;
}

uint64_t CandidateStream::examples_per_epoch() const { return rep_->total; }

}  // namespace upnext::examples
