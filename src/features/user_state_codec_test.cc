#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/checksum.h"
#include "base/rng.h"
#include "features/test_log.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using testing::HasSubstr;

class UserStateCodec : public testing::Test {
 protected:
  static TestLog MakeLog(size_t n) {
    const auto [events, items] = RandomHistory(n, 20, 7);
    return TestLog(events, items, {});
  }
  TestLog log_ = MakeLog(400);
};

StateSpec DefaultSpec() { return FeaturePlan().state(); }

// The bytes with the checksum that fits them.
std::string Sealed(std::string body) {
  const uint64_t checksum = base::Checksum(std::as_bytes(std::span(body)));
  for (int i = 0; i < 8; ++i) body.push_back(static_cast<char>(checksum >> (8 * i)));
  return body;
}

TEST_F(UserStateCodec, SavingBetweenTwoEventsChangesNothing) {
  const std::vector<schema::Event> events = log_.Events("u");
  const FeaturePlan plan;
  for (const StateSpec& keeps : {StateSpec(), plan.retrieval_state(), plan.state()}) {
    UserState through(keeps), saved(keeps);
    for (const schema::Event& event : events) {
      through.Apply(event, log_.catalogue(), {});
      saved.Apply(event, log_.catalogue(), {});
      const std::string bytes = saved.Serialize();
      Result<UserState> parsed = UserState::Parse(bytes, keeps);
      ASSERT_TRUE(parsed) << parsed.error().message;
      ASSERT_EQ(parsed->Serialize(), bytes);
      saved = *std::move(parsed);
      ASSERT_EQ(through.Serialize(), bytes);
    }
    EXPECT_EQ(saved.totals(), through.totals());
  }
}

TEST_F(UserStateCodec, SavingKeepsWhatIsForgottenNext) {
  // Past the cap of items, so that eviction happens after the state was saved and read.
  UserState through = EmptyState(), saved = EmptyState();
  base::Rng rng(3);
  schema::Event event;
  for (size_t i = 0; i < 2 * kMaxItems; ++i) {
    event.item = static_cast<uint32_t>(rng.Below(30'000));
    const size_t minute = i / 3;
    event.time_ms = Minutes(static_cast<double>(minute));
    through.Apply(event, log_.catalogue(), {});
    saved.Apply(event, log_.catalogue(), {});
    if (i % 9'999 == 0) {
      Result<UserState> parsed = UserState::Parse(saved.Serialize(), saved.spec());
      ASSERT_TRUE(parsed);
      saved = *std::move(parsed);
    }
  }
  EXPECT_EQ(through.Serialize(), saved.Serialize());
}

TEST_F(UserStateCodec, EqualStatesGiveEqualBytesHoweverTheyCameAbout) {
  UserState forward = EmptyState(), backward = EmptyState();
  schema::Event event;
  event.time_ms = kStartMs;
  for (uint32_t i = 0; i < 500; ++i) {
    event.item = i;
    forward.Apply(event, log_.catalogue(), {});
    event.item = 499 - i;
    backward.Apply(event, log_.catalogue(), {});
  }
  EXPECT_EQ(forward.Serialize(), backward.Serialize());
}

TEST_F(UserStateCodec, ExtremeTimesSurvive) {
  UserState state = EmptyState();
  schema::Event event;
  for (const int64_t time_ms :
       {std::numeric_limits<int64_t>::min() + 1, int64_t{0}, std::numeric_limits<int64_t>::max()}) {
    event.time_ms = time_ms;
    for (const auto type : {schema::EventType::kLike, schema::EventType::kComplete}) {
      event.type = type;
      event.item = static_cast<uint32_t>(time_ms & 3);
      state.Apply(event, log_.catalogue(), {});
    }
  }
  const std::string bytes = state.Serialize();
  const Result<UserState> parsed = UserState::Parse(bytes, DefaultSpec());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->Serialize(), bytes);
}

TEST_F(UserStateCodec, WeightsOfTheHistorySurvive) {
  PositiveRule rule;
  rule.SetInterest(schema::EventType::kLike, 2.5f);
  UserState state = EmptyState();
  schema::Event event;
  event.time_ms = kStartMs;
  for (const auto type : {schema::EventType::kLike, schema::EventType::kComplete}) {
    event.type = type;
    event.item = event.item == schema::kNone ? 0 : event.item + 1;
    state.Apply(event, log_.catalogue(), rule);
  }
  const std::string bytes = state.Serialize();
  const Result<UserState> parsed = UserState::Parse(bytes, DefaultSpec());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->watches()[0].weight, 2.5f);
  EXPECT_EQ(parsed->watches()[1].weight, 1);
  EXPECT_EQ(parsed->Serialize(), bytes);
}

TEST_F(UserStateCodec, EveryTruncationAndEveryFlippedByteIsRefused) {
  std::string bytes = Fold(log_, "u").Serialize();
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_FALSE(UserState::Parse(bytes.substr(0, size), DefaultSpec())) << size;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int mask : {1, 64, 255}) {
      bytes[i] = static_cast<char>(bytes[i] ^ mask);
      const Result<UserState> parsed = UserState::Parse(bytes, DefaultSpec());
      ASSERT_FALSE(parsed) << i;
      ASSERT_EQ(parsed.error().code, Code::kDataLoss);
      bytes[i] = static_cast<char>(bytes[i] ^ mask);
    }
  }
  EXPECT_FALSE(UserState::Parse(bytes + '\0', DefaultSpec()));
  EXPECT_TRUE(UserState::Parse(bytes, DefaultSpec()));
}

TEST_F(UserStateCodec, ForgedBytesAreRefusedOrAreWhatSerializeWrites) {
  const std::string bytes = Fold(log_, "u").Serialize();
  const std::string body = bytes.substr(0, bytes.size() - 8);
  base::Rng rng(11);
  int accepted = 0;
  const auto check = [&](const std::string& forged) {
    const Result<UserState> parsed = UserState::Parse(forged, DefaultSpec());
    if (!parsed) return;
    ++accepted;
    ASSERT_EQ(parsed->Serialize(), forged);
  };
  for (size_t i = 0; i < body.size(); ++i) {
    for (int change = 0; change < 8; ++change) {
      std::string forged = body;
      forged[i] = static_cast<char>(rng.Next());
      if (change >= 6) forged.erase(i, 1 + rng.Below(3));
      check(Sealed(std::move(forged)));
    }
    check(Sealed(body.substr(0, i)));
  }
  check(Sealed(body + '\0'));
  EXPECT_GT(accepted, 0) << "changed counts are possible states";
}

TEST_F(UserStateCodec, RefusalsSayWhatIsWrong) {
  const auto refusal = [](std::string_view bytes) {
    const Result<UserState> parsed = UserState::Parse(bytes, DefaultSpec());
    return parsed ? std::string("nothing") : parsed.error().message;
  };
  const std::string bytes = EmptyState().Serialize();
  EXPECT_EQ(refusal(bytes), "nothing");
  EXPECT_THAT(refusal(""), HasSubstr("does not begin as one"));
  std::string other = bytes;
  other[4] = 9;
  EXPECT_THAT(refusal(other), HasSubstr("expected version 4, found 9"));
  other = bytes;
  other.back() = static_cast<char>(other.back() + 1);
  EXPECT_THAT(refusal(other), HasSubstr("checksum"));
  const std::string body = bytes.substr(0, bytes.size() - 8);
  EXPECT_THAT(refusal(Sealed(body + '\0')), HasSubstr("bytes after its end"));
}

TEST_F(UserStateCodec, AStateOfOtherFeaturesIsRefusedAndSaysToFoldAgain) {
  const std::string bytes = Fold(log_, "u", FeaturePlan().retrieval_state()).Serialize();
  const Result<UserState> parsed = UserState::Parse(bytes, DefaultSpec());
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(parsed.error().message, HasSubstr("fold the user's events again"));
}

}  // namespace
}  // namespace upnext::features
