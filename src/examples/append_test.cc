// Examples of a log that grew by appends are those of the log that one import of everything makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/section_file.h"
#include "examples/test_world.h"
#include "features/user_state.h"
#include "schema/raw_event.h"

namespace upnext::examples {
namespace {

constexpr int kUsers = 6, kItems = 20;

// Pages of three impressions, what came of them, and searches.
std::vector<schema::RawEvent> Days(base::Rng& rng, int begin, int end) {
  std::vector<schema::RawEvent> events;
  for (int page = begin; page < end; ++page) {
    const std::string user = fmt::format("u{}", rng.Below(kUsers));
    const std::string request = fmt::format("r{}", page);
    const int64_t at = page * kHour + static_cast<int64_t>(rng.Below(60)) * kMinute;
    for (int i = 0; i < 3; ++i) {
      const std::string item = fmt::format("i{}", rng.Below(kItems));
      events.push_back(Shown(user, item, at, request));
      if (rng.Below(2) == 0) events.push_back(Click(user, item, at + 1000, request));
      if (rng.Below(2) == 0) {
        events.push_back(Watch(user, item, at + 2000, static_cast<float>(rng.Below(100))));
      }
    }
    if (rng.Below(3) == 0) {
      events.push_back(Search(user, fmt::format("q{}", rng.Below(4)), at + kMinute));
    }
  }
  return events;
}

// Every example with the bytes of the state before it.
std::vector<std::string> Examples(const World& world) {
  std::vector<std::string> examples;
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    ReplayWatches(
        world.source, user,
        [&](const features::UserState& state, const WatchExample& watch) {
          examples.push_back(fmt::format("watch {} {} {} {} ", watch.row, watch.item, watch.time_ms,
                                         static_cast<int>(watch.part)) +
                             state.Serialize());
        },
        features::UserState::Parts::kAll);
    ReplayImpressions(world.source, user,
                      [&](const features::UserState& state, const ImpressionGroup& group) {
                        std::string text = fmt::format("page {} ", group.request);
                        for (const Impression& shown : group.impressions) {
                          text += fmt::format("{} {} {} {} ", shown.row, shown.item,
                                              shown.labels.happened, shown.labels.watch_s);
                        }
                        examples.push_back(text + state.Serialize());
                      });
  }
  return examples;
}

uint64_t DigestOf(const features::FeatureStatistics& tables) {
  const base::TestFolder folder;
  EXPECT_TRUE(tables.Save(folder / "tables"));
  return World::Value(base::SectionFile::Open(folder / "tables", features::kTablesKind,
                                              features::kTablesVersion))
      .digest();
}

TEST(Append, ExamplesAndTablesEqualThoseOfOneImport) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    base::Rng rng(seed);
    WorldOptions pieces;
    // Everybody and everything is named at first, so that ids are the same in both logs.
    for (int i = 0; i < kItems; ++i) pieces.items.push_back(Item(fmt::format("i{}", i), 100));
    for (int u = 0; u < kUsers; ++u) pieces.users.emplace_back().user = fmt::format("u{}", u);
    for (int q = 0; q < 4; ++q) pieces.events.push_back(Search("u0", fmt::format("q{}", q), q));
    const std::vector<schema::RawEvent> first = Days(rng, 0, 60);
    pieces.events.insert(pieces.events.end(), first.begin(), first.end());
    // The second piece begins before the first one ends, and repeats some of it.
    pieces.appended = {Days(rng, 45, 110), Days(rng, 100, 150)};
    pieces.appended[0].insert(pieces.appended[0].end(), first.end() - 40, first.end());

    WorldOptions whole = pieces;
    whole.appended.clear();
    for (const auto& piece : pieces.appended) {
      whole.events.insert(whole.events.end(), piece.begin(), piece.end());
    }
    const World grown(pieces), one(whole);
    ASSERT_EQ(grown.log.segments().size(), 3u);
    ASSERT_EQ(grown.log.digest(), one.log.digest());
    const std::vector<std::string> examples = Examples(grown);
    EXPECT_GT(examples.size(), 150u);
    EXPECT_EQ(examples, Examples(one)) << "seed " << seed;
    EXPECT_EQ(DigestOf(grown.Learn()), DigestOf(one.Learn())) << "seed " << seed;
  }
}

}  // namespace
}  // namespace upnext::examples
