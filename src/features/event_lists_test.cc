// What lists say of the same events: items, types, watched shares and categories side by side.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "base/section_file.h"
#include "base/test_folder.h"
#include "features/feature_extractor.h"
#include "features/model_shape.h"
#include "features/state_keys.h"
#include "features/test_log.h"
#include "features/test_tables.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using schema::EventType;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint32_t kNewest = 30;

// Of the candidate model, without the default features: items, types, shares and channels.
FeatureSpec ListsOf(const std::string& events) {
  FeatureSpec spec{.defaults = false};
  for (const char* said : {"item", "type", "share", "item.channel"}) {
    spec.retrieval.push_back({said, fmt::format("history({}, {}, {})", events, said, kNewest), ""});
  }
  return spec;
}
std::vector<std::vector<uint32_t>> Lists(const FeatureExtractor& extractor,
                                         const UserState& state) {
  FeatureBlock block;
  extractor.AppendQuery(state, schema::kNone, {}, &block);
  std::vector<std::vector<uint32_t>> lists;
  for (const Bags& bags : block.categorical) lists.push_back(bags.ids);
  return lists;
}
std::vector<uint32_t> Numbers(std::initializer_list<EventType> types) {
  std::vector<uint32_t> numbers;
  for (const EventType type : types) numbers.push_back(static_cast<uint32_t>(type));
  return numbers;
}

PositiveRule RuleOfWeights() {
  PositiveRule rule = PositiveRule::Empty(0.01, 1);  // every watch counts
  rule.SetInterest(EventType::kClick, 1);
  rule.SetInterest(EventType::kWatch, 1);
  rule.SetInterest(EventType::kAddToCart, 2);
  return rule;
}

TEST(EventLists, TypesAndSharesAreThoseOfTheEvents) {
  const TestLog log(
      {Of(EventType::kImpression, "u", "a", Minutes(1)), Watch("u", "a", Minutes(2), 80),
       Search("u", "red", Minutes(3)), Watch("u", "b", Minutes(4), 9),
       Of(EventType::kClick, "u", "b", Minutes(5)), Watch("u", "c", Minutes(6), 10),
       Watch("u", "a", Minutes(7), 500), Watch("u", "a", Minutes(8), 0)},
      {ItemOf("a", 100, "c1", {}), ItemOf("b", 100, "", {}),
       ItemOf("c", schema::kAbsent, "c2", {})},
      {});
  const FeatureStatistics tables = LearnTables(log, ListsOf("any"));
  const FeatureExtractor extractor(tables, log.catalogue(), Model::kRetrieval);
  const auto lists = Lists(extractor, Fold(log, "u", tables.plan.state()));
  using enum EventType;
  EXPECT_EQ(lists[1], Numbers({kImpression, kWatch, kWatch, kClick, kWatch, kWatch, kWatch}))
      << "a search has no item";
  EXPECT_THAT(lists[2], ElementsAre(0, 9, 1, 0, 0, kShareRows - 1, 1))
      << "without a value or a duration nothing is known";
  const Vocabulary& channels = tables.vocabulary("channel");
  const uint32_t c1 = channels.Row(log.Id(schema::IdSpace::kChannel, "c1")),
                 c2 = channels.Row(log.Id(schema::IdSpace::kChannel, "c2"));
  EXPECT_THAT(lists[3], ElementsAre(c1, c1, 0, 0, c2, c1, c1)) << "b has none, and a place";
}

TEST(EventLists, ListsOfTheSameEventsAreAlignedAtEveryMoment) {
  const auto [events, items] = RandomHistory(300, 20, 7);
  const TestLog log(events, items, {});
  for (const char* of : {"any", "interest", "positive or click", "watch or like unless dislike"}) {
    const FeatureStatistics tables = LearnTables(log, ListsOf(of));
    const FeatureExtractor extractor(tables, log.catalogue(), Model::kRetrieval);
    for (const PositiveRule& rule : {PositiveRule(), RuleOfWeights()}) {
      UserState state(tables.plan.state());
      for (const schema::Event& event : log.Events("u")) {
        state.Apply(event, log.catalogue(), rule);
        const auto lists = Lists(extractor, state);
        for (const auto& list : lists) ASSERT_EQ(list.size(), lists[0].size()) << of;
        for (size_t i = 0; i < lists[0].size(); ++i) {
          const uint32_t item = tables.vocabulary(kItemVocabulary).Id(lists[0][i]);
          EXPECT_EQ(lists[3][i],
                    tables.vocabulary("channel").Row(log.catalogue().item(item).channel));
        }
        // The newest is this event, where no other decides.
        if (std::string_view(of) != "any" || event.item == schema::kNone) continue;
        EXPECT_EQ(lists[1].back(), static_cast<uint32_t>(event.type));
        EXPECT_EQ(lists[2].back(), ShareRow(ShareOfDuration(event, log.catalogue())));
      }
    }
  }
}

// An item is in a weighted history once: its heaviest event says the type, and it was watched as far as
// it ever was.
TEST(EventLists, AnItemThatComesBackKeepsTheTypeOfItsHeaviestEventAndItsLargestShare) {
  using enum EventType;
  const TestLog log({Watch("u", "a", Minutes(1), 55), Of(kAddToCart, "u", "a", Minutes(2)),
                     Of(kAddToCart, "u", "b", Minutes(3)), Of(kClick, "u", "a", Minutes(4)),
                     Watch("u", "b", Minutes(5), 20), Of(kClick, "u", "c", Minutes(6)),
                     Watch("u", "c", Minutes(7), 10)},
                    {ItemOf("a", 100, "", {}), ItemOf("b", 100, "", {}), ItemOf("c", 100, "", {})},
                    {});
  const FeatureStatistics tables = LearnTables(log, ListsOf("interest"));
  UserState state(tables.plan.state());
  for (const schema::Event& event : log.Events("u")) {
    state.Apply(event, log.catalogue(), RuleOfWeights());
  }
  const auto lists = Lists(FeatureExtractor(tables, log.catalogue(), Model::kRetrieval), state);
  const Vocabulary& rows = tables.vocabulary(kItemVocabulary);
  EXPECT_THAT(lists[0], ElementsAre(rows.Row(log.item("a")), rows.Row(log.item("b")),
                                    rows.Row(log.item("c"))));
  EXPECT_EQ(lists[1], Numbers({kAddToCart, kAddToCart, kWatch}));
  EXPECT_THAT(lists[2], ElementsAre(6, 3, 2));
}

TEST(EventLists, AModelSeesWhichListsSpeakOfTheSameEvents) {
  FeatureSpec spec{.defaults = false};
  spec.retrieval = {{"items", "history(interest, item, 50)", ""},
                    {"again", "history(interest, item, 50, 7)", ""},
                    {"types", "history(interest, type, 50)", ""},
                    {"channels", "history(interest, item.channel, 50)", ""},
                    {"topics", "history(interest, item.topics, 50)", ""},
                    {"short", "history(interest, share, 20)", ""},
                    {"unordered", "sorted(history(interest, type, 50))", ""},
                    {"liked", "history(like, item, 50)", ""},
                    {"liked_share", "history(like, share, 50)", ""},
                    {"clicked", "history(click, item, 50)", ""}};
  const TestLog log({Watch("u", "a", Minutes(1), 55)}, {}, {});
  ModelShape shape = ShapeOf(LearnTables(log, spec), Model::kRetrieval);
  std::vector<uint32_t> events;
  for (const ModelShape::Slot& slot : shape.query.slots) events.push_back(slot.events);
  EXPECT_THAT(events, ElementsAre(1, 0, 1, 1, 0, 0, 0, 2, 2, 0));
  spec.drop = {"types", "liked_share"};
  events.clear();
  for (const ModelShape::Slot& slot :
       ShapeOf(LearnTables(log, spec), Model::kRetrieval).query.slots) {
    events.push_back(slot.events);
  }
  EXPECT_THAT(events, ElementsAre(1, 0, 0, 1, 0, 0, 0, 0, 0, 0)) << "dropped lists say nothing";

  const base::TestFolder folder;
  auto writer = base::SectionWriter::Create(folder / "shape", "test", 1);
  ASSERT_TRUE(writer && shape.Save(*writer) && writer->Commit());
  const auto file = base::SectionFile::Open(folder / "shape", "test", 1);
  ASSERT_TRUE(file);
  const Result<ModelShape> loaded = ModelShape::Load(*file);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, shape);
}

TEST(EventLists, TypeAndShareAreNamesInHistoriesOnly) {
  const auto mistake = [](const std::string& from) {
    const FeatureSpec spec{.retrieval = {{"x", from, ""}}};
    const auto plan = FeaturePlan::Compile(spec, {});
    return plan ? std::string("none") : plan.error().message;
  };
  EXPECT_EQ(mistake("last(watch, share)"), "none");
  EXPECT_THAT(mistake("type"), HasSubstr("only in history(EVENTS, type, N)"));
  EXPECT_THAT(mistake("match(share, item.channel)"),
              HasSubstr("only in history(EVENTS, share, N)"));
  EXPECT_THAT(mistake("history(watch, shares, 5)"), HasSubstr("did you mean"));
}

TEST(EventLists, AStoredStateThatNoEventsMakeIsRefused) {
  const TestLog log({Watch("u", "a", Minutes(1), 30)}, {ItemOf("a", 100, "", {})}, {});
  const FeatureStatistics tables = LearnTables(log, ListsOf("watch"));
  const std::string bytes = Fold(log, "u", tables.plan.state()).Serialize();
  const std::string said = {static_cast<char>(EventType::kWatch), 4};
  const size_t at = bytes.find(said);
  ASSERT_NE(at, std::string::npos);
  const auto parses = [&](uint8_t type, uint8_t share) {
    std::string body = bytes.substr(0, bytes.size() - 8);
    body[at] = static_cast<char>(type);
    body[at + 1] = static_cast<char>(share);
    const uint64_t checksum = base::Checksum(std::as_bytes(std::span(body)));
    for (int i = 0; i < 8; ++i) body.push_back(static_cast<char>(checksum >> (8 * i)));
    return UserState::Parse(body, tables.plan.state()).has_value();
  };
  EXPECT_TRUE(parses(200, 0)) << "a site may declare more types";
  EXPECT_TRUE(parses(1, kShareRows - 1));
  EXPECT_FALSE(parses(0, 4));
  EXPECT_FALSE(parses(1, kShareRows));
}

}  // namespace
}  // namespace upnext::features
