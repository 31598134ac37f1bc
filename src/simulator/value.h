// The value of a policy: the expected value of its slates, computed from the true probabilities of
// the shown items, and the observed value.
//
//   UserValues popular(world.options().users), random = popular;   // two sites with truth
//   const auto take = [&](const UserRows& rows) { popular.Add(rows); return Ok(); };
//   Estimate more = Difference(popular, random, &Value::watch_s);  // seconds per slate, and error
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
  // clicked), times the satisfaction. NaN when rows have no truth.
  double clicks = 0, watch_s = 0, satisfaction = 0;
  double seen_clicks = 0,
         seen_watch_s = 0;  // observed; only watches that followed a slate

  void Add(const LogRow& row);
  Value& operator+=(const Value& other);
};

// Sums per user, for standard errors: users are independent of each other, their slates are not.
class UserValues {
 public:
  explicit UserValues(uint32_t users) : users_(users) {}
  void Add(const UserRows& rows) {
    for (const LogRow& row : rows.rows) Add(row);
  }
  void Add(const LogRow& row) { users_[row.user].Add(row); }
  void Drop(uint32_t user) { users_[user] = {}; }
  std::span<const Value> users() const { return users_; }
  Value total() const;

 private:
  std::vector<Value> users_;
};

struct Estimate {
  double mean = 0, error = 0;  // standard error
};
// The mean per slate over all users; the error by the delta method.
Estimate PerSlate(const UserValues& values, double Value::* sum);
// The mean under `a` minus that under `b`. Valid for the same users on two sites (then the error is
// small, due to common random numbers) and for different users of one site.
Estimate Difference(const UserValues& a, const UserValues& b, double Value::* sum);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_VALUE_H_
