#include "store/user_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/checksum.h"
#include "base/test_folder.h"
#include "features/feature_plan.h"

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
    const Status written = log::WriteEventLog(folder_.path() / name, events, {}, {});
    ASSERT_TRUE(written) << written.error().message;
  }
  void Open(const std::string& log_name) {
    Close();
    auto log = log::EventLog::Open(folder_.path() / log_name);
    ASSERT_TRUE(log) << log.error().message;
    catalogue_.emplace(*std::move(log));
    auto store = OpenRocksStore(folder_.path() / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
    auto states = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_);
    ASSERT_TRUE(states) << states.error().message;
    states_ = *std::move(states);
  }
  void Close() {
    states_.reset();
    store_.reset();
    catalogue_.reset();
  }
  std::string Bytes(std::string_view user) { return states_->Get(user)->Serialize(); }
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
  features::StateSpec keeps_ = features::FeaturePlan().state();
  std::optional<catalogue::Catalogue> catalogue_;
  std::unique_ptr<Store> store_;
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
  Open("log");
  EXPECT_EQ(catalogue_->Find(schema::IdSpace::kItem, "new"), id);
  EXPECT_EQ(Bytes("ann"), want);
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
  EXPECT_EQ(store_->events(), 2u);
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
  EXPECT_EQ(states_->Get("ann")->spec().digest(), keeps_.digest());
  EXPECT_EQ(states_->Get("ann")->totals().events, 2u);
  keeps_ = features::FeaturePlan().state();
  Open("log");
  EXPECT_EQ(Bytes("ann"), before);
}

TEST_F(UserStatesTest, UnknownUserHasAnEmptyStateAndWithoutStoreNothingIsKept) {
  WriteLog("log", {Make("bob", "c", 3000)});
  Open("log");
  EXPECT_EQ(states_->Get("nobody")->totals().events, 0u);
  auto only_log = UserStates::Attach(nullptr, *catalogue_, {}, keeps_);
  ASSERT_TRUE(only_log);
  EXPECT_EQ((*only_log)->Get("bob")->totals().events, 1u);
  const auto refused = (*only_log)->Apply(std::vector<RawEvent>{Make("bob", "c", 1)}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
}

}  // namespace
}  // namespace upnext::store
