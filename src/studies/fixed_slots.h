// A policy that never shows an item at two positions: the catalogue is divided by general appeal into
// as many classes as a slate has places, and the place of a class is always the same. In its log the
// position says the same as the item, so that no model can tell bias from relevance.
//
//   FixedSlots policy(world);
//   UPNEXT_RETURN_IF_ERROR(SimulateUsers(world, policy, {.truth = true}, pool, progress, take));
//
// Keeps a reference to the world. Any number of threads.
#ifndef UPNEXT_STUDIES_FIXED_SLOTS_H_
#define UPNEXT_STUDIES_FIXED_SLOTS_H_

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::studies {

class FixedSlots : public simulator::Recommender {
 public:
  explicit FixedSlots(const simulator::World& world);
  // One item of each class at random; ends at a class of which nothing exists yet.
  Status Recommend(const simulator::SlateRequest& request, base::Rng& rng,
                   std::vector<simulator::ShownItem>& slate) override;
  Status Observe(const simulator::UserRows&) override { return Ok(); }

 private:
  const simulator::World& world_;
  std::vector<std::vector<uint32_t>> classes_;  // by place: items, oldest first
};

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_FIXED_SLOTS_H_
