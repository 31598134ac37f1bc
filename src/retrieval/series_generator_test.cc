#include "retrieval/series_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/raw_event.h"
#include "schema/schema.h"

namespace upnext::retrieval {
namespace {

using examples::kHour;
using examples::World;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Follows(const LearnedGenerator& series, const features::UserState& state,
                                 const ItemFilter& filter = {},
                                 const features::Context& context = {}) {
  std::vector<std::string> names;
  for (const auto& [name, score] : series.Propose(state, 10, filter, context)) {
    EXPECT_EQ(score, -static_cast<float>(names.size()));
    names.push_back(name);
  }
  return names;
}

// Three episodes each of two shows, named in another order than theirs, and a film.
World Shows(const std::string& episode = "number") {
  examples::WorldOptions options;
  options.schema = schema::Schema::Parse(
                       "schema.items.series = 'category'\nschema.items.episode = '" + episode + "'")
                       .value();
  const auto item = [&](const std::string& name, const std::string& show, const char* number) {
    schema::RawItem one{.item = name};
    const auto set = [&](const char* attribute, const std::string& value) {
      one.attributes.emplace_back(*options.schema.FindAttribute(schema::Entity::kItem, attribute),
                                  value);
    };
    if (!show.empty()) set("series", show);
    if (*number != 0) set("episode", number);
    options.items.push_back(one);
    options.events.push_back(examples::Watch("v", name, 1, 99));
  };
  item("a3", "alps", "3");
  item("a1", "alps", "1");
  item("b1", "birds", "1");
  item("a2", "alps", "2");
  item("b2", "birds", "2");
  item("b-trailer", "birds", "");
  item("film", "", "1");
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  return World(options);
}

TEST(SeriesGenerator, ContinuesEachSeriesInTheDeclaredOrderTheNewestFirst) {
  for (const char* episode : {"number", "time"}) {
    const World world = Shows(episode);
    const LearnedGenerator series(world, "series");
    EXPECT_THAT(Follows(series, StateAfter(world, {"a1", "b1"})), ElementsAre("b2", "a2"));
    EXPECT_THAT(Follows(series, StateAfter(world, {"a3", "b2", "film", "b-trailer"})), IsEmpty());
    EXPECT_THAT(Follows(series, {}, {}, {.current_item = world.item("a2")}), ElementsAre("a3"));
    const features::UserState state = StateAfter(world, {"a1"});
    const Candidate next = series.Candidates(state, 1).front();
    EXPECT_EQ(next.from, world.item("a1"));
    EXPECT_EQ(series.Reason(state, next), "next after a1");
  }
}

TEST(SeriesGenerator, PassesWhatMayNotBeShownAndProposesEachItemOnce) {
  const World world = Shows();
  const LearnedGenerator series(world, "series");
  const features::UserState state = StateAfter(world, {"a1", "a2"});
  auto not_seen = [&](uint32_t item) { return !state.HasWatched(item); };
  EXPECT_THAT(Follows(series, state, ItemFilter(not_seen)), ElementsAre("a3"));
  EXPECT_THAT(Follows(series, StateAfter(world, {"a2", "a1"}), ItemFilter(not_seen)),
              ElementsAre("a3"));
}

// Six of seven go from rye to oat and one to pie; after pie, three go to oat and two to rye.
TEST(SeriesGenerator, WithoutDeclaredEpisodesWhatMostWatchNextFollows) {
  examples::WorldOptions options;
  int users = 0;
  const auto watch = [&](const std::string& first, const std::string& second, int times) {
    for (; times > 0; --times) {
      const std::string user = fmt::format("u{}", users++);
      options.events.push_back(examples::Watch(user, first, kHour, 99));
      options.events.push_back(examples::Watch(user, second, 2 * kHour, 99));
    }
  };
  watch("rye", "oat", 6);
  watch("rye", "pie", 1);
  watch("pie", "oat", 3);   // more than half, but fewer than five
  watch("cake", "rye", 6);  // more than five, but less than half
  watch("cake", "oat", 5);
  watch("cake", "pie", 5);
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  const World world(options);
  const LearnedGenerator series(world, "series");
  EXPECT_THAT(Follows(series, StateAfter(world, {"rye"})), ElementsAre("oat"));
  EXPECT_THAT(Follows(series, StateAfter(world, {"pie"})), IsEmpty());
  EXPECT_THAT(Follows(series, StateAfter(world, {"cake"})), IsEmpty());
}

}  // namespace
}  // namespace upnext::retrieval
