// The ground truth of the impressions of a simulated log, found by what an event log says of them.
//
//   Truths truths(world.options().users);
//   UPNEXT_RETURN_IF_ERROR(rows.AddWindow(pool, progress, [&](const auto& u) { truths.Add(u); }));
//   truths.Sort();
//   UPNEXT_ASSIGN_OR_RETURN(const Truth* truth, truths.Find(user, time_ms, item));
//
// One thread at a time; after Sort any number may read.
#ifndef UPNEXT_STUDIES_TRUTHS_H_
#define UPNEXT_STUDIES_TRUTHS_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "simulator/recommender.h"
#include "simulator/world_options.h"

namespace upnext::studies {

// Of one impression.
struct Truth {
  int64_t time_ms;
  uint32_t item;
  bool random, clicked;
  simulator::Device device;
  uint16_t position;
  float examined, click;  // P(examined), P(click | examined)
  float watch_s;          // E(watched seconds | click)
  float satisfaction;     // after watching it
};

class Truths {
 public:
  explicit Truths(size_t users) : by_user_(users) {}
  // Rows that were simulated with UserSimulatorOptions::truth.
  void Add(const simulator::UserRows& rows);
  void Sort();
  // kInternal if the world has no such impression. The result is valid while this is unchanged.
  Result<const Truth*> Find(uint32_t user, int64_t time_ms, uint32_t item) const;
  // By user, after Sort in the order of (time, item).
  const std::vector<std::vector<Truth>>& by_user() const { return by_user_; }

 private:
  std::vector<std::vector<Truth>> by_user_;
};

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_TRUTHS_H_
