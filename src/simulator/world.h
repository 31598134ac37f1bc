// A world with known ground truth: the users, the items, and the probabilities of each user's
// reaction to each item. Equations in docs/guides/simulator.md.
//
//   UPNEXT_ASSIGN_OR_RETURN(World world, World::Create(options));
//   User user = world.user(7);
//   Context context{.time_ms = now, .device = Device::kTv};
//   double p = world.ExaminationProbability(3, context.device) *
//              world.ClickProbability(user, 42, context);
//
// Immutable after Create: any number of threads. Movable.
#ifndef UPNEXT_SIMULATOR_WORLD_H_
#define UPNEXT_SIMULATOR_WORLD_H_

#include <array>
#include <memory>

#include "base/status.h"
#include "simulator/catalogue.h"
#include "simulator/popularity.h"
#include "simulator/population.h"
#include "simulator/words.h"
#include "simulator/world_options.h"

namespace upnext::simulator {

// The variables other than user and item on which a probability depends.
struct Context {
  int64_t time_ms = 0;
  Device device = Device::kPhone;
  uint32_t current_item = kNoItem;  // the item being watched, on a watch-next slate
  bool watched_before = false;      // the user has watched the item
  bool next_episode = false;        // the item is the user's next episode of a series
  uint32_t position = 0;            // in the slate, from 1; 0: not in a slate, or ignored
};

class World {
 public:
  // kInvalidArgument when Validate() of the options fails.
  static Result<World> Create(const WorldOptions& options);

  const WorldOptions& options() const { return options_; }
  const Catalogue& catalogue() const { return *catalogue_; }
  const Popularity& popularity() const { return *popularity_; }
  User user(uint32_t id) const { return MakeUser(options_, tastes_, id); }

  // Values of a user at one time, shared by the probabilities of many items. `user` must outlive
  // it.
  struct Visitor {
    const User& user;
    std::array<double, kMaxTopics> affinity{};  // by topic: square root of the interest
  };
  Visitor VisitorAt(const User& user, int64_t time_ms) const;

  // P(the user examines position p of a slate), p from 1. Does not depend on the shown item.
  double ExaminationProbability(uint32_t position, Device device) const;
  // The addition to the click logit at a position: trust bias, 0 by default.
  double Trust(uint32_t position) const;
  // P(click | examined). With trust bias it depends on the position; position 0 has none.
  double ClickProbability(const Visitor& visitor, uint32_t item, const Context& context) const;
  // E(watched seconds | clicked); a watch is never longer than the item.
  double ExpectedWatchSeconds(const Visitor& visitor, uint32_t item, const Context& context) const;
  // One watch drawn from the distribution with that mean, by two uniform numbers: whether it is a
  // bounce, and how long it is. In seconds, rounded to milliseconds; increases with `u_length`.
  double WatchSeconds(const Visitor& visitor, uint32_t item, const Context& context,
                      double u_bounce, double u_length) const;
  // The user's satisfaction after watching the item, in (0, 1).
  double Satisfaction(const Visitor& visitor, uint32_t item, const Context& context) const;

  // The same for one item, at the time of the context.
  double ClickProbability(const User& user, uint32_t item, const Context& context) const {
    return ClickProbability(VisitorAt(user, context.time_ms), item, context);
  }
  double ExpectedWatchSeconds(const User& user, uint32_t item, const Context& context) const {
    return ExpectedWatchSeconds(VisitorAt(user, context.time_ms), item, context);
  }
  double WatchSeconds(const User& user, uint32_t item, const Context& context, double u_bounce,
                      double u_length) const {
    return WatchSeconds(VisitorAt(user, context.time_ms), item, context, u_bounce, u_length);
  }
  double Satisfaction(const User& user, uint32_t item, const Context& context) const {
    return Satisfaction(VisitorAt(user, context.time_ms), item, context);
  }

  // Parts of it: the match of the item's topics with the user's interests, in [0, 1], and the
  // similarity of its style (z-value).
  double TopicMatch(const Visitor& visitor, const Item& item) const;
  double TopicMatch(const User& user, const Item& item, int64_t time_ms) const {
    return TopicMatch(VisitorAt(user, time_ms), item);
  }
  double StyleMatch(const User& user, const Item& item) const;

 private:
  struct Watch {
    double bounce, mean_s;  // probability of a bounce; mean of the uncut watch otherwise
  };
  double Engagement(const Visitor& visitor, const Item& item, const Context& context) const;
  Watch WatchOf(const Visitor& visitor, const Item& item, const Context& context) const;

  WorldOptions options_;
  TopicTastes tastes_;
  // On the heap, so that a world can be moved while its parts refer to each other.
  std::unique_ptr<const Catalogue> catalogue_;
  std::unique_ptr<const Popularity> popularity_;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_WORLD_H_
