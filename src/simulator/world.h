// A world with known truth: who the users are, what the items are, and what would happen if one
// were shown the other. Equations in docs/guides/simulator.md.
//
//   UPNEXT_ASSIGN_OR_RETURN(World world, World::Create(options));
//   User user = world.user(7);
//   Context context{.time_ms = now, .device = Device::kTv};
//   double p = world.ExaminationProbability(3, context.device) * world.ClickProbability(user, 42,
//   context);
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

// What the truth about a (user, item) depends on besides the two.
struct Context {
  int64_t time_ms = 0;
  Device device = Device::kPhone;
  uint32_t current_item = kNoItem;  // the item being watched, on a watch-next slate
  bool watched_before = false;      // the user has watched the item
  bool next_episode = false;        // the item continues a series at the place where the user is
  uint32_t position = 0;  // where it stands in the slate, from 1; 0: in none, or no matter
};

class World {
 public:
  // kInvalidArgument when the options do not Validate().
  static Result<World> Create(const WorldOptions& options);

  const WorldOptions& options() const { return options_; }
  const Catalogue& catalogue() const { return *catalogue_; }
  const Popularity& popularity() const { return *popularity_; }
  User user(uint32_t id) const { return MakeUser(options_, tastes_, id); }

  // What the truth about many items needs of a user at one time, made once. `user` must outlive it.
  struct Visitor {
    const User& user;
    std::array<double, kMaxTopics> affinity{};  // by topic: the root of the interest
  };
  Visitor VisitorAt(const User& user, int64_t time_ms) const;

  // P(the user looks at position p of a slate), p from 1. Independent of what is shown there.
  double ExaminationProbability(uint32_t position, Device device) const;
  // What standing at a position adds to the click logit: trust bias, 0 unless asked for.
  double Trust(uint32_t position) const;
  // P(click | examined). With trust bias it depends on the position; at position 0 there is none.
  double ClickProbability(const Visitor& visitor, uint32_t item, const Context& context) const;
  // E(watched seconds | clicked); the watch never exceeds the duration.
  double ExpectedWatchSeconds(const Visitor& visitor, uint32_t item, const Context& context) const;
  // One watch of the distribution whose mean that is, made of two uniform numbers: whether it is a
  // bounce, and how long. Whole milliseconds, in seconds; longer the greater `u_length`.
  double WatchSeconds(const Visitor& visitor, uint32_t item, const Context& context,
                      double u_bounce, double u_length) const;
  // How content the user is after watching the item, in (0, 1).
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

  // The parts of it: how far the item's topics are the user's (in [0, 1]), and how near its style
  // (z-value).
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
  // On the heap, so that a world can move while its parts refer to each other.
  std::unique_ptr<const Catalogue> catalogue_;
  std::unique_ptr<const Popularity> popularity_;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_WORLD_H_
