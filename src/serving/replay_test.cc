// Answers that are made again from the log: after events, changes of items, other bundles and logs, with all that a
// request can have.
#include "serving/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "schema/attribute.h"
#include "serving/test_service.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"

namespace upnext::serving {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;
using Change = store::WriteBatch::NewRecord::Change;
using Kind = Replayed::Result;

constexpr std::string_view kScenarios = R"toml(
[serving]
log_impressions = true
[scenario.home]
explore = 0.3
diversity = 0.2
at_most = { channel = 4 }
[scenario.home.cold_start]
fewer_than = 25
explore = 0.7
generators = { candidate-model = 0, popular = 30 }
boost = "if(item.channel == 'c2', 3, 1)"
[scenario.turn]
rotation = 0.8
fresh_share = 0.2
)toml";

class ReplayTest : public testing::Test {
 protected:
  ReplayTest() {
    const auto config = base::Config::Parse(kScenarios, "upnext.toml");
    EXPECT_TRUE(config);
    service_.Restart(EngineOptions::FromConfig(*config));
  }
  void Put(const std::string& item, const std::string& channel) {
    const store::EntityChange put{Change::kPut,
                                  {item,
                                   {{schema::item_attribute::kCreated, "1100000"},
                                    {schema::item_attribute::kDuration, "100"},
                                    {schema::item_attribute::kChannel, channel}}}};
    const auto done = service_->Change(schema::Entity::kItem, {&put, 1});
    ASSERT_TRUE(done) << done.error().message;
  }
  void Delete(const std::string& item) {
    const store::EntityChange gone{Change::kDelete, {item, {}}};
    (void)service_->Change(schema::Entity::kItem, {&gone, 1});  // if there is such an item
  }
  void TakeUp() {
    auto opened = bundle::OpenCurrent(base::VersionedRoot(service_.project().bundle_root()),
                                      base::VersionedRoot(service_.project().log_root()), {},
                                      bundle::LogChoice::kNewest);
    ASSERT_TRUE(opened) << opened.error().message;
    auto generation = Generation::Make(*std::move(opened), service_.options().generation,
                                       service_.store(), service_->generation().get());
    ASSERT_TRUE(generation) << generation.error().message;
    ASSERT_TRUE(service_->Replace(*std::move(generation)));
  }
  // Models with other weights as the next version, over the same log.
  void PublishOtherBundle() {
    base::VersionedRoot root(service_.project().bundle_root());
    const auto staged = root.Begin();
    ASSERT_TRUE(staged);
    fs::copy(other_.bundle_folder(), *staged, fs::copy_options::recursive);
    const auto version = root.Publish(*staged);
    ASSERT_TRUE(version && root.SetCurrent(*version));
    TakeUp();
  }
  // Requests, events and changes of items in turn.
  void Live(int requests) {
    std::string after, user;
    for (int i = 0; i < requests; ++i) {
      service_.clock().Advance(700);
      const bool next_page = !after.empty() && rng_.Below(4) == 0;
      if (!next_page) user = bundle::TestUser(static_cast<uint32_t>(rng_.Below(14)));
      Request request{.user = user,
                      .n = static_cast<uint32_t>(1 + rng_.Below(12)),
                      .device = rng_.Below(2) == 0 ? "tv" : "",
                      .region = rng_.Below(3) == 0 ? "US" : ""};
      if (rng_.Below(5) == 0) request.current_item = features::Numbered("i", rng_.Below(40));
      if (rng_.Below(5) == 0) request.filter = "item.channel != \"c3\"";
      if (rng_.Below(6) == 0) request.boost = "if(item.duration > 0, 1.5, 1)";
      if (rng_.Below(7) == 0) request.score = "watch:0.5";
      const uint64_t scenario = rng_.Below(3);
      if (scenario > 0) request.scenario = scenario == 1 ? "home" : "turn";
      const auto slate = service_->Recommend(*service_->generation(), request,
                                             next_page ? std::string_view(after) : "");
      ASSERT_TRUE(slate) << slate.error().message;
      ++requests_;
      cold_ += slate->cold_start.has_value();
      after = slate->request;
      const auto watched = std::ranges::find_if(slate->items, [&](const Recommendation& one) {
        return watches_posted_ || one.id.starts_with("i");
      });
      if (watched != slate->items.end() && rng_.Below(2) == 0) {
        schema::RawEvent event = features::Watch(user, watched->id, schema::kNoTime, 80);
        event.request = slate->request;
        ASSERT_TRUE(service_->PostEvents({event}, {}));
      }
      const std::string item = features::Numbered("p", rng_.Below(6));
      if (rng_.Below(20) == 0) Put(item, features::Numbered("c", rng_.Below(5)));
      if (rng_.Below(60) == 0) Delete(item);
    }
    service_->Flush();
  }
  std::unique_ptr<Replayer> Open(const fs::path& store,
                                 std::optional<std::string> other_scenario = std::nullopt) {
    auto replayer = Replayer::Open({.log_root = service_.project().log_root(),
                                    .bundle_root = service_.project().bundle_root(),
                                    .store = store,
                                    .generation = service_.options().generation,
                                    .other_scenario = std::move(other_scenario)});
    EXPECT_TRUE(replayer) << replayer.error().message;
    return *std::move(replayer);
  }
  // By result, with the first detail that is not the same.
  struct All {
    std::map<Kind, int> counts;
    std::string first;
  };
  All ReplayAll(const fs::path& store) {
    All all;
    const auto replayer = Open(store);
    uint64_t unreadable = 0;
    const auto slates = replayer->Slates(100'000, &unreadable);
    EXPECT_TRUE(slates);
    EXPECT_EQ(unreadable, 0u);
    for (const LoggedSlate& one : *slates) {
      const auto done = replayer->Replay(one.request);
      EXPECT_TRUE(done) << done.error().message;
      ++all.counts[done->result];
      if (done->result != Kind::kSame && all.first.empty()) {
        all.first = one.bundle_version + " " + one.log_version + ": " + done->detail;
      }
    }
    return all;
  }
  All ReplayAll() { return ReplayAll(service_.project().store()); }
  // A copy of the store without the first event that it has.
  fs::path StoreWithoutAnEvent() {
    const fs::path copy = folder_ / "copy";
    fs::copy(service_.project().store(), copy, fs::copy_options::recursive);
    const auto db = store::RocksDb::Open(copy);
    EXPECT_TRUE(db);
    rocksdb::WriteBatch out;
    std::string key;
    EXPECT_TRUE((*db)->VisitPrefix("e", "e", [&](std::string_view found, std::string_view) {
      if (key.empty()) key = found;
      return Ok();
    }));
    out.Delete(key);
    EXPECT_TRUE((*db)->Write(&out));
    return copy;
  }

  const base::TestFolder folder_;
  const bundle::TestProject other_{{.seed = 2}};
  TestService service_;
  base::Rng rng_{11};
  int requests_ = 0, cold_ = 0;
  // Also items that are changed later: a state has what an item was when its event was folded.
  bool watches_posted_ = false;
};

TEST_F(ReplayTest, ThousandsOfAnswersAreTheSameToTheByte) {
  Live(1'000);
  PublishOtherBundle();
  Live(700);
  features::AppendToLog(base::VersionedRoot(service_.project().log_root()),
                        {features::Watch("u5", "i7", features::Minutes(19'000), 90)}, {});
  TakeUp();
  Live(700);
  service_.Restart();
  Live(600);
  const All all = ReplayAll();
  EXPECT_EQ(all.counts, (std::map<Kind, int>{{Kind::kSame, requests_}})) << all.first;
  EXPECT_GT(cold_, 100);
}

TEST_F(ReplayTest, OneEventOrOtherWeightsAreFound) {
  Live(200);
  EXPECT_EQ(ReplayAll().counts, (std::map<Kind, int>{{Kind::kSame, requests_}}));
  const All without = ReplayAll(StoreWithoutAnEvent());
  EXPECT_GT(without.counts.at(Kind::kDifferent), 0) << "an event";
  EXPECT_GT(without.counts.at(Kind::kSame), 0) << "the users who do not have it";
  const fs::path folder = service_.project().bundle_folder();
  fs::remove_all(folder);
  fs::copy(other_.bundle_folder(), folder, fs::copy_options::recursive);
  const All other = ReplayAll();
  EXPECT_GT(other.counts.at(Kind::kDifferent), requests_ / 2) << "weights";
  EXPECT_THAT(other.first, HasSubstr("place 1: "));
}

TEST_F(ReplayTest, AnItemThatWasChangedAfterAnEventIsNamed) {
  watches_posted_ = true;
  Live(800);
  const All all = ReplayAll();
  EXPECT_EQ(all.counts.count(Kind::kDifferent), 0u) << all.first;
  EXPECT_GT(all.counts.at(Kind::kSame), 300);
  EXPECT_GT(all.counts.at(Kind::kUnsure), 0);
  EXPECT_THAT(all.first, HasSubstr("was changed after an event of the user"));
}

// The same scenario without exploration: as far as each place got the best candidate, the list is the same.
TEST_F(ReplayTest, AnotherScenarioAnswersWithTheStateOfThen) {
  Live(400);
  const auto replayer = Open(service_.project().store(), "home");
  uint64_t unreadable = 0;
  int explored = 0, events = 0;
  const auto slates = replayer->Slates(100'000, &unreadable);
  for (const LoggedSlate& one : *slates) {
    const auto done = replayer->Replay(one.request);
    ASSERT_TRUE(done && done->served) << done->detail;
    const SlateRecord& served = *done->served;
    EXPECT_EQ(served.id, RequestId(one.request));
    EXPECT_EQ((*replayer->RecordOf(one.request))->items.size(), served.items.size());
    const auto after = replayer->EventsAfter(served);
    ASSERT_TRUE(after);
    for (const schema::RawEvent& event : *after) {
      EXPECT_EQ(event.request, served.id);
      events += event.type == schema::EventType::kWatch;
    }
    if (served.request.scenario != "home" || served.request.places_before > 0) continue;
    const auto& items = served.items;
    for (size_t k = 0; k < items.size() && k < done->other.size(); ++k) {
      EXPECT_FALSE(done->other[k].propensity) << "does not explore";
      // At most .7 explores, among many more than two candidates.
      EXPECT_EQ(items[k].id == done->other[k].id, *items[k].propensity > 0.3) << served.id << k;
      if (items[k].id == done->other[k].id) continue;
      ++explored;
      break;
    }
  }
  EXPECT_GT(explored, 50);
  EXPECT_GT(events, 50);
  EXPECT_FALSE(*replayer->RecordOf(12345));
  EXPECT_FALSE((*Open(service_.project().store())->Replay(slates->front().request)).served);
}

TEST_F(ReplayTest, WhatCannotBeMadeAgainSaysWhy) {
  Live(50);
  const auto slate = service_->Recommend({.user = "u3", .n = 5});
  service_->Flush();
  ASSERT_TRUE(service_->Forget("u3"));
  auto replayer = Open(service_.project().store());
  auto done = replayer->Replay(*RequestNumber(slate->request));
  EXPECT_EQ(done->result, Kind::kGone);
  EXPECT_THAT(done->detail, HasSubstr("forgotten"));

  PublishOtherBundle();
  fs::remove_all(service_.project().bundle_folder());  // as if pruned
  const All all = ReplayAll();
  EXPECT_EQ(all.counts.count(Kind::kSame), 0u);
  EXPECT_GT(all.counts.at(Kind::kGone), 0);
  EXPECT_THAT(all.first, HasSubstr("bundle v000001 with log v000001: "));
}

TEST_F(ReplayTest, AUserWhoCameBackAfterHeWasForgottenIsANewOne) {
  Live(100);
  const auto age = [&] { return service_->generation()->Attributes(schema::Entity::kUser, "u3"); };
  ASSERT_FALSE(age()->empty()) << "the log has it";
  ASSERT_TRUE(service_->Forget("u3"));
  EXPECT_FALSE(age());
  Live(200);
  service_.Restart();
  EXPECT_FALSE(age()) << "the log still has it";
  Live(200);
  const All all = ReplayAll();
  EXPECT_EQ(all.counts.size(), 1u) << all.first;
  EXPECT_GT(all.counts.at(Kind::kSame), 400);
}

TEST_F(ReplayTest, AnotherProjectFileIsNoDifference) {
  Live(100);
  EngineOptions options = service_.options().generation.engine;
  options.digest = 5;
  options.feed.filter_seen = false;
  service_.Restart(options);
  const All all = ReplayAll();
  EXPECT_EQ(all.counts.count(Kind::kDifferent), 0u);
  EXPECT_GT(all.counts.at(Kind::kUnsure), 0);
  EXPECT_THAT(all.first, HasSubstr("the project file is another one"));
}

}  // namespace
}  // namespace upnext::serving
