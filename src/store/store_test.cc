#include "store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "base/test_folder.h"
#include "store/event_codec.h"
#include "store/rocks_db.h"
#include "store/stored_events.h"

namespace upnext::store {
namespace {

using schema::EventType;
using schema::IdSpace;
using schema::RawEvent;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

RawEvent Watch(const std::string& user, const std::string& item, int64_t time_ms) {
  RawEvent event;
  event.user = user;
  event.item = item;
  event.time_ms = time_ms;
  event.type = EventType::kWatch;
  event.value = 12.5f;
  event.device = "phone";
  return event;
}

std::vector<std::string> ItemsOf(const Store& store, std::string_view user, uint64_t after = 0) {
  std::vector<std::string> items;
  EXPECT_TRUE(store.EventsOf(user, after, [&](uint64_t, const RawEvent& e) {
    items.push_back(e.item);
    return Ok();
  }));
  return items;
}

// The number of the first event.
Result<uint64_t> Post(Store& store, const std::vector<RawEvent>& events) {
  WriteBatch batch;
  for (const RawEvent& event : events) batch.events.push_back({&event, ""});
  UPNEXT_ASSIGN_OR_RETURN(const Committed done, store.Commit(batch));
  return done.first;
}

// A log with two items, one query and nothing else.
const Numbering kNumbering{.log = 7, .first = {0, 2, 1, 0, 0, 0, 0, 0, 0}};

std::vector<uint32_t> Intern(Store& store, IdSpace space,
                             const std::vector<std::string_view>& names,
                             const Numbering& numbering = kNumbering) {
  const auto ids = store.Intern(numbering, space, names);
  EXPECT_TRUE(ids) << ids.error().message;
  return ids ? *ids : std::vector<uint32_t>{};
}

std::map<std::string, uint32_t> NamesOf(const Store& store, IdSpace wanted,
                                        const Numbering& numbering = kNumbering) {
  std::map<std::string, uint32_t> names;
  EXPECT_TRUE(store.Names(numbering, [&](IdSpace space, std::string_view name, uint32_t id) {
    if (space == wanted) names.emplace(name, id);
  }));
  return names;
}

schema::Schema Shop() {
  return schema::Schema::Parse(
             "schema.events.wish = 'positive'\nschema.requests.depth = 'number'\n"
             "schema.requests.page = 'category'\n")
      .value();
}

class RocksStoreTest : public testing::Test {
 protected:
  RocksStoreTest() { Reopen(); }
  void Reopen() {
    store_.reset();
    auto store = OpenRocksStore(path());
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }
  std::filesystem::path path() const { return folder_ / "store"; }

  const base::TestFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST(EventCodec, KeepsEveryFieldAndRefusesEveryTruncation) {
  RawEvent event = Watch("u", "i", 123);
  event.query = "taylor swift";
  event.request = "r";
  event.source = "popular";
  event.region = "DE";
  event.current_item = "j";
  event.position = 7;
  event.propensity = 0.25f;
  event.source_score = -31.5f;
  event.off_site = true;
  const schema::Schema schema = Shop();
  event.type = *schema.FindEventType("wish");
  event.attributes = {{*schema.FindAttribute(schema::Entity::kRequest, "depth"), "2.5"},
                      {*schema.FindAttribute(schema::Entity::kRequest, "page"), "home"}};
  const std::string bytes = EncodeEvent(schema, event, "e-1");
  const auto back = DecodeEvent(schema, bytes);
  ASSERT_TRUE(back && *back);
  EXPECT_EQ(EncodeEvent(schema, **back, (*back)->id), bytes);
  EXPECT_EQ((*back)->current_item, "j");
  EXPECT_EQ((*back)->position, 7);
  EXPECT_EQ((*back)->source_score, -31.5f);
  EXPECT_EQ((*back)->id, "e-1");
  EXPECT_TRUE((*back)->posted);
  EXPECT_EQ((*back)->type, event.type);
  EXPECT_EQ((*back)->attributes, event.attributes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeEvent(schema, std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodeEvent(schema, bytes + "x"));
}

TEST(EventCodec, ReadsTypesAndAttributesByTheirNamesUnderAnotherSchema) {
  const schema::Schema schema = Shop();
  RawEvent event = Watch("u", "i", 123);
  event.type = *schema.FindEventType("wish");
  event.attributes = {{*schema.FindAttribute(schema::Entity::kRequest, "page"), "home"},
                      {*schema.FindAttribute(schema::Entity::kRequest, "depth"), "2.5"}};
  const std::string bytes = EncodeEvent(schema, event, "e-1");
  // Other numbers, another kind, and an attribute less.
  const auto other = schema::Schema::Parse(
      "schema.events.skip_ad = 'negative'\nschema.events.wish = 'positive'\n"
      "schema.requests.theme = 'category'\nschema.requests.page = 'category'\n"
      "schema.requests.depth = 'flag'\n");
  ASSERT_TRUE(other);
  const auto read = DecodeEvent(*other, bytes);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->type, *other->FindEventType("wish"));
  const uint32_t page = *other->FindAttribute(schema::Entity::kRequest, "page");
  EXPECT_EQ((*read)->attributes, (schema::RawAttributes{{page, "home"}})) << "2.5 is no flag";
  const auto undeclared = DecodeEvent(schema::Schema(), bytes);
  ASSERT_TRUE(undeclared) << undeclared.error().message;
  EXPECT_FALSE(*undeclared) << "no event of a type that is not declared";
}

TEST_F(RocksStoreTest, EventsOfTypesThatAreNotDeclaredAnyMoreArePassedOverAndKept) {
  const schema::Schema shop = Shop();
  RawEvent wish = Watch("u", "i", 1);
  wish.type = *shop.FindEventType("wish");
  const auto reopen = [&](const schema::Schema& schema) {
    store_.reset();
    store_ = *OpenRocksStore(path(), schema);
  };
  reopen(shop);
  ASSERT_TRUE(Post(*store_, {wish, Watch("u", "j", 2)}));
  reopen({});
  EXPECT_EQ(ItemsOf(*store_, "u"), std::vector<std::string>{"j"});
  reopen(shop);
  EXPECT_EQ(ItemsOf(*store_, "u"), (std::vector<std::string>{"i", "j"}));
}

TEST_F(RocksStoreTest, CommittedBatchIsThereWholeAfterReopening) {
  const RawEvent x = Watch("ann", "x", 1), y = Watch("bob", "y", 2);
  WriteBatch batch;
  batch.events = {{&x, "id-1"}, {&y, ""}};
  batch.states = {{.tag = 5, .user = "ann", .state = {.through = 1, .bytes = "state of ann"}}};
  const auto committed = store_->Commit(batch);
  ASSERT_TRUE(committed) << committed.error().message;
  EXPECT_EQ(committed->first, 1u);
  EXPECT_THAT(committed->accepted, ElementsAre(0u, 1u));
  EXPECT_EQ(Post(*store_, {Watch("ann", "z", 3)}).value(), 3u);
  Reopen();
  EXPECT_EQ(store_->last_sequence(), 3u);
  EXPECT_THAT(ItemsOf(*store_, "ann"), ElementsAre("x", "z"));
  EXPECT_THAT(ItemsOf(*store_, "ann", /*after=*/1), ElementsAre("z"));
  EXPECT_THAT(ItemsOf(*store_, "ann", /*after=*/3), IsEmpty());
  EXPECT_THAT(ItemsOf(*store_, "bob"), ElementsAre("y"));
  const auto state = store_->State(5, "ann");
  ASSERT_TRUE(state && *state);
  EXPECT_EQ((*state)->through, 1u);
  EXPECT_EQ((*state)->bytes, "state of ann");
  EXPECT_FALSE((*store_->State(5, "bob")).has_value());
  EXPECT_FALSE((*store_->State(6, "ann")).has_value()) << "states of two tags are apart";
  EXPECT_EQ(Post(*store_, {Watch("ann", "w", 4)}).value(), 4u);
}

TEST_F(RocksStoreTest, AnEventWhoseIdWasCommittedBeforeIsLeftOut) {
  const RawEvent a = Watch("ann", "a", 1), b = Watch("bob", "b", 1);
  const auto commit = [&](const std::vector<WriteBatch::NewEvent>& events) {
    const auto done = store_->Commit({.events = events, .states = {}});
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : Committed{};
  };
  EXPECT_THAT(commit({{&a, "1"}, {&a, "1"}, {&b, "1"}, {&a, ""}, {&a, ""}}).accepted,
              ElementsAre(0u, 2u, 3u, 4u))
      << "ids are of a user, and events without one are never the same";
  EXPECT_THAT(commit({{&a, "1"}, {&a, "2"}, {&b, "1"}}).accepted, ElementsAre(1u));
  Reopen();
  const Committed again = commit({{&a, "2"}, {&b, "2"}});
  EXPECT_THAT(again.accepted, ElementsAre(1u));
  EXPECT_EQ(again.first, 6u) << "a duplicate takes no number";
  EXPECT_EQ(ItemsOf(*store_, "ann").size(), 4u);
}

TEST_F(RocksStoreTest, OfCallsWithTheSameIdAtTheSameTimeOneIsAccepted) {
  constexpr int kThreads = 8, kIds = 50;
  std::atomic<size_t> accepted{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kIds; ++i) {
        const RawEvent event = Watch("ann", "a", i);
        const std::string id = fmt::format("{}", i);
        if (const auto done = store_->Commit({.events = {{&event, id}}, .states = {}})) {
          accepted += done->accepted.size();
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(accepted, size_t{kIds});
  EXPECT_EQ(ItemsOf(*store_, "ann").size(), size_t{kIds});
}

TEST_F(RocksStoreTest, ChangesGrowWithTheEventsOfAUserBeforeTheyAreAcknowledged) {
  const uint64_t ann = store_->Changes("ann"), bob = store_->Changes("bob");
  ASSERT_TRUE(Post(*store_, {Watch("ann", "x", 1)}));
  EXPECT_GT(store_->Changes("ann"), ann);
  EXPECT_EQ(store_->Changes("bob"), bob);
}

TEST_F(RocksStoreTest, UsersWhoseIdsBeginAlikeStayApart) {
  ASSERT_TRUE(Post(*store_, {Watch("a", "1", 1), Watch("ab", "2", 2), Watch("", "3", 3)}));
  EXPECT_THAT(ItemsOf(*store_, "a"), ElementsAre("1"));
  EXPECT_THAT(ItemsOf(*store_, "ab"), ElementsAre("2"));
}

TEST_F(RocksStoreTest, CommitsOfManyThreadsAreAllThereAfterReopening) {
  constexpr int kThreads = 8, kEach = 40;
  std::atomic<int> failures{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      uint64_t last = 0;
      for (int i = 0; i < kEach; ++i) {
        const std::string user = fmt::format("user {}", t);
        const auto first = Post(*store_, {Watch(user, fmt::format("{}", 2 * i), i),
                                          Watch(user, fmt::format("{}", 2 * i + 1), i)});
        if (!first || *first <= last) ++failures;
        if (first) last = *first + 1;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(failures, 0);
  Reopen();
  EXPECT_EQ(store_->last_sequence(), uint64_t{2 * kThreads * kEach});
  for (int t = 0; t < kThreads; ++t) {
    const std::vector<std::string> items = ItemsOf(*store_, fmt::format("user {}", t));
    ASSERT_EQ(items.size(), size_t{2 * kEach});
    for (size_t i = 0; i < items.size(); ++i) EXPECT_EQ(items[i], fmt::format("{}", i));
  }
}

TEST_F(RocksStoreTest, InternContinuesAfterTheIdsOfTheLogInOrderOfMention) {
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"x", "y", "x"}), ElementsAre(2u, 3u, 2u));
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"z", "y"}), ElementsAre(4u, 3u));
  EXPECT_THAT(Intern(*store_, IdSpace::kQuery, {"y"}), ElementsAre(1u)) << "spaces are apart";
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {}), IsEmpty());
  const Numbering other{.log = 8, .first = {0, 10, 0, 0, 0, 0, 0, 0, 0}};
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"y"}, other), ElementsAre(10u)) << "logs are apart";
  EXPECT_THAT(NamesOf(*store_, IdSpace::kItem),
              UnorderedElementsAre(Pair("x", 2u), Pair("y", 3u), Pair("z", 4u)));
  EXPECT_FALSE(store_->Intern({.log = 9, .first = {}}, IdSpace::kItem, {}));
}

TEST_F(RocksStoreTest, NamesBeyondTheMostHaveNoId) {
  Numbering few = kNumbering;
  few.most = 2;
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"x", "y", "x", "z"}, few),
              ElementsAre(2u, 3u, 2u, schema::kNone));
  EXPECT_THAT(Intern(*store_, IdSpace::kQuery, {"q"}, few), ElementsAre(schema::kNone))
      << "of all id spaces together";
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"y"}, few), ElementsAre(3u));
}

TEST_F(RocksStoreTest, NamesOfAnAcknowledgedEventKeepTheirIdsAfterReopening) {
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"x", "y"}), ElementsAre(2u, 3u));
  ASSERT_TRUE(Post(*store_, {Watch("ann", "y", 1)}));
  Intern(*store_, IdSpace::kItem, {"in no acknowledged event"});
  Reopen();
  EXPECT_THAT(NamesOf(*store_, IdSpace::kItem), UnorderedElementsAre(Pair("x", 2u), Pair("y", 3u)));
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"new", "y"}), ElementsAre(4u, 3u));
}

TEST_F(RocksStoreTest, ThreadsThatInternTheSameNamesGetTheSameIds) {
  constexpr size_t kThreads = 6, kNames = 200;
  std::vector<std::map<std::string, uint32_t>> seen(kThreads);
  std::vector<std::jthread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < kNames; ++i) {
        const std::string name = fmt::format("n{}", (i * (t + 1)) % kNames);
        const auto ids =
            store_->Intern(kNumbering, IdSpace::kItem, std::array{std::string_view(name)});
        if (ids) seen[t].emplace(name, ids->front());
        if (i % 50 > 0) continue;
        EXPECT_TRUE(Post(*store_, {Watch(fmt::format("u{}", t), name, 1)}));
      }
    });
  }
  threads.clear();
  std::map<std::string, uint32_t> names = NamesOf(*store_, IdSpace::kItem);
  std::set<uint32_t> ids;
  for (const auto& [name, id] : names) ids.insert(id);
  EXPECT_EQ(ids.size(), names.size()) << "no id is given twice";
  EXPECT_EQ(*ids.rbegin(), 1 + names.size()) << "ids have no gap";
  for (const auto& of_thread : seen) {
    for (const auto& [name, id] : of_thread) EXPECT_EQ(names.at(name), id) << name;
  }
  ASSERT_TRUE(Post(*store_, {Watch("u", "x", 1)}));
  Reopen();
  EXPECT_EQ(NamesOf(*store_, IdSpace::kItem), names);
}

TEST_F(RocksStoreTest, DropOthersKeepsEventsAndWhatBelongsToTheLog) {
  const RawEvent x = Watch("ann", "x", 1);
  const Numbering old{.log = 6, .first = kNumbering.first};
  for (const Numbering& numbering : {old, kNumbering})
    Intern(*store_, IdSpace::kItem, {"x"}, numbering);
  WriteBatch batch;
  batch.events = {{&x, "id-1"}};
  for (const uint64_t tag : {uint64_t{0}, uint64_t{42}, ~uint64_t{0}}) {
    batch.states.push_back({.tag = tag, .user = "ann", .state = {1, "bytes"}});
  }
  ASSERT_TRUE(store_->Commit(batch));
  Intern(*store_, IdSpace::kItem, {"not written yet"});
  ASSERT_TRUE(store_->DropOthers(kNumbering.log, 42));
  EXPECT_TRUE((*store_->State(42, "ann")).has_value());
  EXPECT_FALSE((*store_->State(0, "ann")).has_value());
  EXPECT_FALSE((*store_->State(~uint64_t{0}, "ann")).has_value());
  EXPECT_THAT(NamesOf(*store_, IdSpace::kItem, old), IsEmpty());
  EXPECT_THAT(NamesOf(*store_, IdSpace::kItem),
              UnorderedElementsAre(Pair("x", 2u), Pair("not written yet", 3u)));
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"y"}, old), ElementsAre(2u)) << "numbered anew";
  EXPECT_THAT(ItemsOf(*store_, "ann"), ElementsAre("x"));
  EXPECT_THAT(store_->Commit(batch)->accepted, IsEmpty()) << "its id is remembered";
}

TEST_F(RocksStoreTest, NamesAreDroppedWhenThereAreTooManyAndNumberedAgain) {
  const RawEvent x = Watch("ann", "x", 1);
  Intern(*store_, IdSpace::kItem, {"x", "y", "z"});
  ASSERT_TRUE(store_->Commit(
      {.events = {{&x, ""}}, .states = {{.tag = 1, .user = "ann", .state = {1, "bytes"}}}}));
  Reopen();
  ASSERT_TRUE(store_->DropNamesAbove(3, kNumbering.log));
  EXPECT_EQ(NamesOf(*store_, IdSpace::kItem).size(), 3u);
  ASSERT_TRUE(store_->DropNamesAbove(2, kNumbering.log));
  EXPECT_THAT(NamesOf(*store_, IdSpace::kItem), IsEmpty());
  EXPECT_FALSE((*store_->State(1, "ann")).has_value()) << "it has ids of dropped names";
  EXPECT_THAT(Intern(*store_, IdSpace::kItem, {"z"}), ElementsAre(2u));
  EXPECT_THAT(ItemsOf(*store_, "ann"), ElementsAre("x"));
}

TEST_F(RocksStoreTest, SecondOpenerIsRefusedAndLearnsWhoHoldsIt) {
  auto second = OpenRocksStore(path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
  EXPECT_THAT(second.error().message, HasSubstr(fmt::format("process {} holds", getpid())));
}

TEST_F(RocksStoreTest, StoreOfAnotherFormatIsRefusedWithWhatToDo) {
  for (const bool marked : {false, true}) {
    store_.reset();
    const std::filesystem::path other = folder_ / (marked ? "newer" : "older");
    std::filesystem::create_directories(other);
    {
      const auto db = RocksDb::Open(other);
      ASSERT_TRUE(db) << db.error().message;
      rocksdb::WriteBatch nine;
      nine.Put(marked ? "m/format" : "m/tag", std::string{0, 0, 0, 0, 0, 0, 0, 9});
      ASSERT_TRUE((*db)->Write(&nine));
    }
    const auto store = OpenRocksStore(other);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(store.error().message,
                AllOf(HasSubstr(other.string()), HasSubstr("expected a store of format 7, found"),
                      HasSubstr(marked ? "9" : "an older one"), HasSubstr("move the folder away"),
                      HasSubstr("until they are posted again, or come as files")));
    const auto read = ReadDeletions(other);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().message, store.error().message);
  }
}

}  // namespace
}  // namespace upnext::store
