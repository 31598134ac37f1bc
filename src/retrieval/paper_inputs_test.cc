// The effects of the inputs and the sampling of Covington 2016, on logs constructed to show them:
// the same model with and without, compared by average precision on each user's last watch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "examples/test_world.h"
#include "retrieval/test_judge.h"
#include "retrieval/training_watches.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using examples::kDay;
using examples::kHour;

// Every user searches for one topic and watches it half of the time, and any topic otherwise. The
// last search is for another topic; the last watch is of the user's topic.
constexpr uint32_t kTopics = 6;
std::string TopicOf(uint32_t user) { return fmt::format("topic{}", user % kTopics); }
std::string LastQueryOf(uint32_t user) { return fmt::format("topic{}", (user + 1) % kTopics); }

examples::WorldOptions SearchingUsers() {
  base::Rng rng(21);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 400; ++u) {
    const std::string user = fmt::format("u{:03}", u);
    for (int e = 0; e < 8; ++e) {
      const bool last = e == 7;
      const int64_t at = e * kDay + u * 1000;
      options.events.push_back(
          examples::Search(user, (last ? LastQueryOf(u) : TopicOf(u)) + " show", at));
      const bool own = last || rng.Below(2) == 0;
      const std::string topic = own ? TopicOf(u) : fmt::format("topic{}", rng.Below(kTopics));
      options.events.push_back(
          examples::Watch(user, fmt::format("{}-{}", topic, rng.Below(10)), at + kHour, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

TEST(PaperInputs, CG03_SearchesRaiseMapWhereTheyCarrySignal) {
  const examples::World world(SearchingUsers());
  const Judged with = TrainAndJudge(world, {}),
               without = TrainAndJudge(world, {.drop = {"searches"}});
  fmt::print("MAP {:.3f}, without searches {:.3f}\n", with.map(), without.map());
  EXPECT_GT(with.map(), 1.2 * without.map());
  EXPECT_GT(with.TopTenShare(TopicOf), 0.6);
}

// The search echo: the share of the top ten with the topic of the last search. Only one of a user's
// eight searches was for it, and the model does not know which one was last: it proposes fewer
// items of it than a model without searches. A list of the last search's results has 1.
TEST(PaperInputs, CG21_TheLastSearchIsNotEchoed) {
  const examples::World world(SearchingUsers());
  const Judged with = TrainAndJudge(world, {}),
               without = TrainAndJudge(world, {.drop = {"searches"}});
  const double echo_with = with.TopTenShare(LastQueryOf);
  const double echo_without = without.TopTenShare(LastQueryOf);
  fmt::print("search echo of the top ten {:.2f}, without searches {:.2f}\n", echo_with,
             echo_without);
  EXPECT_LT(echo_with, 0.125);  // its share of the searches
  EXPECT_LE(echo_with, echo_without);
}

// All users watch a series in order, from any start. A model trained to predict the next watch
// learns the direction; a model trained on a watch held out of the whole history also sees later
// episodes and learns only that both neighbours are close.
TEST(PaperInputs, CG19_NextWatchLabelsBeatHeldOutOnesOnAnAsymmetricSeries) {
  constexpr uint64_t kEpisodes = 40;
  base::Rng rng(24);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 300; ++u) {
    const uint64_t first = rng.Below(kEpisodes);
    for (uint64_t e = 0; e < 7; ++e) {
      options.events.push_back(examples::Watch(fmt::format("u{:03}", u),
                                               fmt::format("i{}", (first + e) % kEpisodes),
                                               static_cast<int64_t>(e) * kDay + u * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const examples::World world(options);
  const std::vector<uint32_t> windows = {1};  // the direction is in the last watch
  const Judged next = TrainAndJudge(world, {.recent_windows = windows});
  const Judged held_out = TrainAndJudge(
      world,
      {.labels = examples::CandidateStreamOptions::Labels::kHeldOut, .recent_windows = windows});
  fmt::print("MAP of the next day {:.3f}, with held-out labels {:.3f}\n", next.map(),
             held_out.map());
  EXPECT_GT(next.map(), 1.2 * held_out.map());
}

// Taste depends on age and gender; the users of the last day have no history.
TEST(PaperInputs, CG08_NewUsersAreServedBetterThanByPopularity) {
  base::Rng rng(22);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 400; ++u) {
    schema::RawUser raw;
    raw.user = fmt::format("u{:03}", u);
    raw.age = u % 2 == 0 ? 20.0f : 60.0f;
    raw.gender = static_cast<float>(u / 2 % 2);
    raw.logged_in = 1;
    options.users.push_back(raw);
    for (int e = 0; e < 6; ++e) {
      const int64_t day = u < 300 ? e : 8;  // of ten; the ninth day validates
      options.events.push_back(
          examples::Watch(raw.user, fmt::format("g{}-a{}-{}", raw.gender, raw.age, rng.Below(10)),
                          day * kDay + e * kHour, 60));
    }
  }
  options.events.push_back(examples::Watch("u000", "g0-a20-0", 7 * kDay + kHour, 60));
  options.split = {.kind = examples::SplitOptions::Kind::kTime};
  const examples::World world(options);
  const Judged model = TrainAndJudge(world, {});
  const Judged blind = TrainAndJudge(world, {.drop = {"age", "gender", "logged_in"}});
  const std::vector<ScoredItem> popular = RankByCount(CountWatches(world.source));
  const Judged popularity = Judge(world, [&](const examples::HoldoutCase&) {
    std::vector<uint32_t> list;
    for (const ScoredItem& one : popular) list.push_back(one.item);
    return list;
  });
  EXPECT_EQ(model.precision.size(), 100u);  // the new users only
  EXPECT_GT(model.map(), 1.5 * popularity.map());
  EXPECT_GT(model.map(), 1.5 * blind.map());
}

// Few users watch most: after item k they watch k - 1, all others k + 1. A linear tower cannot
// distinguish the users, so it has to predict one of the two.
TEST(PaperInputs, CG18_ACapOnExamplesRaisesTheMedianUsersPrecision) {
  constexpr uint64_t kItems = 20;
  base::Rng rng(23);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 220; ++u) {
    const bool heavy = u < 20;
    uint64_t item = rng.Below(kItems);
    for (int e = 0; e < (heavy ? 300 : 12); ++e) {
      options.events.push_back(examples::Watch(fmt::format("u{:03}", u), fmt::format("i{}", item),
                                               e * kHour + u * 1000, 60));
      item = (item + (heavy ? kItems - 1 : 1)) % kItems;
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const examples::World world(options);
  const auto precision = [&](uint32_t cap) {
    return TrainAndJudge(world, {.max_per_user = cap, .depth = 0, .recent_windows = {1}}).median();
  };
  const double capped = precision(10), all = precision(1000);
  fmt::print("average precision of the median user {:.3f}, without a cap {:.3f}\n", capped, all);
  EXPECT_GT(capped, 1.5 * all);
}

}  // namespace
}  // namespace upnext::retrieval
