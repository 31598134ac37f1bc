// The input of generators, computed from the log by its definition, for their tests.
#ifndef UPNEXT_RETRIEVAL_TEST_SEQUENCES_H_
#define UPNEXT_RETRIEVAL_TEST_SEQUENCES_H_

#include <cstdint>
#include <vector>

#include "examples/test_world.h"
#include "schema/event.h"

namespace upnext::retrieval {

// Complete watches of the training part by user, computed by the definition.
inline std::vector<std::vector<examples::WatchExample>> TrainingSequences(
    const examples::World& world) {
  std::vector<std::vector<examples::WatchExample>> sequences(world.log.users());
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    for (uint64_t row = world.log.begin(user); row < world.log.end(user); ++row) {
      const schema::Event event = world.log.event(row);
      const bool watch =
          event.type == schema::EventType::kWatch || event.type == schema::EventType::kComplete;
      if (!watch || !world.rule.IsPositive(event, world.log.item(event.item))) continue;
      if (world.split.part(user, row) != examples::SplitPart::kTrain) continue;
      examples::WatchExample example{};
      example.item = event.item;
      example.time_ms = event.time_ms;
      sequences[user].push_back(example);
    }
  }
  return sequences;
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_SEQUENCES_H_
