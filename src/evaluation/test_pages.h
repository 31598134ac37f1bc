// Impressions made by hand, for tests of what is measured of pages.
//
//   HandMade pages;
//   pages.Add(/*user=*/0, /*request=*/1, {.watch_s = 30, .predictions = {12, 0.1f}});
#ifndef UPNEXT_EVALUATION_TEST_PAGES_H_
#define UPNEXT_EVALUATION_TEST_PAGES_H_

#include <cstdint>
#include <vector>

#include "evaluation/impressions.h"
#include "examples/replay.h"
#include "ranking/objectives.h"
#include "schema/event.h"

namespace upnext::evaluation {

struct HandMadeRow {
  float watch_s = 0, rating = schema::kAbsent;
  std::vector<schema::EventType> events = {};
  std::vector<float> predictions = {};
  uint16_t position = 0;
  uint32_t device = schema::kNone;
};

struct HandMade {
  Impressions impressions;
  void Add(uint32_t user, uint64_t request, const HandMadeRow& row) {
    examples::Impression impression{};
    impression.item = static_cast<uint32_t>(impressions.size());
    impression.position = row.position;
    impression.labels.watch_s = row.watch_s;
    impression.labels.rating = row.rating;
    for (const schema::EventType type : row.events) impression.labels.happened.Add(type);
    impressions.Add(user, request, row.device, impression, 60.0f);
    impressions.predictions.insert(impressions.predictions.end(), row.predictions.begin(),
                                   row.predictions.end());
  }
};

// Watch seconds, which order the feed.
inline ranking::Objective WatchedSeconds() {
  return {.name = "watch",
          .label = ranking::Objective::Label::kWatchSeconds,
          .loss = ranking::Objective::Loss::kWeightedLogistic,
          .score_weight = 1,
          .position_bias = true};
}
inline ranking::Objective Happening(const char* name, schema::EventType event) {
  return {.name = name, .event = event};
}

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_TEST_PAGES_H_
