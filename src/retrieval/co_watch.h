// Item-to-item lists by co-watch (CG-26): the cosine of the sets of users who have both items in
// their history, the best `neighbours` of each item.
//
//   const CoWatchLearner learner(source, options, pool);
//   CoWatch all = learner.Learn();                          in memory
//   UPNEXT_RETURN_IF_ERROR(learner.Write(writer));          the same lists, into a file
//   UPNEXT_ASSIGN_OR_RETURN(CoWatch read, CoWatch::Load(file));
//   for (const ScoredItem& p : read.Similar(item)) ...        best first
//
// Learned from the training part of a split; items are dense log ids. Immutable: any number of
// threads, but the pool is the learner's while it works.
#ifndef UPNEXT_RETRIEVAL_CO_WATCH_H_
#define UPNEXT_RETRIEVAL_CO_WATCH_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/config.h"
#include "base/section_file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/user_state.h"
#include "retrieval/scored_items.h"

namespace upnext::retrieval {

inline constexpr size_t kCoWatchItems = 10;

// Users with very long histories contribute their newest `max_history` different items.
struct CoWatchOptions {
  uint32_t neighbours = 100, max_history = 200;
  static CoWatchOptions FromConfig(const base::ConfigTable& generator);  // [generators.co-watch]
};

// A similar item, with the user's item that is the most similar to it.
struct CoWatched {
  uint32_t item;
  float score;  // sum of the similarities
  uint32_t from;
};

class CoWatch {
 public:
  CoWatch() = default;
  CoWatch(CoWatch&&) = default;
  CoWatch& operator=(CoWatch&&) = default;
  // Views into the file, which must outlive it. kDataLoss when the sections are not what
  // CoWatchLearner wrote.
  static Result<CoWatch> Load(const base::SectionFile& file);

  std::span<const ScoredItem> Similar(uint32_t item) const;  // best first, ties to the smaller item
  // item-kNN: the items of the lists of the user's newest kCoWatchItems items and of `current`
  // (kNone: none), best first, ties to the smaller item. An item is `from` the current one if that
  // list has it, else from the most similar of the user's. Serving and evaluation use it.
  std::vector<CoWatched> For(const features::UserState& state, uint32_t current) const;
  size_t items() const { return offsets_.empty() ? 0 : offsets_.size() - 1; }

 private:
  friend class CoWatchLearner;
  std::vector<uint64_t> learned_offsets_;  // what the spans view, unless that is a file
  std::vector<ScoredItem> learned_;
  std::span<const uint64_t> offsets_;  // by item; empty when nothing was learned
  std::span<const ScoredItem> similar_;
};

class CoWatchLearner {
 public:
  CoWatchLearner(const examples::ReplaySource& source, const CoWatchOptions& options,
                 base::ThreadPool& pool);
  // The lists of the items whose flag in `wanted` is set, by item, or of all when it is empty. The
  // others' are empty.
  CoWatch Learn(std::span<const uint8_t> wanted = {}) const;
  // All lists. They are learned and written a block of items at a time, since together they can
  // take as much memory as the model beside them.
  Status Write(base::SectionWriter& writer) const;

 private:
  // List r is values[offsets[r] .. offsets[r + 1]).
  struct Grouped {
    std::vector<uint64_t> offsets;
    std::vector<uint32_t> values;
    std::span<const uint32_t> of(uint32_t row) const {
      return std::span(values).subspan(offsets[row], offsets[row + 1] - offsets[row]);
    }
  };
  // What one thread counts in.
  struct Counters {
    std::vector<uint32_t> together, met;
    std::vector<ScoredItem> list;
  };

  static Grouped HistoriesByUser(const examples::ReplaySource& source, uint32_t max_history);
  static Grouped Transposed(const Grouped& by_user, uint32_t items);
  uint32_t items() const { return static_cast<uint32_t>(by_item_.offsets.size() - 1); }
  size_t MostNeighbours(uint32_t item) const;
  size_t LearnList(uint32_t item, Counters* counters, ScoredItem* best) const;
  void LearnBlock(uint32_t begin, uint32_t end, std::span<const uint8_t> wanted,
                  std::vector<Counters>* counters, std::vector<ScoredItem>* proposals,
                  std::vector<uint64_t>* offsets) const;

  const CoWatchOptions options_;
  base::ThreadPool& pool_;
  Grouped by_user_, by_item_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_CO_WATCH_H_
