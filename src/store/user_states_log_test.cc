// User states while events move from the store into the log, and of users who were forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/test_folder.h"
#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "log/append.h"
#include "log/compact.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/stored_events.h"
#include "store/user_states.h"

namespace upnext::store {
namespace {

using schema::RawEvent;

class UserStatesOverLogsTest : public testing::Test {
 protected:
  static RawEvent Make(const std::string& user, const std::string& item, int64_t time_ms) {
    return {.user = user,
            .item = item,
            .time_ms = time_ms,
            .type = schema::EventType::kWatch,
            .value = 100,
            .request = fmt::format("r{}", time_ms)};
  }
  void WriteLog(const std::string& name, const std::vector<RawEvent>& events) {
    std::filesystem::create_directories(folder_ / name);
    ASSERT_TRUE(log::WriteEventLog(folder_ / name, events, {}, {}));
  }
  void Open(const std::string& log_name) {
    states_.reset();
    store_.reset();
    catalogue_.emplace(log::EventLog::Open(folder_ / log_name).value());
    store_ = OpenRocksStore(folder_ / "store").value();
    states_ = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_).value();
  }
  std::string Bytes(std::string_view user) {
    const auto state = states_->Get(user);
    EXPECT_TRUE(state) << state.error().message;
    return state ? (*state)->Serialize() : "";
  }
  // The state that a replay of a log of these events gives.
  std::string Folded(const std::vector<RawEvent>& events) {
    features::UserState state(keeps_);
    for (const RawEvent& raw : events) {
      state.Apply({.time_ms = raw.time_ms,
                   .type = raw.type,
                   .item = catalogue_->Find(schema::IdSpace::kItem, raw.item),
                   .value = raw.value,
                   .request = base::Fingerprint(raw.request)},
                  *catalogue_, {});
    }
    return state.Serialize();
  }

  base::TestFolder folder_;
  features::StateSpec keeps_ = features::FeaturePlan().state();
  std::optional<catalogue::Catalogue> catalogue_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<UserStates> states_;
};

// `log` with the store's events after its mark, as `upnext import --from-store` makes it.
void MoveToLog(const std::filesystem::path& from, const std::filesystem::path& to,
               const std::filesystem::path& store) {
  const log::EventLog log = log::EventLog::Open(from).value();
  std::vector<RawEvent> events;
  const auto mark = ReadStored(store, log.schema(), log.posted(), {.event = [&](const RawEvent& e) {
                                 events.push_back(e);
                                 return Ok();
                               }});
  ASSERT_TRUE(mark) << mark.error().message;
  const std::filesystem::path joined = to.string() + ".joined";
  std::filesystem::create_directories(joined);
  std::filesystem::create_directories(to);
  ASSERT_TRUE(log::WriteAppendedLog(joined, log, events, {}, {}));
  const log::EventLog grown = log::EventLog::Open(joined).value();
  log::Forgotten nobody = {.names = std::vector<std::vector<bool>>(log.schema().id_spaces().size()),
                           .posted = *mark};
  nobody.names[static_cast<size_t>(schema::IdSpace::kUser)].resize(grown.users());
  ASSERT_TRUE(log::WriteCompactedLog(to, grown, base::NoProgress(), &nobody));
}

TEST_F(UserStatesOverLogsTest, MovingEventsIntoTheLogChangesNoByteOfAState) {
  WriteLog("log", {Make("ann", "a", 1000), Make("ann", "b", 2000), Make("bob", "c", 3000)});
  Open("log");
  const std::vector<RawEvent> posted = {Make("ann", "c", 40'000), Make("bob", "a", 50'000),
                                        Make("ann", "a", 60'000)};
  ASSERT_TRUE(states_->Apply(posted, std::vector<std::string>{"1", "", "2"}));
  const std::string ann = Bytes("ann"), bob = Bytes("bob");
  MoveToLog(folder_ / "log", folder_ / "moved", folder_ / "store");
  Open("moved");
  EXPECT_EQ(catalogue_->log().events(), 6u);
  EXPECT_EQ(Bytes("ann"), ann);
  EXPECT_EQ(Bytes("bob"), bob);
  // Later ones are folded on top, by the server and after the next move.
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{Make("ann", "b", 70'000)}, {}));
  const std::string later = Bytes("ann");
  EXPECT_NE(later, ann);
  MoveToLog(folder_ / "moved", folder_ / "again", folder_ / "store");
  Open("again");
  EXPECT_EQ(Bytes("ann"), later);
}

TEST_F(UserStatesOverLogsTest, AStoredEventThatTheLogHasFromAFileCountsOnce) {
  RawEvent with_id = Make("ann", "b", 20'000);
  with_id.id = "e-1";
  WriteLog("log", {Make("ann", "a", 10'000), with_id});
  Open("log");
  const std::string of_log = Bytes("ann");
  RawEvent near = Make("ann", "a", 10'000), far = near;
  near.time_ms += log::kSameEventMs;
  far.time_ms += 10 * log::kSameEventMs;
  // The one with the id is another in all else, and earlier ones come after later ones.
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{Make("ann", "a", 90'000), near},
                             std::vector<std::string>{"e-1", ""}));
  EXPECT_EQ(Bytes("ann"), of_log);
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{far}, {}));
  EXPECT_EQ(Bytes("ann"), Folded({Make("ann", "a", 10'000), Make("ann", "b", 20'000), far}));
  Open("log");
  EXPECT_EQ(Bytes("ann"), Folded({Make("ann", "a", 10'000), Make("ann", "b", 20'000), far}));
}

TEST_F(UserStatesOverLogsTest, AForgottenUserHasNoHistoryUntilHeComesBack) {
  WriteLog("log", {Make("ann", "a", 1000), Make("bob", "c", 3000)});
  Open("log");
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{Make("ann", "c", 40'000)}, {}));
  const std::string bob = Bytes("bob"), nobody = Bytes("nobody");
  ASSERT_NE(Bytes("ann"), nobody);
  ASSERT_TRUE(states_->Forget("ann"));
  EXPECT_EQ(Bytes("ann"), nobody) << "also from memory";
  EXPECT_EQ(Bytes("bob"), bob);
  const RawEvent back = Make("ann", "a", 90'000);
  ASSERT_TRUE(states_->Apply(std::vector<RawEvent>{back}, {}));
  EXPECT_EQ(Bytes("ann"), Folded({back}));
  Open("log");
  EXPECT_EQ(Bytes("ann"), Folded({back})) << "also after a restart";
}

}  // namespace
}  // namespace upnext::store
