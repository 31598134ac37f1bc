// The events of a session become those of a user.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/stored_events.h"
#include "store/user_states.h"

namespace upnext::store {
namespace {

using schema::EventType;
using schema::RawEvent;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kSession = "session:s";

RawEvent MergeWatch(const std::string& user, const std::string& item, int64_t time_ms) {
  RawEvent event;
  event.user = user;
  event.item = item;
  event.time_ms = time_ms;
  event.type = EventType::kWatch;
  event.value = 100;
  event.request = fmt::format("r{}", time_ms);
  return event;
}

class MergeTest : public testing::Test {
 protected:
  MergeTest() { Open(); }
  void Open() {
    states_.reset();
    store_.reset();
    auto store = OpenRocksStore(folder_ / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }
  // States over a log of these events, which has the store's up to `through`.
  void WithLog(const std::vector<RawEvent>& events) {
    std::filesystem::create_directories(folder_ / "log");
    ASSERT_TRUE(log::WriteEventLog(folder_ / "log", events, {}, {}, 1, {}));
    auto log = log::EventLog::Open(folder_ / "log");
    ASSERT_TRUE(log) << log.error().message;
    catalogue_.emplace(*std::move(log));
    Attach();
  }
  void Attach() {
    auto states = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_);
    ASSERT_TRUE(states) << states.error().message;
    states_ = *std::move(states);
  }
  void Post(const RawEvent& event, const std::string& id = "") {
    ASSERT_TRUE(store_->Commit({.events = {{&event, id}}, .states = {}}));
  }
  std::vector<std::string> ItemsOf(std::string_view user) const {
    std::vector<std::string> items;
    EXPECT_TRUE(store_->EventsOf(user, 0, [&](uint64_t, const RawEvent& event) {
      EXPECT_EQ(event.user, user);
      items.push_back(event.item);
      return Ok();
    }));
    return items;
  }
  std::string Bytes(std::string_view user) {
    const auto state = states_->Get(user);
    EXPECT_TRUE(state) << state.error().message;
    return state ? (*state)->Serialize() : "";
  }
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
  features::StateSpec keeps_ = features::FeaturePlan().state();
  std::unique_ptr<Store> store_;
  std::optional<catalogue::Catalogue> catalogue_;
  std::unique_ptr<UserStates> states_;
};

TEST_F(MergeTest, TheEventsOfTheSessionAreThoseOfTheUserOnceAndForAll) {
  Post(MergeWatch(kSession, "a", 1000), "e1");
  Post(MergeWatch("ann", "b", 2000), "e2");
  Post(MergeWatch(kSession, "c", 3000), "e2");  // an id that ann's events have
  Post(MergeWatch(kSession, "d", 4000));
  EXPECT_EQ(*store_->Merge(kSession, "ann"), 2u);
  EXPECT_THAT(ItemsOf("ann"), ElementsAre("b", "a", "d"));
  EXPECT_THAT(ItemsOf(kSession), IsEmpty());
  EXPECT_GT(*store_->ForgottenAt(kSession), 0u);
  EXPECT_EQ(*store_->MergedAt("ann"), 6u) << "numbers follow those of the four events";
  EXPECT_EQ(*store_->Merge(kSession, "ann"), 0u) << "asked again";
  EXPECT_THAT(ItemsOf("ann"), ElementsAre("b", "a", "d"));
  const RawEvent again = MergeWatch("ann", "a", 1000);
  EXPECT_THAT(store_->Commit({.events = {{&again, "e1"}}, .states = {}})->accepted, IsEmpty())
      << "ids of events are the user's too";
  Open();
  EXPECT_THAT(ItemsOf("ann"), ElementsAre("b", "a", "d"));
}

TEST_F(MergeTest, TheStateIsFoldedAnewInOrderOfTime) {
  const std::vector<RawEvent> logged = {MergeWatch("ann", "a", 1000), MergeWatch("ann", "b", 5000),
                                        MergeWatch("x", "c", 1), MergeWatch("x", "d", 2),
                                        MergeWatch("x", "e", 3)};
  WithLog(logged);
  Post(MergeWatch("ann", "c", 8000));
  Post(MergeWatch(kSession, "d", 3000));
  Post(MergeWatch(kSession, "e", 6000));
  Bytes("ann");  // in memory
  // As a server saves it in the background.
  EXPECT_EQ(*states_->Merge(kSession, "ann"), 2u);
  const std::vector<RawEvent> all = {MergeWatch("ann", "a", 1000), MergeWatch("ann", "d", 3000),
                                     MergeWatch("ann", "b", 5000), MergeWatch("ann", "e", 6000),
                                     MergeWatch("ann", "c", 8000)};
  EXPECT_EQ(Bytes("ann"), Folded(all));
  EXPECT_EQ(Bytes(kSession), Folded({}));
  Attach();  // as after a restart
  EXPECT_EQ(Bytes("ann"), Folded(all));
  Post(MergeWatch("ann", "c", 100));  // an event that comes late is the last one, as ever
  std::vector<RawEvent> more = all;
  more.push_back(MergeWatch("ann", "c", 100));
  EXPECT_EQ(Bytes("ann"), Folded(more));
  Attach();
  EXPECT_EQ(Bytes("ann"), Folded(more));
}

TEST_F(MergeTest, AStateThatWasSavedBeforeIsNotUsed) {
  WithLog({MergeWatch("x", "a", 1), MergeWatch("x", "b", 2)});
  Post(MergeWatch("ann", "b", 5000));
  Post(MergeWatch(kSession, "a", 1000));
  const std::string bytes = Bytes("ann");
  // The saver of a server writes when it has time: before, and after.
  const WriteBatch save{.events = {}, .states = {{.tag = 7, .user = "ann", .state = {1, bytes}}}};
  ASSERT_TRUE(store_->Commit(save));
  ASSERT_TRUE(store_->State(7, "ann")->has_value());
  ASSERT_TRUE(states_->Merge(kSession, "ann"));
  EXPECT_FALSE(store_->State(7, "ann")->has_value());
  ASSERT_TRUE(store_->Commit(save));
  EXPECT_FALSE(store_->State(7, "ann")->has_value());
}

TEST_F(MergeTest, EventsOfASessionThatFilesHaveAreRefused) {
  WithLog({MergeWatch(kSession, "a", 1000), MergeWatch("x", "b", 2)});
  Post(MergeWatch(kSession, "b", 5000));
  const auto merged = states_->Merge(kSession, "ann");
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().code, Code::kInvalidArgument);
  EXPECT_THAT(ItemsOf(kSession), ElementsAre("b"));
}

TEST_F(MergeTest, AnImportFindsTheEventsUnderTheUserAndTheSessionDeleted) {
  Post(MergeWatch(kSession, "a", 1000));
  log::PostedMark mark =
      *ReadStored(folder_ / "store", {}, {}, {.event = [](const RawEvent&) { return Ok(); }});
  ASSERT_TRUE(store_->Merge(kSession, "ann"));
  std::vector<std::string> users;
  mark = *ReadStored(folder_ / "store", {}, mark, {.event = [&](const RawEvent& event) {
                       users.push_back(event.user);
                       return Ok();
                     }});
  EXPECT_THAT(users, ElementsAre("ann"));
  EXPECT_TRUE(ReadDeletions(folder_ / "store")
                  ->users.contains(base::Fingerprint(std::string_view(kSession))));
}

TEST_F(MergeTest, ForgettingTheUserForgetsWhatWasMerged) {
  Post(MergeWatch(kSession, "a", 1000), "e1");
  Open();  // so that the events of the session have a file of their own
  ASSERT_TRUE(store_->Merge(kSession, "ann"));
  Open();
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget("ann", &words));
  EXPECT_EQ(*store_->MergedAt("ann"), 0u);
  store_.reset();
  for (const auto& file : std::filesystem::directory_iterator(folder_ / "store")) {
    const auto bytes = base::ReadFile(file.path());
    if (!bytes) continue;
    EXPECT_EQ(bytes->find("session:s"), std::string::npos) << file.path();
    EXPECT_EQ(bytes->find("ann"), std::string::npos) << file.path();
  }
}

TEST_F(MergeTest, ForgettingTheSessionTakesItsNameFromWhatIsKnownOfTheMerge) {
  Post(MergeWatch(kSession, "a", 1000), "e1");
  Post(MergeWatch("session:other", "b", 2000), "e2");
  Open();
  ASSERT_TRUE(store_->Merge(kSession, "ann"));
  ASSERT_TRUE(store_->Merge("session:other", "ann"));
  Open();
  const uint64_t merged = *store_->MergedAt("ann");
  const auto in_files = [&](std::string_view name) {
    int files = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder_ / "store")) {
      const auto bytes = base::ReadFile(file.path());
      files += bytes && bytes->find(name) != std::string::npos;
    }
    return files;
  };
  std::vector<std::string> words;
  ASSERT_TRUE(store_->Forget("session:other", &words));
  EXPECT_EQ(in_files("session:other"), 0);
  EXPECT_GT(in_files(kSession), 0);
  ASSERT_TRUE(store_->Forget(kSession, &words));
  EXPECT_EQ(in_files(kSession), 0);
  EXPECT_EQ(*store_->MergedAt("ann"), merged) << "the history of the user is in order of time";
  EXPECT_THAT(ItemsOf("ann"), ElementsAre("a", "b"));
  ASSERT_TRUE(store_->Forget("ann", &words));
  EXPECT_EQ(*store_->MergedAt("ann"), 0u);
  EXPECT_EQ(in_files("ann"), 0);
}

// A process that merges sessions is killed at any moment: every event is there once.
TEST_F(MergeTest, KilledAtAnyMomentEveryEventIsThereOnce) {
  constexpr int kSessions = 400, kEvents = 5;
  store_.reset();
  for (int round = 0; round < 3; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const std::string name = fmt::format("crash{}", round);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto store = OpenRocksStore(folder_ / name);
      if (!store) _exit(1);
      for (int s = 0; s < kSessions; ++s) {
        const std::string session = fmt::format("session:{}", s);
        for (int e = 0; e < kEvents; ++e) {
          const RawEvent event = MergeWatch(session, fmt::format("{}-{}", s, e), e);
          if (!(*store)->Commit({.events = {{&event, "id"}}, .states = {}}) && e == 0) _exit(1);
        }
      }
      for (int s = 0; s < kSessions; ++s) {
        if (s % 40 == 20 && write(pipe_ends[1], "x", 1) != 1) _exit(1);
        if (!(*store)->Merge(fmt::format("session:{}", s), fmt::format("user{}", s))) _exit(1);
      }
      pause();
    }
    char signs[10];
    for (int i = 0; i <= round * 3; ++i) ASSERT_EQ(read(pipe_ends[0], &signs[i % 10], 1), 1);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    auto store = OpenRocksStore(folder_ / name);
    ASSERT_TRUE(store) << store.error().message;
    std::map<std::string, int> times;
    ASSERT_TRUE((*store)->AllEvents([&](const RawEvent& event) { ++times[event.item]; }));
    EXPECT_EQ(times.size(), static_cast<size_t>(kSessions));
    int merged = 0;
    for (int s = 0; s < kSessions; ++s) {
      EXPECT_EQ(times[fmt::format("{}-0", s)], 1);
      const bool is_done = *(*store)->MergedAt(fmt::format("user{}", s)) > 0;
      EXPECT_EQ(*(*store)->ForgottenAt(fmt::format("session:{}", s)) > 0, is_done) << s;
      merged += is_done;
    }
    EXPECT_GT(merged, 0);
    EXPECT_LT(merged, kSessions);
  }
}

}  // namespace
}  // namespace upnext::store
