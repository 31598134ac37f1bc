// Which candidates come first: a weighted combination of the lists of some generators, by their
// places (Cormack 2009: reciprocal rank fusion). It is the order of a feed without a ranker.
//
//   const FeedOrder order = {{{"candidate-model", 0.7}, {"trending", 0.3, /*half_life_hours=*/4}}};
//   worth += order.WeightOf("co-watch") * WorthOfPlace(place);          for every list that has the item
//
// Training chooses it ([retrieval] order), a bundle's manifest keeps it, serving reads it. A value:
// any number of threads.
#ifndef UPNEXT_RETRIEVAL_FEED_ORDER_H_
#define UPNEXT_RETRIEVAL_FEED_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace upnext::retrieval {

struct FeedOrder {
  struct Part {
    std::string generator;  // its name in the registry
    double weight = 1;      // above 0
    // Of "trending": the age at which an event counts half, where the project file names none.
    double half_life_hours = 0;
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts = {};  // none: candidates stay in the order in which they were proposed

  double WeightOf(std::string_view generator) const;  // 0: not part of it
  double HalfLifeHours() const;                       // of its trending part, 0: it has none
  std::string ToText() const;                         // "0.7 candidate-model + 0.3 trending (4 h)"
  friend bool operator==(const FeedOrder&, const FeedOrder&) = default;
};

// What a generator is asked for at least when an order needs it.
inline constexpr uint32_t kOrderCandidates = 50;

// The worth of a place in a list, from 0.
inline double WorthOfPlace(size_t place) { return 1.0 / (60.0 + static_cast<double>(place)); }

// Half-lives of "trending" that a training chooses from: news of hours, and of a day.
inline constexpr double kTrendHalfLives[] = {4, 24};

// [retrieval] order: which of the orders below a training may choose from. kAuto by default.
enum class OrderRule : uint8_t { kModel, kItemKnn, kBlend, kTrending, kAuto };
OrderRule OrderRuleFromConfig(const base::ConfigTable& retrieval);
// The first is the one to fall back to. kModel and kItemKnn have one; kBlend those of model and
// item-kNN with weights of 0.5, 0.7 and 0.3; kTrending one for each of `half_lives`; kAuto all of
// these, "recent" alone and with each of the two, and each of the trending ones with the model
// (weights 0.5 and 0.3) and with item-kNN.
std::vector<FeedOrder> OrdersOf(OrderRule rule,
                                std::span<const double> half_lives = kTrendHalfLives);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_FEED_ORDER_H_
