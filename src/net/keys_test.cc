#include "net/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "net/parameters.h"

namespace upnext::net {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class KeysTest : public testing::Test {
 protected:
  NewKey Add(std::vector<Role> roles, int64_t expires_ms = 0) {
    return AddKey(file_, {.name = "n",
                          .roles = std::move(roles),
                          .created_ms = 1000,
                          .expires_ms = expires_ms})
        .value();
  }
  std::unique_ptr<KeyRing> Open() { return KeyRing::Open(file_, clock_).value(); }

  base::TestFolder folder_;
  const fs::path file_ = folder_.path() / "keys.json";
  base::FixedClock clock_{5000};
};

TEST_F(KeysTest, AKeyIsFoundByItsSecretAlone) {
  const NewKey one = Add({Role::kRecommend}), two = Add({Role::kEvents});
  const auto ring = Open();
  EXPECT_EQ(ring->Find(one.secret)->id, one.key.id);
  EXPECT_EQ(ring->Find(two.secret)->roles, two.key.roles);
  std::string changed = one.secret;
  changed.back() = changed.back() == '0' ? '1' : '0';
  for (const std::string& none :
       {changed, one.secret + "0", one.secret.substr(0, 20), std::string(), "upn_" + one.key.id,
        one.key.sha256, "upn_" + two.key.id + one.secret.substr(12)}) {
    EXPECT_EQ(ring->Find(none), nullptr) << none;
  }
}

TEST_F(KeysTest, TheFileHasNoSecretAndIsItsOwnersAlone) {
  const NewKey made = Add({Role::kAdmin});
  EXPECT_THAT(base::ReadFile(file_).value(), testing::Not(HasSubstr(made.secret.substr(13))));
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(made.secret.size(), 4u + 8 + 1 + 64);
  EXPECT_NE(Add({Role::kAdmin}).secret, made.secret);
}

TEST_F(KeysTest, WhatAKilledProcessLeftGoesWithTheNextChange) {
  Add({Role::kRecommend});
  fs::path half = file_;
  half += ".tmp-123-0";
  ASSERT_TRUE(base::WriteFileAtomic(half, "{"));
  Add({Role::kRecommend});
  EXPECT_FALSE(fs::exists(half));
}

TEST_F(KeysTest, ARunningServerTakesUpWhatIsAddedAndRevoked) {
  const NewKey one = Add({Role::kEvents});
  const auto ring = Open();
  ASSERT_NE(ring->Find(one.secret), nullptr);
  const NewKey two = Add({Role::kItems});
  ASSERT_TRUE(RevokeKey(file_, one.key.id));
  fs::last_write_time(file_, fs::last_write_time(file_) + std::chrono::seconds(2));
  clock_.Advance(1001);
  EXPECT_EQ(ring->Find(one.secret), nullptr);
  EXPECT_NE(ring->Find(two.secret), nullptr);
  std::ofstream(file_) << "{";  // a damaged file changes nothing
  clock_.Advance(1001);
  EXPECT_NE(ring->Find(two.secret), nullptr);
  EXPECT_EQ(RevokeKey(file_, "00000000").error().code, Code::kDataLoss);
}

TEST_F(KeysTest, AnExpiredKeyIsNone) {
  const NewKey made = Add({Role::kAdmin}, 6000);
  const auto ring = Open();
  EXPECT_NE(ring->Find(made.secret), nullptr);
  clock_.Advance(1000);
  EXPECT_EQ(ring->Find(made.secret), nullptr);
}

TEST_F(KeysTest, RolesAllowWhatTheyName) {
  const auto allowed = [](std::vector<Role> roles) {
    std::vector<std::string_view> names;
    for (const RouteInfo& line : Routes()) {
      if (line.access != Access::kOpen && Allows({.roles = roles}, line))
        names.push_back(line.name);
    }
    return names;
  };
  using testing::Contains;
  using testing::ElementsAre;
  EXPECT_THAT(allowed({Role::kRecommend}),
              ElementsAre("recommendations", "recommendations", "item", "similar"));
  EXPECT_THAT(allowed({Role::kEvents}), ElementsAre("events", "merge"));
  EXPECT_THAT(allowed({Role::kMonitor}),
              ElementsAre("metrics", "status", "status_page", "config", "bundles"));
  EXPECT_THAT(allowed({Role::kPage}),
              ElementsAre("recommendations", "recommendations", "events", "similar"));
  EXPECT_THAT(allowed({Role::kItems}), Contains("items"));
  EXPECT_TRUE(
      Allows({.roles = {Role::kItems}}, *FindRoute(*ParseTarget("/v1/items/i"), "GET").info));
  EXPECT_THAT(allowed({Role::kItems}), testing::Not(Contains("recommendations")));
  EXPECT_FALSE(
      Allows({.roles = {Role::kItems}}, *FindRoute(*ParseTarget("/v1/users/u"), "DELETE").info));
  EXPECT_THAT(allowed({Role::kAdmin}),
              testing::IsSupersetOf({"user", "reload", "rollback", "backup"}));
  EXPECT_EQ(allowed({}).size(), 0u);
}

TEST_F(KeysTest, RolesAreReadFromText) {
  EXPECT_EQ(ParseRoles("events,recommend,events").value(),
            (std::vector<Role>{Role::kEvents, Role::kRecommend}));
  EXPECT_THAT(ParseRoles("event").error().message, HasSubstr("page, recommend, events"));
  EXPECT_THAT(ParseRoles("page,events").error().message, HasSubstr("page alone"));
  EXPECT_FALSE(ParseRoles(""));
}

TEST_F(KeysTest, WhatIsNoFileOfKeysIsRefusedWithItsPlace) {
  EXPECT_EQ(ReadKeys(file_).error().code, Code::kNotFound);
  constexpr std::string_view kHash =
      "0000000000000000000000000000000000000000000000000000000000000000";
  const auto with = [&](std::string_view id, std::string_view more) {
    return fmt::format(
        R"({{"format":1,"keys":[{{"id":"{}","name":"n","roles":["events"],"sha256":"{}",)"
        R"("created":"2026-01-01T00:00:00Z"{}}}]}})",
        id, kHash, more);
  };
  EXPECT_TRUE(ParseKeys(with("0123abcd", "")));
  EXPECT_THAT(ParseKeys(with("0123", "")).error().message, HasSubstr("key 1: 'id'"));
  EXPECT_THAT(ParseKeys(with("0123abcd", R"(,"role":1)")).error().message,
              HasSubstr("unknown 'role'"));
  EXPECT_THAT(ParseKeys(with("0123abcd", R"(,"expires":5)")).error().message,
              HasSubstr("'expires'"));
  EXPECT_THAT(ParseKeys(with("0123abcd", R"(,"requests_per_second":-1)")).error().message,
              HasSubstr("whole number"));
  for (const char* text :
       {"", "[]", "{}", R"({"format":2,"keys":[]})", R"({"format":1,"keys":[1]})"}) {
    EXPECT_EQ(ParseKeys(text).error().code, Code::kDataLoss) << text;
  }
}

TEST_F(KeysTest, TheSecretIsThatOfABearer) {
  EXPECT_EQ(SecretOf("Bearer abc"), "abc");
  EXPECT_EQ(SecretOf("bEARER  abc"), "abc");
  for (const char* none : {"", "Bearer", "Bearer ", "Basic abc", "abc"})
    EXPECT_EQ(SecretOf(none), "") << none;
}

}  // namespace
}  // namespace upnext::net
