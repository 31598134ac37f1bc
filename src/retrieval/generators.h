// The other candidate generators: simple, count based, and the baselines that every table shows.
//
//   PopularItems popular = PopularItems::Learn(source);
//   for (const Candidate& p : popular.overall()) ...                best first
//
// Learned from the training part of a split; items are dense log ids. Immutable: any number of
// threads. Item-to-item proposals are in co_watch.h.
#ifndef UPNEXT_RETRIEVAL_GENERATORS_H_
#define UPNEXT_RETRIEVAL_GENERATORS_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "examples/replay.h"
#include "features/user_state.h"

namespace upnext::retrieval {

// An item and how strongly a generator proposes it, larger is better. Lists of a hundred for each
// of millions of items are kept: eight bytes.
struct Candidate {
  uint32_t item;
  float score;
  friend bool operator==(const Candidate&, const Candidate&) = default;
};
// Best first, ties to the smaller item.
inline bool BetterProposal(const Candidate& a, const Candidate& b) {
  return a.score > b.score || (a.score == b.score && a.item < b.item);
}

// Calls visit(user, example) for every complete watch of the training part, users in order, each
// in time order.
template <typename Visit>
void ForTrainingWatches(const examples::ReplaySource& source, const Visit& visit) {
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    examples::ReplayWatches(
        source, user,
        [&](const features::UserState&, const examples::WatchExample& example) {
          if (example.part == examples::SplitPart::kTrain) visit(user, example);
        },
        features::UserState::Parts::kBags);
  }
}

// Complete watches per item: overall, and of the last `recent_days` of training ("trending").
class PopularItems {
 public:
  static PopularItems Learn(const examples::ReplaySource& source, int recent_days = 7);
  std::span<const uint64_t> counts() const { return counts_; }     // by item
  std::span<const Candidate> overall() const { return overall_; }  // best first, counts > 0
  std::span<const Candidate> trending() const { return trending_; }
  Status Save(base::SectionWriter& writer) const;
  // kDataLoss when the sections are not what Save wrote.
  static Result<PopularItems> Load(const base::SectionFile& file);

 private:
  std::vector<uint64_t> counts_;
  std::vector<Candidate> overall_, trending_;
};

// First-order Markov: how often item b was the next complete watch after item a in the training
// sequences.
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

#endif  // UPNEXT_RETRIEVAL_GENERATORS_H_
