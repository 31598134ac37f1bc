// The logging policy: what the site showed when the log was made, with exact propensities.
//
//   LoggingPolicy policy(world);
//   policy.Draw({.user = user, .memory = memory, .time_ms = now}, rng, slate);
//
// A request is random traffic with probability `random_share`: a uniform draw without repetition.
// Otherwise each position in turn draws a source, then an item from that source, and repeats both
// while the item is already in the slate (or is the current item). With the mixture q_p(i) = sum
// over sources of w_p(source) q_source(i),
//   propensity(i at p | the slate above) = q_p(i) / (1 - sum of q_p over the items above),
// and 1 / (existing items - items above) in random traffic. The propensity is conditional on the
// kind of traffic, which the `source` column contains ("random" or another). The score of a source is
// q_source(i); random traffic has none. Immutable: any number of threads.
#ifndef UPNEXT_SIMULATOR_POLICY_H_
#define UPNEXT_SIMULATOR_POLICY_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "simulator/recommender.h"
#include "simulator/words.h"
#include "simulator/world.h"

namespace upnext::simulator {

// Replaces `slate` by a uniform draw of `count` of the items that exist in a popularity slice,
// without repetition and without `current_item`. `count` must be much smaller than their number.
void DrawRandomSlate(uint32_t existing, uint32_t current_item, size_t count, base::Rng& rng,
                     std::vector<ShownItem>& slate);

class LoggingPolicy : public Recommender {
 public:
  static constexpr size_t kMixed = 4;  // sources of the mixture: the first ones of Source
  using Shares = std::array<double, kMixed>;

  explicit LoggingPolicy(const World& world) : world_(world) {}
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override {
    Draw(request, rng, slate);
    return Ok();
  }
  Status Observe(const UserRows&) override { return Ok(); }
  // Replaces the contents of `slate`, with fewer items than requested while few exist.
  void Draw(const SlateRequest& request, base::Rng& rng, std::vector<ShownItem>& slate) const;

  // The values that are constant during a request. Exposed, with the two functions below, so that
  // tests can compare the draws with the probabilities.
  struct Guess {
    size_t slice = 0;
    std::array<double, kMaxTopics> topics{};  // the policy's estimate of the interests; sums to 1
    std::array<double, 2> language{};         // shares of the user's one or two languages
    double missing_topics = 0;                // probability that a topical draw finds nothing
    double missing_popular = 0;               // probability that a popular draw finds nothing
    std::vector<uint32_t> channels;           // the recent ones that have items
  };
  Guess MakeGuess(const SlateRequest& request) const;
  // Probability that one draw from each source gives `item`; 0 for a source that is not available.
  Shares Probabilities(const SlateRequest& request, const Guess& guess, uint32_t item) const;
  // Weights of the sources at a position; they sum to 1.
  Shares Mixture(const SlateRequest& request, const Guess& guess, uint32_t position) const;

 private:
  uint32_t DrawFrom(Source source, const SlateRequest& request, const Guess& guess,
                    base::Rng& rng) const;
  uint32_t DrawRelated(const SlateRequest& request, const Guess& guess, base::Rng& rng) const;
  double RelatedProbability(const SlateRequest& request, const Guess& guess, uint32_t item) const;
  // The existing items of a channel, oldest first.
  std::span<const uint32_t> ChannelItems(uint32_t channel, size_t slice) const;
  const World& world_;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_POLICY_H_
