// The interface of a policy: it chooses the slates of the simulated site and observes the outcome.
//
//   class Newest : public Recommender {
//     Status Recommend(const SlateRequest& request, base::Rng& rng,
//                      std::vector<ShownItem>& slate) override { ... }
//     Status Observe(const UserRows& rows) override { return Ok(); }
//   };
//   UPNEXT_RETURN_IF_ERROR(site.RunDay(day, pool, [&](uint32_t user) { return &newest; }, take));
//
// Implementations: policy.h (the logging policy), policies.h (popularity, random traffic, an
// oracle).
#ifndef UPNEXT_SIMULATOR_RECOMMENDER_H_
#define UPNEXT_SIMULATOR_RECOMMENDER_H_

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "schema/event.h"
#include "simulator/world.h"

namespace upnext::simulator {

// Numbers index kSourceNames, the `source` column. kSearch, kChannel and kNone are not used by
// recommenders: they describe how a watch started. Those after kOracle are generators of the engine.
enum class Source : uint8_t {
  kPopular = 0,     // by popularity, mostly in the user's language
  kTopical = 1,     // by a noisy, outdated estimate of the user's interests
  kSubscribed = 2,  // the latest items of recently watched channels
  kRelated = 3,     // next episode, same channel or same topic as the current item
  kRandom = 4,      // uniform over what exists
  kSearch = 5,
  kChannel = 6,  // opened from the channel's page
  kNone = 7,
  kEngine = 8,  // a recommender outside the simulator
  kOracle = 9,  // by the ground truth
};
inline constexpr std::array<std::string_view, 22> kSourceNames = {
    "popular",         "topical",  "subscribed", "related",     "random",          "search",
    "channel",         "",         "engine",     "oracle",      "candidate-model", "next",
    "bought-together", "co-watch", "recent",     "trending",    "topic",           "new-items",
    "similar-content", "series",   "continue",   "same-channel"};

// The state of a user that is kept between days. It is empty for users who never visited.
struct UserMemory {
  int64_t clock_ms = 0;                 // when the last session ended
  uint32_t requests = 0;                // number of requests
  std::vector<uint32_t> expected = {};  // next episodes of recently started series, latest last
  std::vector<uint32_t> channels = {};  // of recently watched items; distinct, latest last
  boost::unordered_flat_set<uint32_t> watched = {};
};

// One request for a slate. Valid during the call.
struct SlateRequest {
  // A site knows the user's id, region, languages and login (with it age and gender), and from the
  // memory the watched items. The rest is ground truth, for policies that are meant to use it.
  const User& user;
  const UserMemory& memory;
  int64_t time_ms = 0;
  Device device = Device::kPhone;
  uint32_t size = 10;  // items wanted
  uint32_t current_item =
      kNoItem;          // the item just watched, on a watch-next slate; must not be in the slate
  uint32_t number = 0;  // LogRow::request of this slate: from 1 within the user

  // The context of the probabilities of an item, without its position.
  Context ContextOf(uint32_t item) const {
    return {.time_ms = time_ms,
            .device = device,
            .current_item = current_item,
            .watched_before = memory.watched.contains(item),
            .next_episode = std::ranges::find(memory.expected, item) != memory.expected.end()};
  }
};

struct ShownItem {
  uint32_t item;
  Source source;
  double propensity;                     // in (0, 1], given the items above; 0: unknown
  float source_score = schema::kAbsent;  // that `source` gave it
};
// What a recommender outside the simulator shows. A name that is not of kSourceNames is kEngine
// without a score: its generators score in units of their own.
inline ShownItem ShownBy(std::string_view source, uint32_t item, double propensity, float score) {
  const auto found = std::ranges::find(kSourceNames, source);
  if (source.empty() || found == kSourceNames.end()) return {item, Source::kEngine, propensity};
  return {item, static_cast<Source>(found - kSourceNames.begin()), propensity, score};
}

inline constexpr uint32_t kNoQuery = 0xffffffffu;

// One event before it is written to the table. Absent: kNoItem, kNoQuery, NaN, 0, Source::kNone.
struct LogRow {
  int64_t time_ms = 0;
  uint32_t user = 0;
  uint32_t item = kNoItem;
  uint32_t current_item = kNoItem;
  uint32_t query = kNoQuery;  // index into UserRows::queries
  uint32_t request = 0;       // from 1 within the user
  uint16_t position = 0;      // from 1
  schema::EventType type = schema::EventType::kImpression;
  Source source = Source::kNone;
  Device device = Device::kPhone;
  uint8_t region = 0;
  bool off_site = false;
  bool examined = false;  // truth, of impressions: not written to the log
  float value = schema::kAbsent;
  double propensity = 0;                 // 0: absent
  float source_score = schema::kAbsent;  // of impressions
  double click_probability = 0;          // truth, of impressions: P(click | examined)
  // Further ground truth of impressions, filled when UserSimulatorOptions::truth is set.
  float examination = schema::kAbsent;       // P(examined)
  float expected_watch_s = schema::kAbsent;  // E(watched seconds | clicked)
  float satisfaction = schema::kAbsent;      // after watching it, in (0, 1)
};

struct UserRows {
  std::vector<LogRow> rows;
  std::vector<std::string> queries;
  void clear() { rows.clear(), queries.clear(); }
};

// Called from many threads at once for different users. Calls for one user never overlap.
class Recommender {
 public:
  virtual ~Recommender() = default;
  // Replaces `slate` by at most request.size distinct items that exist at request.time_ms, best
  // first. `rng` is the request's own stream and does not depend on the recommender.
  virtual Status Recommend(const SlateRequest& request, base::Rng& rng,
                           std::vector<ShownItem>& slate) = 0;
  // The events of a user since the last call, impressions included, in the order of time. Called
  // before the user's next Recommend, and at the end of each session.
  virtual Status Observe(const UserRows& rows) = 0;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_RECOMMENDER_H_
