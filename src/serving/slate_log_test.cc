#include "serving/slate_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.h"
#include "serving/slate_record.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Recommendation Item(const std::string& id, double score, std::vector<SourceScore> sources,
                    std::vector<float> predictions = {}, std::optional<double> propensity = {},
                    std::optional<double> boost = {}) {
  Recommendation item;
  item.id = id;
  item.score = score;
  item.sources = std::move(sources);
  item.predictions = std::move(predictions);
  item.propensity = propensity;
  item.boost = boost;
  return item;
}

SlateRecord Full() {
  return {.id = "00000000000000ff",
          .request = {.user = "u",
                      .n = 3,
                      .offset = 2,
                      .device = "tv",
                      .region = "DE",
                      .current_item = "i9",
                      .time_ms = 1234,
                      .exclude = {"i1", "i2"},
                      .score = "watch:1",
                      .filter = "item.channel = 'c1'",
                      .boost = "2",
                      .parameters = {{"p", {"1", "2"}}},
                      .scenario = "home",
                      .explores = true,
                      .places_before = 200,
                      .shown = {{"i7", 99}},
                      .id = 255},
          .after = "00000000000000fe",
          .bundle_version = "v000001",
          .log_version = "v000002",
          .basis = {.state = 300,
                    .items = 299,
                    .mixed = true,
                    .options = 7,
                    .live = {{.item = 4, .score = 0.5f}, {.name = "new", .score = 0.25f}}},
          .items = {Item("i3", 1.0 / 3, {{"popular", 2.5, ""}, {"co-watch", 0.125, "i4"}},
                         {0.1f, 0.2f}, 0.25, 1.5),
                    Item("i4", -0.0, {{"co-watch", 3, "i5"}})}};
}

store::StoredSlate Stored(const SlateRecord& record) {
  return {.request = *RequestNumber(record.id),
          .time_ms = record.request.time_ms,
          .user = record.request.user,
          .bytes = EncodeSlate({}, record)};
}

TEST(SlateRecord, WhatIsEncodedIsDecoded) {
  const store::StoredSlate stored = Stored(Full());
  const auto record = DecodeSlate({}, stored);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(EncodeSlate({}, *record), stored.bytes);
  EXPECT_EQ(record->request.exclude, Full().request.exclude);
  EXPECT_EQ(record->request.id, 255u);
  EXPECT_EQ(record->request.places_before, 200u);
  EXPECT_EQ(record->basis.live[1].name, "new");
  EXPECT_EQ(record->items[0].sources[1].from, "i4");
  EXPECT_EQ(DifferenceOf(record->items, Full().items), "");
}

TEST(SlateRecord, DamagedBytesAreRefused) {
  const store::StoredSlate whole = Stored(Full());
  for (size_t size = 0; size < whole.bytes.size(); ++size) {
    store::StoredSlate cut = whole;
    cut.bytes.resize(size);
    EXPECT_FALSE(DecodeSlate({}, cut)) << size;
  }
  store::StoredSlate longer = whole;
  longer.bytes.push_back('\0');
  EXPECT_FALSE(DecodeSlate({}, longer));
}

TEST(SlateRecord, TheFirstDifferenceIsNamed) {
  SlateRecord other = Full();
  other.items[1].score = 0.0;  // the other zero
  EXPECT_THAT(DifferenceOf(Full().items, other.items), HasSubstr("place 2: score of item i4"));
  other = Full();
  other.items[0].predictions[1] = 0.2000001f;
  EXPECT_THAT(DifferenceOf(Full().items, other.items), HasSubstr("prediction 1 of item i3"));
  other = Full();
  other.items.pop_back();
  EXPECT_EQ(DifferenceOf(Full().items, other.items), "2 items, now 1");
  other = Full();
  other.items[0].sources[1].from = "i8";
  EXPECT_THAT(DifferenceOf(Full().items, other.items), HasSubstr("sources"));
}

TEST(SlateRecord, ImpressionsAreThoseOfAClientThatSawAll) {
  const std::vector<schema::RawEvent> events = ImpressionsOf(Full());
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].type, schema::EventType::kImpression);
  EXPECT_EQ(events[0].request, "00000000000000ff");
  EXPECT_EQ(events[0].position, 203);  // after 200 of earlier pages and 2 that were left out
  EXPECT_EQ(events[1].source, "co-watch");
  EXPECT_EQ(events[1].source_score, 3);
  EXPECT_EQ(events[0].propensity, 0.25f);
  EXPECT_EQ(events[1].current_item, "i9");
  EXPECT_EQ(events[1].time_ms, 1234);
}

class SlateLogTest : public testing::Test {
 protected:
  std::vector<std::string> Impressions(const std::string& user) {
    std::vector<std::string> items;
    EXPECT_TRUE(service_.store()->EventsOf(user, 0, [&](uint64_t, const schema::RawEvent& event) {
      if (event.type == schema::EventType::kImpression) items.push_back(event.item);
      return Ok();
    }));
    return items;
  }
  static std::vector<std::string> ItemsOf(const std::vector<Recommendation>& items) {
    std::vector<std::string> ids;
    for (const Recommendation& one : items) ids.push_back(one.id);
    return ids;
  }
  // Files of the store that have these bytes.
  std::vector<std::string> FilesWith(const std::string& bytes) {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(service_.project().store())) {
      const auto read = base::ReadFile(file.path());
      if (read && read->find(bytes) != std::string::npos) {
        names.push_back(file.path().filename().string());
      }
    }
    return names;
  }
  void PostClick(const std::string& user) {
    schema::RawEvent click{.user = user, .item = "i3", .type = schema::EventType::kClick};
    click.time_ms = schema::kNoTime;
    ASSERT_TRUE(service_->PostEvents({click}, {}));
  }
  EngineOptions With(int64_t days, bool impressions) {
    EngineOptions options;
    options.slates = {.keep_days = days, .impressions = impressions};
    return options;
  }
  TestService service_;
};

TEST_F(SlateLogTest, WhatWasServedIsFoundByItsRequestAlsoAfterARestart) {
  const auto slate = service_->Recommend({.user = "u", .n = 5, .device = "tv"});
  ASSERT_TRUE(slate);
  service_.Restart();
  const auto record = service_->Served(slate->request);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->request.device, "tv");
  EXPECT_EQ(record->bundle_version, "v000001");
  EXPECT_EQ(DifferenceOf(slate->items, record->items), "");
  EXPECT_EQ(service_->Served("0000000000000001").error().code, Code::kNotFound);
}

TEST_F(SlateLogTest, NextPagesAreKnownAfterARestart) {
  const auto first = service_->Recommend({.user = "u", .n = 5});
  service_.Restart();
  const auto generation = service_->generation();
  const auto second = service_->Recommend(*generation, {.user = "u", .n = 5}, first->request);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(service_->Served(second->request)->request.exclude, ItemsOf(first->items));
  EXPECT_EQ(service_->Recommend(*generation, {.user = "u1"}, first->request).error().code,
            Code::kNotFound);
}

TEST_F(SlateLogTest, SlatesGoWithTheirUserAndWithTime) {
  const auto first = service_->Recommend({.user = "u"});
  const auto second = service_->Recommend({.user = "u1"});
  ASSERT_TRUE(service_->Served(first->request));
  ASSERT_TRUE(service_->Forget("u"));
  EXPECT_FALSE(service_->Served(first->request));
  EXPECT_TRUE(service_->Served(second->request));
  service_.clock().Advance(31 * 24 * 3600 * 1000L);
  service_.Restart();
  // In the background, after the start.
  for (int i = 0; i < 1000 && service_->Served(second->request); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_FALSE(service_->Served(second->request));
}

constexpr const char* kLeaving = "leaving@example.org";

TEST_F(SlateLogTest, AnAnswerUnderWayWhenItsUserIsForgottenLeavesNothing) {
  service_.Restart(With(30, true));
  PostClick(kLeaving);
  const auto generation = service_->generation();
  const auto slate = service_->Recommend(*generation, {.user = kLeaving, .n = 3}, "",
                                         [&](std::vector<Recommendation>*) {
                                           const auto forgotten = service_->Forget(kLeaving);
                                           EXPECT_TRUE(forgotten) << forgotten.error().message;
                                         });
  ASSERT_TRUE(slate);
  EXPECT_FALSE(service_->Served(slate->request));
  EXPECT_THAT(Impressions(kLeaving), IsEmpty());
  EXPECT_EQ(service_->Recommend(*generation, {.user = kLeaving}, slate->request).error().code,
            Code::kNotFound);
  EXPECT_THAT(FilesWith(kLeaving), IsEmpty());
  // Who comes back is a new user.
  const auto next = service_->Recommend({.user = kLeaving, .n = 3});
  EXPECT_TRUE(service_->Served(next->request));
  EXPECT_EQ(Impressions(kLeaving).size(), 3u);
  EXPECT_TRUE(service_->Recommend(*generation, {.user = kLeaving}, next->request));
}

TEST_F(SlateLogTest, AnAnswerOnItsWayToTheLogWhenItsUserIsForgottenIsNotWritten) {
  service_.Restart(With(30, true));
  store::Gate gate;
  service_.store()->before_commit = [&] {
    gate.Wait();
    return Ok();
  };
  const auto writing = service_->Recommend({.user = kLeaving, .n = 3});
  ASSERT_TRUE(gate.WaitUntilHere(1));
  const auto waiting = service_->Recommend({.user = kLeaving, .n = 3});
  const auto other = service_->Recommend({.user = "u1", .n = 3});
  ASSERT_TRUE(service_->Forget(kLeaving));
  gate.Open();
  EXPECT_FALSE(service_->Served(writing->request));
  EXPECT_FALSE(service_->Served(waiting->request));
  EXPECT_TRUE(service_->Served(other->request));
  EXPECT_THAT(Impressions(kLeaving), IsEmpty());
  EXPECT_THAT(FilesWith(kLeaving), IsEmpty());
  EXPECT_EQ(service_->status().slates.written, 1u);
  EXPECT_EQ(service_->status().slates.lost, 0u);
}

TEST_F(SlateLogTest, AFlushWaitsForWhatWasKeptBeforeAlsoWhileUsersAreForgotten) {
  store::Gate gate;
  service_.store()->before_commit = [&] {
    gate.Wait();
    return Ok();
  };
  ASSERT_TRUE(service_->Recommend({.user = "u1"}));
  ASSERT_TRUE(gate.WaitUntilHere(1));
  std::atomic<bool> begun = false;
  auto flushed = std::async(std::launch::async, [&] {
    begun = true;
    service_->Flush();
  });
  while (!begun) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_TRUE(service_->Recommend({.user = kLeaving}));
  auto forgotten = std::async(std::launch::async, [&] { return service_->Forget(kLeaving); });
  EXPECT_EQ(flushed.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  gate.Open();
  EXPECT_TRUE(forgotten.get());
  flushed.get();
  EXPECT_EQ(service_->status().slates.written, 1u);
}

TEST_F(SlateLogTest, WithoutDaysNothingIsLogged) {
  service_.Restart(With(0, false));
  const auto slate = service_->Recommend({.user = "u"});
  EXPECT_FALSE(service_->Served(slate->request));
  EXPECT_EQ(service_.store()->last_sequence(), 0u);
}

TEST_F(SlateLogTest, ImpressionsAreWrittenOnceWhoeverSendsThem) {
  service_.Restart(With(30, true));
  const auto slate = service_->Recommend({.user = "u", .n = 3});
  schema::RawEvent sent{.user = "u", .item = slate->items[1].id, .request = slate->request};
  sent.time_ms = schema::kNoTime;
  schema::RawEvent other = sent;
  other.item = "i39";  // not of the answer
  schema::RawEvent click = sent;
  click.type = schema::EventType::kClick;
  const auto posted =
      service_->PostEvents({sent, other, click}, std::vector<std::string>{"", "", ""});
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ(posted->accepted, 2u);
  EXPECT_EQ(posted->duplicates, 1u);
  std::vector<std::string> expected = ItemsOf(slate->items);
  expected.push_back("i39");
  EXPECT_EQ(Impressions("u"), expected);
  // They are in the state as if the client had sent them.
  EXPECT_GE(service_->State("u")->totals().events, 5u);
}

TEST_F(SlateLogTest, ImpressionsOfTheServerBringNoNameThatAClientMadeUp) {
  service_.Restart(With(30, true));
  const auto names = [&] {
    const catalogue::Catalogue& catalogue = service_->generation()->catalogue();
    std::vector<uint32_t> sizes;
    for (const schema::IdSpace space : {schema::IdSpace::kDevice, schema::IdSpace::kRegion,
                                        schema::IdSpace::kItem, schema::IdSpace::kQuery}) {
      sizes.push_back(catalogue.size(space));
    }
    return sizes;
  };
  const std::vector<uint32_t> before = names();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(service_->Recommend({.user = "u",
                                     .n = 3,
                                     .device = fmt::format("device {}", i),
                                     .region = fmt::format("region {}", i),
                                     .current_item = fmt::format("item {}", i)}));
  }
  ASSERT_TRUE(service_->Recommend({.user = "u", .n = 3, .region = "DE"}));
  service_->Flush();
  ASSERT_TRUE(service_->State("u"));  // numbers names of the stored events
  EXPECT_EQ(names(), before);
  std::vector<std::string> regions;
  ASSERT_TRUE(service_.store()->EventsOf("u", 0, [&](uint64_t, const schema::RawEvent& event) {
    regions.push_back(event.region);
    return Ok();
  }));
  ASSERT_EQ(regions.size(), 18u);
  EXPECT_EQ(regions.front(), "");
  EXPECT_EQ(regions.back(), "DE") << "what is known stays";
}

TEST_F(SlateLogTest, ByDefaultImpressionsAreThoseOfClients) {
  const auto slate = service_->Recommend({.user = "u", .n = 3});
  service_->Flush();
  EXPECT_THAT(Impressions("u"), IsEmpty());
  schema::RawEvent sent{.user = "u", .item = slate->items[1].id, .request = slate->request};
  sent.time_ms = schema::kNoTime;
  EXPECT_EQ(service_->PostEvents({sent}, {})->accepted, 1u);
  EXPECT_THAT(Impressions("u"), ElementsAre(slate->items[1].id));
}

TEST_F(SlateLogTest, AStoreThatCannotBeWrittenLosesSlatesAndNoAnswer) {
  service_.store()->before_commit = [] { return Unavailable("the disk"); };
  ASSERT_TRUE(service_->Recommend({.user = "u"}));
  service_->Flush();
  service_.store()->before_commit = {};
  EXPECT_EQ(service_->status().slates.lost, 1u);
  EXPECT_EQ(service_->status().slates.written, 0u);
}

}  // namespace
}  // namespace upnext::serving
