// Simulates one user: sessions, slates requested from a recommender, clicks, watches, feedback.
// Used by log mode and live mode.
//
//   UserSimulator simulator(world, {});      // reusable; one per thread
//   UserMemory memory;
//   UserRows rows;                           // rows are appended in the order of time
//   simulator.RunDay(/*user=*/7, /*day=*/0, recommender, memory, rows);
//
// Common random numbers: every random number is addressed by a path (seed, stream, user, day,
// session, page, item, ...) instead of drawn in sequence. Sessions start at the same times under
// any recommender. Recommenders that show the same item at the same visit (the same page of a
// session, or the watch-next slate after the same clicks) get the same reaction: the same uniform
// numbers decide whether the item is examined, clicked, and how long it is watched. Two runs
// therefore differ only by the effects of their recommenders.
//
// Not thread-safe.
#ifndef UPNEXT_SIMULATOR_USER_LOG_H_
#define UPNEXT_SIMULATOR_USER_LOG_H_

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "schema/event.h"
#include "simulator/draws.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::simulator {

struct UserSimulatorOptions {
  uint64_t stream = 0;  // another stream gives other random reactions of the same users
  bool truth = false;   // fill examination, expected_watch_s and satisfaction of impressions
};

class UserSimulator {
 public:
  UserSimulator(const World& world, const UserSimulatorOptions& options)
      : world_(world), options_(options) {}

  // Appends to `out` the rows of the sessions that start on a day of the window (from 0). Days must
  // ascend for a memory. Times may pass the end of the day, but not of the window. Errors are those
  // of the recommender, or kInvalidArgument for an impossible slate; then `memory` and `out`
  // contain a part of a session.
  Status RunDay(uint32_t user, int day, Recommender& recommender, UserMemory& memory,
                UserRows& out) {
    return RunDays(user, day, day + 1, recommender, memory, out);
  }
  // The days of a range [from, to) of the window.
  Status RunDays(uint32_t user, int from, int to, Recommender& recommender, UserMemory& memory,
                 UserRows& out);
  // All days of the window.
  Status Run(uint32_t user, Recommender& recommender, UserRows& out) {
    UserMemory memory;
    return RunDays(user, 0, world_.options().days, recommender, memory, out);
  }

 private:
  struct Click {
    uint32_t item;
    Key key;  // of the item at the visit: for the reaction and all that follows
    uint32_t request = 0;
    uint16_t position = 0;
    Source source = Source::kNone;
    uint32_t current_item = kNoItem;
    Context context;
  };
  Status RunDay(int day);
  Status Session(Key session, int64_t start_ms, double local_hour);
  Status Home(Key session);
  Status Search(Key session);
  void OffSite(Key session);
  bool Continue(Key session);
  // Shows a slate and puts the clicked items into `clicks`.
  Status Slate(Key visit, uint32_t current_item, std::vector<Click>& clicks);
  Status CheckSlate(const SlateRequest& request) const;
  // The impression of a shown item, with its ground truth.
  LogRow Impression(const World::Visitor& visitor, const ShownItem& shown,
                    const Context& context) const;
  // Watches a clicked item, then items of its watch-next slates, at most `depth` further.
  Status WatchAndNext(const Click& click, int depth);
  void Watch(const Click& click, bool off_site);
  void Feedback(const Click& click);
  void Remember(uint32_t item, double watched_s);
  // Passes the rows since the last call to the recommender.
  Status Tell();
  Context ContextOf(uint32_t item) const;
  // Draws an item that the user looks for without a slate: by interest, then by the odds of a
  // click.
  uint32_t DrawWanted(double any_topic_share, base::Rng& rng) const;
  uint32_t ExistingItems() const;
  LogRow Row(schema::EventType type, uint32_t item) const;
  void Push(const LogRow& row);
  bool Over() const { return memory_->clock_ms >= world_.options().end_ms(); }

  const World& world_;
  const UserSimulatorOptions options_;
  std::vector<ShownItem> slate_;
  std::vector<LogRow> reactions_;

  // The current user.
  User user_;
  Key root_{0};
  Recommender* recommender_ = nullptr;
  UserMemory* memory_ = nullptr;
  UserRows* out_ = nullptr;
  UserRows untold_;  // rows not yet passed to the recommender; moved to out_ afterwards
  Device device_ = Device::kPhone;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_USER_LOG_H_
