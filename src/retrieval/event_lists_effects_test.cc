// What is said of each event in attention, on logs in which it decides what comes next: the same model
// without it cannot know.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/rng.h"
#include "examples/test_world.h"
#include "retrieval/test_judge.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using examples::kHour;
using schema::EventType;

// Two keys in any order, of which one is watched to its end, the other is liked or left at once: then the
// answer to the one that is `followed`. As a pair, the two are the same whichever it is.
examples::WorldOptions TwoKeysAndAnAnswer(EventType other, EventType followed) {
  constexpr uint64_t kKeys = 5;
  base::Rng rng(61);
  examples::WorldOptions options;
  for (uint64_t key = 0; key < kKeys; ++key) {
    schema::RawItem item;
    item.item = fmt::format("key{}", key);
    item.duration_s = 60;
    options.items.push_back(item);
  }
  for (uint32_t u = 0; u < 300; ++u) {
    int64_t at = u * 1000;
    for (int round = 0; round < 6; ++round) {
      const uint64_t watched = rng.Below(kKeys);
      const uint64_t met = (watched + 1 + rng.Below(kKeys - 1)) % kKeys;
      const int64_t first = rng.Below(2) == 0 ? 1 : 2;
      const auto event = [&](uint64_t key, int64_t hour, EventType type, float value) {
        options.events.push_back(examples::Raw(fmt::format("u{}", u), fmt::format("key{}", key),
                                               at + hour * kHour, type, value));
      };
      event(watched, first, EventType::kWatch, 60);
      event(met, 3 - first, other, other == EventType::kWatch ? 5 : schema::kAbsent);
      const uint64_t answer = followed == EventType::kWatch ? watched : met;
      options.events.push_back(examples::Watch(
          fmt::format("u{}", u), fmt::format("answer{}", answer), at += 3 * kHour, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

Judged TrainOn(const examples::World& world, const std::string& said) {
  Setting setting{.depth = 0,
                  .tie_items = true,
                  .encoder = "attention",
                  .watches = "history(watch or like, item, 2)"};
  if (!said.empty()) {
    setting.more = {{"said", fmt::format("history(watch or like, {}, 2)", said), ""}};
  }
  return TrainAndJudge(world, setting);
}

void ExpectKnownBy(const examples::World& world, const std::string& said) {
  const Judged without = TrainOn(world, ""), with = TrainOn(world, said);
  // Of two answers that are equally likely the first is right for half of the users: precision 3 / 4.
  // The deviation of one user's is 1 / 4.
  const double error = 0.25 / std::sqrt(static_cast<double>(without.precision.size()));
  EXPECT_LT(without.map(), 0.75 + 4 * error);
  EXPECT_GT(with.map(), 0.95);
}

TEST(EventListsEffect, AttentionFollowsWhatWasLiked) {
  ExpectKnownBy(examples::World(TwoKeysAndAnAnswer(EventType::kLike, EventType::kLike)), "type");
}

TEST(EventListsEffect, AttentionFollowsWhatWasWatchedToItsEnd) {
  ExpectKnownBy(examples::World(TwoKeysAndAnAnswer(EventType::kWatch, EventType::kWatch)), "share");
}

}  // namespace
}  // namespace upnext::retrieval
