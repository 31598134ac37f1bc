// One user's life in the world under the logging policy: sessions, slates, clicks, watches,
// feedback.
//
//   UserSimulator simulator(world, policy);              reusable; one per thread
//   UserRows rows;
//   simulator.Run(/*user=*/7, rows);                     appends, in the order of time
//
// A user's rows are a function of (world, user), whoever was simulated before: they use a random
// stream of their own. Not thread-safe. Memory: 4 bytes an item.
#ifndef UPNEXT_SIMULATOR_USER_LOG_H_
#define UPNEXT_SIMULATOR_USER_LOG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "events/schema.h"
#include "simulator/policy.h"
#include "simulator/world.h"

namespace upnext::simulator {

inline constexpr uint32_t kNoQuery = 0xffffffffu;

// One event before it becomes a row of the table. Absent: kNoItem, kNoQuery, NaN, 0, Source::kNone.
struct LogRow {
  int64_t time_ms = 0;
  uint32_t user = 0;
  uint32_t item = kNoItem;
  uint32_t seed = kNoItem;
  uint32_t query = kNoQuery;  // index into UserRows::queries
  uint32_t request = 0;       // from 1 within the user
  uint16_t position = 0;      // from 1
  events::EventType type = events::EventType::kImpression;
  Source source = Source::kNone;
  Device device = Device::kPhone;
  uint8_t region = 0;
  bool off_site = false;
  bool examined = false;  // truth, of impressions: not written to the log
  float value = events::kAbsent;
  double propensity = 0;         // 0: absent
  double click_probability = 0;  // truth, of impressions: P(click | examined)
};

struct UserRows {
  std::vector<LogRow> rows;
  std::vector<std::string> queries;
};

class UserSimulator {
 public:
  UserSimulator(const World& world, const LoggingPolicy& policy);
  void Run(uint32_t user, UserRows& out);

 private:
  struct Click {
    uint32_t item;
    uint32_t request;
    uint16_t position;
    Source source;
    uint32_t seed;
    Context context;
  };
  void Session(int64_t start_ms, double local_hour);
  void Home();
  void Search();
  void OffSite();
  bool Continue();
  // Shows a slate and returns what was clicked.
  std::vector<Click> Slate(uint32_t seed);
  // Watches a clicked item and what its watch-next slates lead to, at most `depth` items further.
  void WatchAndNext(Click click, int depth);
  double Watch(const Click& click, bool off_site);
  void Feedback(const Click& click);
  void Remember(uint32_t item, double watched_s);
  Context ContextOf(uint32_t item, uint32_t seed) const;
  // An item that the user would look for by themselves: by interest, then by the odds of a click.
  uint32_t DrawWanted(double any_topic_share);
  LogRow Row(events::EventType type, uint32_t item) const;
  void Push(const LogRow& row);
  bool Over() const { return clock_ms_ >= world_.options().end_ms(); }

  const World& world_;
  const LoggingPolicy& policy_;
  std::vector<uint32_t> watched_in_;  // [items] the last run in which the user watched it
  uint32_t run_ = 0;
  std::vector<ShownItem> slate_;

  // The state of the user at hand.
  User user_;
  base::Rng rng_;
  UserRows* out_ = nullptr;
  int64_t clock_ms_ = 0;
  Device device_ = Device::kPhone;
  uint32_t requests_ = 0;
  std::vector<uint32_t> expected_;         // next episodes of the series begun lately, latest last
  std::vector<uint32_t> recent_channels_;  // distinct, latest last
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_USER_LOG_H_
