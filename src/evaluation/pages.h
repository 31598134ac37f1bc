// Impressions that compete with each other for their places: a page is one request of a user. When
// most requests have a single impression, and so nothing to order, a page is all impressions of a
// user on one UTC day.
//
//   const Pages pages = MakePages(held_out);
//   for (const auto& [begin, end] : pages.pages) ... pages.order[begin] ... pages.order[end - 1]
//
// Pure functions. Used by this room and studies/.
#ifndef UPNEXT_EVALUATION_PAGES_H_
#define UPNEXT_EVALUATION_PAGES_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "evaluation/impressions.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

// Impressions by number, a page after the other, each in the order of the log: rows [begin, end) of
// `order`. The pages of a user follow each other.
struct Pages {
  std::vector<uint32_t> order;
  std::vector<std::pair<uint32_t, uint32_t>> pages;
  bool by_request = false;
};
Pages MakePages(const Impressions& impressions);

// Of each impression, the users among them numbered from 0.
struct UsersOfImpressions {
  std::vector<uint32_t> user;
  uint32_t users = 0;
};
UsersOfImpressions NumberUsers(const Impressions& impressions);

// What the weighted per-user loss (metrics.h) is made of, by impression.
struct WatchOutcomes {
  std::vector<float> watch_s;    // up to the cap of the objective that predicts them
  std::vector<uint8_t> clicked;  // or watched, where the part has no click
  bool any_click = false;
};
WatchOutcomes WatchOutcomesOf(const std::vector<ranking::Objective>& objectives,
                              const Impressions& impressions);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_PAGES_H_
