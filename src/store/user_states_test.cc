#include "store/user_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "base/checksum.h"
#include "base/test_folder.h"
#include "features/feature_plan.h"
#include "log/event_log.h"
#include "store/test_store.h"

namespace upnext::store {
namespace {

using schema::EventType;
using schema::RawEvent;

RawEvent Make(const std::string& user, const std::string& item, int64_t time_ms,
              EventType type = EventType::kWatch) {
  RawEvent event;
  event.user = user;
  event.item = item;
  event.time_ms = time_ms;
  event.type = type;
  event.value = 100;
  event.request = fmt::format("r{}", time_ms);
  return event;
}

// A log of some watches, a store, and what a server makes of both.
class UserStatesTest : public testing::Test {
 protected:
  void WriteLog(const std::string& name, const std::vector<RawEvent>& events) {
    std::filesystem::create_directories(folder_.path() / name);
    const Status written = log::WriteEventLog(folder_.path() / name, events, {}, {}, 1, schema_);
    ASSERT_TRUE(written) << written.error().message;
  }
  void Open(const std::string& log_name) {
    Close();
    auto log = log::EventLog::Open(folder_.path() / log_name);
    ASSERT_TRUE(log) << log.error().message;
    catalogue_.emplace(*std::move(log));
    auto store = OpenRocksStore(folder_.path() / "store", schema_);
    ASSERT_TRUE(store) << store.error().message;
    store_ = std::make_unique<HookedStore>(*std::move(store));
    auto states = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_);
    ASSERT_TRUE(states) << states.error().message;
    states_ = *std::move(states);
  }
  void Close() {
    states_.reset();
    store_.reset();
    catalogue_.reset();
  }
  std::string Bytes(std::string_view user) {
    const auto state = states_->Get(user);
    EXPECT_TRUE(state) << state.error().message;
    return state ? (*state)->Serialize() : "";
  }
  // The state that a replay of a log of these events gives, with the ids of the open catalogue.
  std::string Folded(const std::vector<RawEvent>& events) {
    features::UserState state(keeps_);
    for (const RawEvent& raw : events) {
      schema::Event event{.time_ms = raw.time_ms, .type = raw.type, .value = raw.value};
      event.item = catalogue_->Find(schema::IdSpace::kItem, raw.item);
      event.request = base::Fingerprint(raw.request);
      state.Apply(event, *catalogue_, {});
    }
    return state.Serialize();
  }

  base::TestFolder folder_;
  schema::Schema schema_;
  features::StateSpec keeps_ = features::FeaturePlan().state();
  std::optional<catalogue::Catalogue> catalogue_;
  std::unique_ptr<HookedStore> store_;
  std::unique_ptr<UserStates> states_;
};

TEST_F(UserStatesTest, StateIsLogThenPostedEventsAndSurvivesReopening) {
  WriteLog("log", {Make("ann", "a", 1000), Make("ann", "b", 2000), Make("bob", "c", 3000)});
  Open("log");
  const std::vector<RawEvent> posted = {Make("ann", "c", 4000), Make("ann", "new", 5000)};
  const Result<Applied> applied = states_->Apply(posted, {});
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->accepted, 2u);
  const std::string want = Folded({Make("ann", "a", 1000), Make("ann", "b", 2000),
                                   Make("ann", "c", 4000), Make("ann", "new", 5000)});
  EXPECT_EQ(Bytes("ann"), want);
  const uint32_t id = catalogue_->Find(schema::IdSpace::kItem, "new");
  EXPECT_EQ(id, 3u) << "ids continue after those of the log";
  Open("log");
  EXPECT_EQ(catalogue_->Find(schema::IdSpace::kItem, "new"), id);
  EXPECT_EQ(Bytes("ann"), want);
}

TEST_F(UserStatesTest, PostedEventsCountByADeclaredAttributeWhoseNameTheLogDoesNotHave) {
  schema_ = schema::Schema::Parse("schema.requests.page = 'category'").value();
  constexpr uint32_t kPage = schema::request_attribute::kBuiltIn;
  features::StateSpec::Builder builder;
  const features::CellRef watches = builder.AddColumn(
      {.of = features::StateKey::Of::kRequest, .attribute = kPage},
      {.kind = features::Column::Kind::kCount, .terms = {features::kAny}, .resets = {}});
  keeps_ = builder.Build();
  const auto on = [&](const std::string& page, int64_t time_ms) {
    RawEvent event = Make("ann", "a", time_ms);
    event.attributes = {{kPage, page}};
    return event;
  };
  WriteLog("log", {on("home", 1000)});
  Open("log");
  ASSERT_TRUE(states_->Apply(std::vector{on("home", 2000), on("new", 3000)}, {}));
  const auto count = [&](const std::string& page) {
    const uint32_t id = catalogue_->Find(*schema_.FindIdSpace("page"), page);
    const auto state = states_->Get("ann");
    const features::Cell* row = state ? (*state)->row(watches.table, id) : nullptr;
    return row == nullptr ? 0 : row[watches.column].count;
  };
  EXPECT_EQ(count("home"), 2u);
  EXPECT_EQ(count("new"), 1u);
  const std::string before = Bytes("ann");
  Open("log");
  EXPECT_EQ(count("new"), 1u) << "the name has its id again";
  EXPECT_EQ(Bytes("ann"), before);
}

TEST_F(UserStatesTest, RepeatedEventIdsCountOnce) {
  WriteLog("log", {Make("bob", "c", 3000)});
  Open("log");
  const std::vector<RawEvent> posted = {Make("ann", "c", 4000), Make("ann", "c", 4000),
                                        Make("bob", "c", 4000)};
  const std::vector<std::string> ids = {"e1", "e1", "e1"};
  const Result<Applied> first = states_->Apply(posted, ids);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->accepted, 2u);
  EXPECT_EQ(first->duplicates, 1u);
  const std::string once = Bytes("ann");
  const Result<Applied> again = states_->Apply(posted, ids);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->accepted, 0u);
  EXPECT_EQ(again->duplicates, 3u);
  EXPECT_EQ(Bytes("ann"), once);
  EXPECT_EQ(store_->last_sequence(), 2u);
}

TEST_F(UserStatesTest, AnotherLogMakesStatesAgainFromEvents) {
  WriteLog("one", {Make("ann", "b", 1000)});
  Open("one");
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{Make("ann", "z", 4000)}, {}));
  // In the second log all ids differ.
  WriteLog("two", {Make("ann", "a", 500), Make("ann", "b", 1000), Make("ann", "bb", 1500)});
  Open("two");
  const std::string made_again = Bytes("ann");  // gives "z" its id
  EXPECT_EQ(made_again, Folded({Make("ann", "a", 500), Make("ann", "b", 1000),
                                Make("ann", "bb", 1500), Make("ann", "z", 4000)}));
}

TEST_F(UserStatesTest, StatesOfOtherFeaturesAreFoldedAgainFromLogAndEvents) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{Make("ann", "b", 4000)}, {}));
  const std::string before = Bytes("ann");
  keeps_ = features::FeaturePlan().retrieval_state();
  Open("log");
  EXPECT_EQ((*states_->Get("ann"))->spec().digest(), keeps_.digest());
  EXPECT_EQ((*states_->Get("ann"))->totals().events, 2u);
  keeps_ = features::FeaturePlan().state();
  Open("log");
  EXPECT_EQ(Bytes("ann"), before);
}

TEST_F(UserStatesTest, AReturnToALogFindsTheEventsPostedMeanwhile) {
  WriteLog("one", {Make("ann", "b", 1000)});
  WriteLog("two", {Make("ann", "a", 500), Make("ann", "b", 1000)});
  Open("one");
  std::vector<RawEvent> posted;
  for (int i = 0; i < 100; ++i) posted.push_back(Make("ann", fmt::format("p{}", i), 2000 + i));
  for (const RawEvent& event : posted) ASSERT_TRUE(states_->Apply(std::span(&event, 1), {}));
  Open("two");
  posted.push_back(Make("ann", "of the second log", 3000));
  ASSERT_TRUE(states_->Apply(std::span(&posted.back(), 1), {}));
  Open("one");
  const std::string bytes = Bytes("ann");
  posted.insert(posted.begin(), Make("ann", "b", 1000));
  EXPECT_EQ(bytes, Folded(posted));
}

// Counts what the store is asked for.
struct CountingStore : HookedStore {
  using HookedStore::HookedStore;
  Result<Committed> Commit(const WriteBatch& batch) override {
    saved += static_cast<int>(batch.states.size());
    return HookedStore::Commit(batch);
  }
  Result<std::optional<SavedState>> State(uint64_t tag, std::string_view user) const override {
    ++states;
    return HookedStore::State(tag, user);
  }
  Status EventsOf(std::string_view user, uint64_t after,
                  const std::function<Status(uint64_t, const RawEvent&)>& visit) const override {
    ++reads;
    return HookedStore::EventsOf(user, after, [&](uint64_t sequence, const RawEvent& event) {
      ++folded;
      return visit(sequence, event);
    });
  }
  mutable std::atomic<int> saved{0}, states{0}, reads{0}, folded{0};
};

TEST_F(UserStatesTest, EventsAreWrittenWithoutReadingOrWritingAState) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  CountingStore store(std::move(store_));
  const auto states = UserStates::Attach(&store, *catalogue_, {}, keeps_);
  ASSERT_TRUE(states);
  std::vector<RawEvent> events;
  for (int i = 0; i < 2000; ++i) events.push_back(Make("ann", fmt::format("p{}", i % 9), 2000 + i));
  ASSERT_TRUE((*states)->Apply(events, {}));
  ASSERT_TRUE((*states)->Apply(std::span(events).first(1), {}));
  EXPECT_EQ(store.states + store.reads + store.saved, 0);
  EXPECT_EQ((**(*states)->Get("ann")).totals().events, 2002u);
}

TEST_F(UserStatesTest, AStateInMemoryIsReadAgainOnlyAfterAnEventOfItsUser) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  CountingStore store(std::move(store_));
  const auto states = UserStates::Attach(&store, *catalogue_, {}, keeps_);
  ASSERT_TRUE(states);
  const RawEvent event = Make("ann", "b", 2000);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE((*states)->Get("ann"));
  EXPECT_EQ(store.reads, 1);
  ASSERT_TRUE((*states)->Apply(std::span(&event, 1), {}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ((**(*states)->Get("ann")).totals().events, 2u);
  EXPECT_EQ(store.reads, 2);
  EXPECT_EQ(store.folded, 1) << "not folded from the beginning";
}

TEST_F(UserStatesTest, TwoOverOneStoreSeeTheEventsOfEachOther) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  const auto other = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_);
  ASSERT_TRUE(other);
  for (int64_t i = 0; i < 4; ++i) {
    const RawEvent event = Make("ann", fmt::format("p{}", i), 2000 + i);
    ASSERT_TRUE((i % 2 == 0 ? *other : states_)->Apply(std::span(&event, 1), {}));
    const auto events = static_cast<uint64_t>(i + 2);
    EXPECT_EQ((*states_->Get("ann"))->totals().events, events);
    EXPECT_EQ((**(*other)->Get("ann")).totals().events, events);
  }
}

TEST_F(UserStatesTest, ALongFoldIsSavedSoThatTheNextOneIsShort) {
  std::vector<RawEvent> all = {Make("ann", "a", 1000)};
  WriteLog("log", all);
  Open("log");
  for (int i = 0; i < 1500; ++i) {
    all.push_back(Make("ann", fmt::format("p{}", i % 9), 2000 + i));
    ASSERT_TRUE(states_->Apply(std::span(&all.back(), 1), {}));
    if (i % 370 == 0) Open("log");
    if (i % 7 != 0) continue;
    ASSERT_EQ((*states_->Get("ann"))->totals().events, all.size()) << i;
  }
  ASSERT_EQ(Bytes("ann"), Folded(all));
  Open("log");  // what is being saved is saved before
  states_.reset();
  CountingStore store(std::move(store_));
  const auto states = UserStates::Attach(&store, *catalogue_, {}, keeps_);
  ASSERT_TRUE(states);
  EXPECT_EQ((**(*states)->Get("ann")).Serialize(), Folded(all));
  EXPECT_LT(store.folded, 512 + 7);
}

TEST_F(UserStatesTest, TheLongHistoryOfALogIsFoldedOnce) {
  std::vector<RawEvent> all;
  for (int i = 0; i < 600; ++i) all.push_back(Make("ann", fmt::format("p{}", i % 9), 1000 + i));
  WriteLog("log", all);
  Open("log");
  const std::string state = Bytes("ann");
  Open("log");
  CountingStore store(std::move(store_));
  const auto states = UserStates::Attach(&store, *catalogue_, {}, keeps_);
  ASSERT_TRUE(states);
  EXPECT_EQ((**(*states)->Get("ann")).Serialize(), state);
  EXPECT_EQ(store.saved, 0) << "it is saved already";
}

TEST_F(UserStatesTest, ASmallCacheGivesTheSameStates) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  const auto small = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_, /*cache_bytes=*/1);
  ASSERT_TRUE(small);
  for (int i = 0; i < 300; ++i) {
    const RawEvent event = Make(fmt::format("user {}", i % 50), fmt::format("i{}", i), 2000 + i);
    ASSERT_TRUE((*small)->Apply(std::span(&event, 1), {}));
  }
  for (int user = 0; user < 50; ++user) {
    const std::string name = fmt::format("user {}", user);
    EXPECT_EQ((**(*small)->Get(name)).Serialize(), Bytes(name)) << name;
    EXPECT_EQ((**(*small)->Get(name)).totals().events, 6u) << name;
  }
}

TEST_F(UserStatesTest, AFailedCommitLeavesStateAndStoreAsTheyWere) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  const std::string before = Bytes("ann");
  store_->before_commit = []() -> Status { return Unavailable("no disk"); };
  const std::vector<RawEvent> event = {Make("ann", "new", 2000)};
  const std::vector<std::string> ids = {"e1"};
  const auto failed = states_->Apply(event, ids);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kUnavailable);
  EXPECT_EQ(Bytes("ann"), before);
  store_->before_commit = nullptr;
  const auto again = states_->Apply(event, ids);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->accepted, 1u) << "not a duplicate of the one that failed";
  EXPECT_EQ(Bytes("ann"), Folded({Make("ann", "a", 1000), Make("ann", "new", 2000)}));
}

TEST_F(UserStatesTest, WritersOverlapAndNoReaderWaitsForThem) {
  WriteLog("log", {Make("ann", "a", 1000), Make("eve", "a", 1000)});
  Open("log");
  const std::string before = Bytes("ann");
  const RawEvent earlier = Make("eve", "x", 1500);
  ASSERT_TRUE(states_->Apply(std::span(&earlier, 1), {}));
  Gate gate;
  store_->before_commit = [&] {
    gate.Wait();
    return Ok();
  };
  std::atomic<int> accepted{0};
  std::vector<std::jthread> threads;
  for (const std::string user : {"ann", "ann", "eve", "bob"}) {
    threads.emplace_back([&, user] {
      const RawEvent event = Make(user, "x", 2000);
      if (states_->Apply(std::span(&event, 1), {})) ++accepted;
    });
  }
  EXPECT_TRUE(gate.WaitUntilHere(4)) << "one commit at a time";
  EXPECT_EQ(Bytes("ann"), before) << "not acknowledged yet";
  EXPECT_EQ(Bytes("eve"), Folded({Make("eve", "a", 1000), earlier})) << "folded while others write";
  EXPECT_EQ((*states_->Get("bob"))->totals().events, 0u);
  gate.Open();
  threads.clear();
  EXPECT_EQ(accepted, 4);
  EXPECT_EQ(Bytes("ann"),
            Folded({Make("ann", "a", 1000), Make("ann", "x", 2000), Make("ann", "x", 2000)}));
}

TEST_F(UserStatesTest, BatchesWithTheSameUsersInAnyOrderFinishAndStatesAreThoseOfTheStore) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  constexpr int kThreads = 6, kEach = 30, kUsers = 12;
  std::atomic<uint64_t> accepted{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        std::vector<RawEvent> batch;
        for (int k = 0; k < 4; ++k) {
          const int user = t % 2 == 0 ? (i + k) % kUsers : (i + 3 - k) % kUsers;
          batch.push_back(
              Make(fmt::format("user {}", user), fmt::format("i{}-{}", t, i), 2000 + i));
        }
        if (const auto applied = states_->Apply(batch, {})) accepted += applied->accepted;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(accepted, uint64_t{kThreads * kEach * 4});
  for (int user = 0; user < kUsers; ++user) {
    const std::string name = fmt::format("user {}", user);
    std::vector<RawEvent> events;
    ASSERT_TRUE(store_->EventsOf(name, 0, [&](uint64_t, const RawEvent& event) {
      events.push_back(event);
      return Ok();
    }));
    EXPECT_EQ(Bytes(name), Folded(events)) << name;
  }
}

TEST_F(UserStatesTest, AnEventWithANameThatMayNotBeAddedIsKeptAndPassedOver) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  // So few that folds may add none.
  const auto states = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_,
                                         UserStates::kCacheBytes, /*max_names=*/2);
  ASSERT_TRUE(states);
  int left = 1;
  const auto may_add = [&] { return left-- > 0; };
  const std::vector<RawEvent> posted = {Make("ann", "x", 2000), Make("ann", "y", 3000),
                                        Make("ann", "a", 4000), Make("ann", "y", 5000)};
  const auto applied = (*states)->Apply(posted, {}, may_add);
  ASSERT_TRUE(applied) << applied.error().message;
  EXPECT_EQ(applied->accepted, 4u) << "nothing is lost";
  EXPECT_EQ(left, -1) << "a name is asked about once";
  EXPECT_EQ((**(*states)->Get("ann")).Serialize(),
            Folded({Make("ann", "a", 1000), posted[0], posted[2]}));
  EXPECT_EQ(catalogue_->Find(schema::IdSpace::kItem, "x"), 1u);
  EXPECT_EQ(catalogue_->Find(schema::IdSpace::kItem, "y"), schema::kNone);
  // A log that has the item.
  WriteLog("two", {Make("ann", "a", 1000), Make("bob", "y", 1500)});
  Open("two");
  const std::string bytes = Bytes("ann");  // gives "x" its id
  std::vector<RawEvent> all = {Make("ann", "a", 1000)};
  all.insert(all.end(), posted.begin(), posted.end());
  EXPECT_EQ(bytes, Folded(all));
}

TEST_F(UserStatesTest, NoMoreNamesAreAddedThanMayBeInAll) {
  WriteLog("log", {Make("ann", "a", 1000)});
  Open("log");
  const auto states = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_,
                                         UserStates::kCacheBytes, /*max_names=*/3);
  ASSERT_TRUE(states);
  for (int i = 0; i < 10; ++i) {
    const RawEvent event = Make("ann", fmt::format("x{}", i), 2000 + i);
    ASSERT_TRUE((*states)->Apply(std::span(&event, 1), {}));
  }
  EXPECT_EQ(catalogue_->size(schema::IdSpace::kItem), 4u);
  EXPECT_EQ((**(*states)->Get("ann")).totals().events, 4u);
  EXPECT_EQ(store_->last_sequence(), 10u) << "every event is kept";
}

TEST_F(UserStatesTest, UnknownUserHasAnEmptyStateAndWithoutStoreNothingIsKept) {
  WriteLog("log", {Make("bob", "c", 3000)});
  Open("log");
  EXPECT_EQ((*states_->Get("nobody"))->totals().events, 0u);
  auto only_log = UserStates::Attach(nullptr, *catalogue_, {}, keeps_);
  ASSERT_TRUE(only_log);
  EXPECT_EQ((**(*only_log)->Get("bob")).totals().events, 1u);
  const auto refused = (*only_log)->Apply(std::vector<RawEvent>{Make("bob", "c", 1)}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_EQ(catalogue_->size(schema::IdSpace::kItem), 1u) << "nothing is numbered";
}

}  // namespace
}  // namespace upnext::store
