// Words that only a forgotten user searched: any bytes, failed writes, names that wait to be written,
// and other users who search the same later.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "catalogue/catalogue.h"
#include "features/feature_plan.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "store/store.h"
#include "store/test_limits.h"
#include "store/user_states.h"

namespace upnext::store {
namespace {

using schema::IdSpace;
using schema::RawEvent;

RawEvent SearchOf(const std::string& user, const std::string& query, int64_t time_ms = 1000) {
  return {.user = user, .time_ms = time_ms, .type = schema::EventType::kSearch, .query = query};
}

class ForgottenWordsTest : public testing::Test {
 protected:
  ForgottenWordsTest() {
    const RawEvent watch = {
        .user = "old", .item = "a", .time_ms = 1, .type = schema::EventType::kWatch};
    std::filesystem::create_directories(folder_ / "log");
    EXPECT_TRUE(log::WriteEventLog(folder_ / "log", std::vector<RawEvent>{watch}, {}, {}));
    Open();
  }
  void Open() {
    states_.reset();
    store_.reset();
    catalogue_.emplace(log::EventLog::Open(folder_ / "log").value());
    auto store = OpenRocksStore(folder_ / "store");
    ASSERT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
    auto states = UserStates::Attach(store_.get(), *catalogue_, {}, keeps_);
    ASSERT_TRUE(states) << states.error().message;
    states_ = *std::move(states);
  }
  void Search(const std::string& user, const std::string& query) {
    const auto done = states_->Apply(std::vector<RawEvent>{SearchOf(user, query)}, {});
    ASSERT_TRUE(done) << done.error().message;
  }
  uint32_t IdOf(const std::string& query) const { return catalogue_->Find(IdSpace::kQuery, query); }
  bool InAFile(const std::string& bytes) const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "store")) {
      if (!entry.is_regular_file()) continue;
      if (base::ReadFile(entry.path()).value().find(bytes) != std::string::npos) return true;
    }
    return false;
  }

  const base::TestFolder folder_;
  const features::StateSpec keeps_ = features::FeaturePlan().state();
  std::optional<catalogue::Catalogue> catalogue_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<UserStates> states_;
};

TEST_F(ForgottenWordsTest, MayBeAnyBytes) {
  const std::string zeros("\0\0\0\0\1", 5), hidden("\0xylophone", 10);
  Search("ann", zeros);
  Search("bob", "x");
  Search("bob", hidden);
  ASSERT_TRUE(states_->Forget("bob"));
  EXPECT_FALSE(InAFile("xylophone"));
  Search("cid", "y");
  Open();
  Search("cid", "z");
  Open();
  EXPECT_EQ(IdOf(hidden), schema::kNone);
  EXPECT_NE(IdOf(zeros), schema::kNone);
  EXPECT_EQ(IdOf("z"), IdOf(zeros) + 4) << "ids of forgotten words stay given";
}

TEST_F(ForgottenWordsTest, NamesThatWaitAreWrittenWithTheDeletionOrStay) {
  Search("bob", "okapi");
  // What a fold numbers waits for the next commit.
  const auto wait = [&](std::string_view word, uint64_t log) {
    Numbering numbering{.log = log, .first = {}};
    for (size_t space = 0; space < catalogue_->schema().id_spaces().size(); ++space) {
      numbering.first.push_back(catalogue_->log().dictionary(static_cast<IdSpace>(space)).size());
    }
    const std::vector<std::string_view> words = {word};
    const auto ids = store_->Intern(numbering, IdSpace::kQuery, words);
    ASSERT_TRUE(ids) << ids.error().message;
  };
  const uint64_t log = catalogue_->log().content_digest(), imported_anew = log + 1;
  wait("early", log);
  {
    const LoweredLimit limit(RLIMIT_FSIZE, 1);
    ASSERT_FALSE(states_->Forget("bob"));
  }
  for (int i = 0; i < 1500 && !store_->health().writable; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  Search("cid", "early");
  Search("cid", "later");
  wait("early", imported_anew);  // of cid, below a word that loses its id
  wait("of nobody", imported_anew);
  ASSERT_TRUE(states_->Forget("bob"));
  Open();
  wait("z", imported_anew);
  Search("cid", "z");
  Open();
  EXPECT_EQ(IdOf("okapi"), schema::kNone);
  EXPECT_NE(IdOf("early"), schema::kNone);
  EXPECT_NE(IdOf("later"), IdOf("early"));
}

TEST_F(ForgottenWordsTest, AnotherUserWhoSearchesTheSameLaterHasThem) {
  Search("bob", "orbit");
  const uint32_t before = IdOf("orbit");
  ASSERT_NE(before, schema::kNone);
  ASSERT_TRUE(states_->Forget("bob"));
  EXPECT_EQ(IdOf("orbit"), schema::kNone);
  EXPECT_EQ(catalogue_->Name(IdSpace::kQuery, before), "");
  Search("cid", "orbit");
  const uint32_t now = IdOf("orbit");
  EXPECT_NE(now, schema::kNone);
  EXPECT_NE(now, before);
  Open();
  EXPECT_EQ(IdOf("orbit"), now) << "also after a restart";
}

}  // namespace
}  // namespace upnext::store
