// Whether a log can separate position from relevance: position bias is found by comparing an item's
// clicks at different positions, so items must have been shown at several, and the positions must
// be connected by such items.
//
//   const PositionCounts counts = CountPositions(source, examples::SplitPart::kTrain, pool);
//   const PositionOverlap overlap = OverlapOf(counts);
//   notes.push_back(overlap.Statement());
//
// Pure functions of the log.
#ifndef UPNEXT_EVALUATION_POSITION_OVERLAP_H_
#define UPNEXT_EVALUATION_POSITION_OVERLAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/thread_pool.h"
#include "examples/replay.h"
#include "schema/event.h"

namespace upnext::evaluation {

// Positions from 1 to this one are counted; later ones are left out.
inline constexpr size_t kOverlapPositions = 50;

// A watch counts as a click.
inline bool CountsAsClick(const examples::Labels& labels) {
  return labels.Has(schema::EventType::kClick) || labels.watch_s > 0;
}

// What was shown where, over all devices.
struct PositionCounts {
  struct Shown {
    uint64_t impressions = 0, clicks = 0;
  };
  using ByPosition = std::array<Shown, kOverlapPositions>;  // of position 1, 2, ...
  ByPosition positions = {};
  std::unordered_map<uint64_t, Shown> cells;   // by item * kOverlapPositions + position - 1
  uint64_t impressions = 0;                    // all, with or without a position
  uint64_t requests = 0, requests_at_two = 0;  // with an impression at one position, at two or more
  void Add(uint32_t item, size_t position, bool clicked);  // 0: unknown
  void Merge(const PositionCounts& other);
};
PositionCounts CountPositions(const examples::ReplaySource& source, examples::SplitPart part,
                              base::ThreadPool& pool);

struct PositionOverlap {
  struct Position {
    size_t position = 0;
    uint64_t impressions = 0;
    double click_rate = 0;
    // Half of the 95 % interval of its bias less that of the first of `positions`, in the logit, as
    // the clicks of shared items alone tell it; infinite where nothing connects the two.
    double error = 0;
  };
  std::vector<Position> positions = {};  // those with at least a hundredth of the impressions
  uint64_t impressions = 0, with_position = 0;
  uint64_t items = 0, items_at_two = 0;  // shown at a position; at two or more
  uint64_t requests = 0, requests_at_two = 0;
  size_t connected = 0;              // positions in the largest connected part of the overlap graph
  double connected_impressions = 0;  // share of the impressions that they have
  // Share of the requests in which two neighbours must be put in random order so that the bias of
  // every position is known within kEnoughError; above 1: more requests than the log has.
  double requests_to_swap = 0;

  bool separable() const;
  // "positions: ... The log can separate position from relevance ..." or why it cannot, and what
  // would make it possible.
  std::string Statement() const;
};
// A bias of .25 in the logit changes the odds of a click by 28 %.
inline constexpr double kEnoughError = 0.25;
PositionOverlap OverlapOf(const PositionCounts& counts);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_POSITION_OVERLAP_H_
