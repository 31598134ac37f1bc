// First-order Markov, a baseline of the evaluation: how often item b was the next complete watch
// after item a in the training sequences.
//
//   const NextItems next = NextItems::Learn(source);
//   for (const auto& [item, count] : next.After(last_item)) ...
//
// Items are dense log ids. Immutable: any number of threads.
#ifndef UPNEXT_RETRIEVAL_NEXT_ITEMS_H_
#define UPNEXT_RETRIEVAL_NEXT_ITEMS_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "examples/replay.h"

namespace upnext::retrieval {

class NextItems {
 public:
  static NextItems Learn(const examples::ReplaySource& source);
  // (next item, count), by item; nothing for an item that was never followed.
  std::span<const std::pair<uint32_t, uint32_t>> After(uint32_t item) const;

 private:
  std::vector<uint64_t> offsets_;
  std::vector<std::pair<uint32_t, uint32_t>> next_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_NEXT_ITEMS_H_
