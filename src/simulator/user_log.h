// One user's life in the world: sessions, slates asked of a recommender, clicks, watches, feedback.
// Log mode and live mode are both made of it.
//
//   UserSimulator simulator(world, {});                  reusable; one per thread
//   UserMemory memory;
//   UserRows rows;
//   simulator.RunDay(/*user=*/7, /*day=*/0, recommender, memory, rows);   appends, in order of time
//
// Common random numbers: every random number belongs to a place, a path (seed, stream, user, day,
// session, page, item, ...), and not to a turn. Sessions begin at the same times whatever the
// recommender; and recommenders that show one item at the same visit (the same page of a session,
// or the watch-next slate after the same clicks) meet the same reaction to it: the same uniform
// numbers decide whether it is looked at, clicked, and how long it is watched. So what differs
// between two runs is what their recommenders did.
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
  uint64_t stream = 0;  // another one gives other luck to the same users in the same world
  bool truth = false;   // fill examination, expected_watch_s and satisfaction of impressions
};

class UserSimulator {
 public:
  UserSimulator(const World& world, const UserSimulatorOptions& options)
      : world_(world), options_(options) {}

  // The sessions that begin on a day of the window (from 0), days in ascending order for a memory.
  // Appends their rows to `out`; times may pass the end of the day, not of the window. Errors are
  // the recommender's own, or kInvalidArgument for a slate that no site could show; then `memory`
  // and `out` are in the midst of a session.
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
    Key key;  // of the item at the visit: its reaction, and what follows from it
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
  // Shows a slate and leaves in `clicks` what was clicked.
  Status Slate(Key visit, uint32_t current_item, std::vector<Click>& clicks);
  Status CheckSlate(const SlateRequest& request) const;
  // The impression of a shown item, with the truth about it.
  LogRow Impression(const World::Visitor& visitor, const ShownItem& shown,
                    const Context& context) const;
  // Watches a clicked item and what its watch-next slates lead to, at most `depth` items further.
  Status WatchAndNext(const Click& click, int depth);
  void Watch(const Click& click, bool off_site);
  void Feedback(const Click& click);
  void Remember(uint32_t item, double watched_s);
  // Tells the recommender what happened since it was last told.
  Status Tell();
  Context ContextOf(uint32_t item) const;
  // An item that the user would look for by themselves: by interest, then by the odds of a click.
  uint32_t DrawWanted(double any_topic_share, base::Rng& rng) const;
  uint32_t ExistingItems() const;
  LogRow Row(schema::EventType type, uint32_t item) const;
  void Push(const LogRow& row);
  bool Over() const { return memory_->clock_ms >= world_.options().end_ms(); }

  const World& world_;
  const UserSimulatorOptions options_;
  std::vector<ShownItem> slate_;
  std::vector<LogRow> reactions_;

  // The user at hand.
  User user_;
  Key root_{0};
  Recommender* recommender_ = nullptr;
  UserMemory* memory_ = nullptr;
  UserRows* out_ = nullptr;
  UserRows untold_;  // rows that the recommender has not been told of; they go to out_ then
  Device device_ = Device::kPhone;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_USER_LOG_H_
