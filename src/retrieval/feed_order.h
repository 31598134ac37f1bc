// Which candidates come first: a weighted combination of the lists of some generators, by their
// places (Cormack 2009: reciprocal rank fusion). It is the order of a feed without a ranker.
//
//   const FeedOrder order = {{{"candidate-model", 0.7}, {"co-watch", 0.3}}};
//   worth += order.WeightOf("co-watch") * WorthOfPlace(place);          for every list that has the item
//
// Training chooses it ([retrieval] order), a bundle's manifest keeps it, serving reads it. A value:
// any number of threads.
#ifndef UPNEXT_RETRIEVAL_FEED_ORDER_H_
#define UPNEXT_RETRIEVAL_FEED_ORDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"

namespace upnext::retrieval {

struct FeedOrder {
  struct Part {
    std::string generator;  // its name in the registry
    double weight = 1;      // above 0
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts = {};  // none: candidates stay in the order in which they were proposed

  double WeightOf(std::string_view generator) const;  // 0: not part of it
  std::string ToText() const;                         // "0.7 candidate-model + 0.3 co-watch"
  friend bool operator==(const FeedOrder&, const FeedOrder&) = default;
};

// What a generator is asked for at least when an order needs it.
inline constexpr uint32_t kOrderCandidates = 50;

// The worth of a place in a list, from 0.
inline double WorthOfPlace(size_t place) { return 1.0 / (60.0 + static_cast<double>(place)); }

// [retrieval] order: which of the orders below a training may choose from. kAuto by default.
enum class OrderRule : uint8_t { kModel, kItemKnn, kBlend, kAuto };
OrderRule OrderRuleFromConfig(const base::ConfigTable& retrieval);
// The first is the one to fall back to. kModel and kItemKnn have one; kBlend those of model and
// item-kNN with weights of 0.5, 0.7 and 0.3; kAuto all of these, "recent" alone and with each of the
// two.
std::vector<FeedOrder> OrdersOf(OrderRule rule);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_FEED_ORDER_H_
