// The value of a policy: what its slates are truly worth, from the probabilities of the world over
// the slates shown and not from what happened to happen; and beside it what did happen.
//
//   UserValues popular(world.options().users), random = popular;     of two sites with {.truth =
//   true}
//   ... RunDay(..., [&](const UserRows& rows) { popular.Add(rows); return Ok(); });
//   Estimate more = Difference(popular, random, &Value::watch_s);    seconds a slate, and its error
//
// Plain values; one thread at a time.
#ifndef UPNEXT_SIMULATOR_VALUE_H_
#define UPNEXT_SIMULATOR_VALUE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "simulator/recommender.h"

namespace upnext::simulator {

// Sums over slates.
struct Value {
  double slates = 0;
  // Expected, of each impression: P(examined) P(click | examined), times E(watched seconds |
  // clicked), times the satisfaction. NaN where rows carry no truth.
  double clicks = 0, watch_s = 0, satisfaction = 0;
  double seen_clicks = 0,
         seen_watch_s = 0;  // what happened; watches are those that followed a slate

  void Add(const LogRow& row);
  Value& operator+=(const Value& other);
};

// Per user, so that a mean has an error: users are independent of each other, their slates are not.
class UserValues {
 public:
  explicit UserValues(uint32_t users) : users_(users) {}
  void Add(const UserRows& rows) {
    for (const LogRow& row : rows.rows) users_[row.user].Add(row);
  }
  std::span<const Value> users() const { return users_; }
  Value total() const;

 private:
  std::vector<Value> users_;
};

struct Estimate {
  double mean = 0, error = 0;  // standard error
};
// A sum per slate over all users; the error by the delta method.
Estimate PerSlate(const UserValues& values, double Value::* sum);
// How much more it is under `a` than under `b`. Right for the same users on two sites (and then
// small, for common random numbers) as for different users of one.
Estimate Difference(const UserValues& a, const UserValues& b, double Value::* sum);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_VALUE_H_
