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

#include <memory>
#include <vector>

#include "base/status.h"
#include "simulator/catalogue.h"
#include "simulator/popularity.h"
#include "simulator/population.h"
#include "simulator/world_options.h"

namespace upnext::simulator {

// What the truth about a (user, item) depends on besides the two.
struct Context {
  int64_t time_ms = 0;
  Device device = Device::kPhone;
  uint32_t seed = kNoItem;      // the item being watched, on a watch-next slate
  bool watched_before = false;  // the user has watched the item
  bool next_episode = false;    // the item continues a series at the place where the user is
};

class World {
 public:
  // kInvalidArgument when the options do not Validate().
  static Result<World> Create(const WorldOptions& options);

  const WorldOptions& options() const { return options_; }
  const Catalogue& catalogue() const { return *catalogue_; }
  const Popularity& popularity() const { return *popularity_; }
  User user(uint32_t id) const { return MakeUser(options_, id); }

  // P(the user looks at position p of a slate), p from 1. Independent of what is shown there.
  double ExaminationProbability(uint32_t position, Device device) const;
  // P(click | examined).
  double ClickProbability(const User& user, uint32_t item, const Context& context) const;
  // E(watched seconds | clicked); the watch never exceeds the duration.
  double ExpectedWatchSeconds(const User& user, uint32_t item, const Context& context) const;
  // One watch, drawn from the distribution whose mean that is; whole milliseconds, in seconds.
  double DrawWatchSeconds(const User& user, uint32_t item, const Context& context,
                          base::Rng& rng) const;
  // How content the user is after watching the item, in (0, 1).
  double Satisfaction(const User& user, uint32_t item, const Context& context) const;

  // The parts of it: how far the item's topics are the user's (in [0, 1]), and how near its style
  // (z-value).
  double TopicMatch(const User& user, const Item& item, int64_t time_ms) const;
  double StyleMatch(const User& user, const Item& item) const;

 private:
  struct Watch {
    double bounce, mean_s;  // probability of a bounce; mean of the uncut watch otherwise
  };
  double Engagement(const User& user, const Item& item, const Context& context) const;
  Watch WatchOf(const User& user, const Item& item, const Context& context) const;

  WorldOptions options_;
  std::vector<double> region_taste_;  // [regions, topics]
  // On the heap, so that a world can move while its parts refer to each other.
  std::unique_ptr<const Catalogue> catalogue_;
  std::unique_ptr<const Popularity> popularity_;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_WORLD_H_
