#include "serving/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>

#include "base/config.h"
#include "schema/event.h"
#include "schema/schema.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

class RowsTest : public testing::Test {
 protected:
  std::vector<Row> Make(const std::vector<RowRequest>& rows, const std::string& user = "u") {
    auto made = MakeRows(*service_, *service_->generation(), {.user = user}, rows);
    EXPECT_TRUE(made) << made.error().message;
    return made ? *std::move(made) : std::vector<Row>();
  }
  uint32_t Attribute(std::string_view name) const {
    return *schema::Schema().FindAttribute(schema::Entity::kItem, name);
  }
  TestService service_{{.items = 200}};
};

TEST_F(RowsTest, NoItemIsInTwoRowsAndEachRowIsASlate) {
  const auto rows = Make(
      {{.n = 6},
       {.kind = RowRequest::Kind::kBecause, .n = 6},
       {.kind = RowRequest::Kind::kBecause, .n = 6},
       {.kind = RowRequest::Kind::kSegments, .n = 2, .attribute = Attribute("channel"), .each = 3},
       {.n = 6}});
  ASSERT_EQ(rows.size(), 5u);
  std::set<std::string> items, requests;
  for (const Row& row : rows) {
    EXPECT_FALSE(row.slate.items.empty());
    EXPECT_TRUE(requests.insert(row.slate.request).second);
    for (const Recommendation& one : row.slate.items) {
      EXPECT_TRUE(items.insert(one.id).second) << one.id;
    }
  }
  EXPECT_EQ(rows[0].slate.items.size(), 6u);
  // A row is known for its next page, as any feed.
  const auto next =
      service_->Recommend(*service_->generation(), {.user = "u", .n = 5}, rows[4].slate.request);
  ASSERT_TRUE(next) << next.error().message;
}

TEST_F(RowsTest, BecauseIsForWhatTheUserWatchedAndForEachOnce) {
  const RowRequest because{.kind = RowRequest::Kind::kBecause, .n = 4};
  const auto rows = Make({because, because});
  const auto state = service_->State("u");
  std::set<std::string> watched;
  for (const auto& one : state->watches()) {
    watched.insert(service_->generation()->catalogue().Name(schema::IdSpace::kItem, one.id));
  }
  for (const Row& row : rows) {
    EXPECT_TRUE(watched.contains(row.because)) << row.because;
    EXPECT_THAT(row.because_title, HasSubstr("Title of"));
    for (const Recommendation& one : row.slate.items) EXPECT_FALSE(watched.contains(one.id));
  }
  EXPECT_NE(rows[0].because, rows[1].because);
  const auto nobody = Make({because}, "nobody");
  EXPECT_EQ(nobody[0].because, "");
  EXPECT_TRUE(nobody[0].slate.items.empty());
  EXPECT_THAT(nobody[0].slate.notes.at(0), HasSubstr("nothing that the user did lately"));
}

TEST_F(RowsTest, SegmentsAreTheBestValuesWithTheirItems) {
  const auto rows = Make({{.kind = RowRequest::Kind::kSegments,
                           .n = 3,
                           .attribute = Attribute("channel"),
                           .each = 2}});
  const auto& catalogue = service_->generation()->catalogue();
  ASSERT_EQ(rows[0].segments.size(), 3u);
  size_t at = 0;
  std::set<std::string> values;
  for (const Segment& segment : rows[0].segments) {
    EXPECT_TRUE(values.insert(segment.value).second);
    EXPECT_EQ(segment.items, 2u);
    for (size_t i = 0; i < segment.items; ++i, ++at) {
      const uint32_t channel = catalogue.item(rows[0].slate.items.at(at).item).channel;
      EXPECT_EQ(catalogue.Name(schema::IdSpace::kChannel, channel), segment.value);
    }
  }
  EXPECT_EQ(at, rows[0].slate.items.size());
  // The best item of all is of a value that is shown.
  const auto feed = service_->generation()->Recommend({.user = "u", .n = 1});
  EXPECT_TRUE(values.contains(
      catalogue.Name(schema::IdSpace::kChannel, catalogue.item(feed->items[0].item).channel)));
}

TEST_F(RowsTest, RowsHaveOneTimeBudgetAndThoseItDoesNotSufficeForSaySo) {
  const auto make_within = [&](double budget_ms) {
    const auto config =
        base::Config::Parse(fmt::format("[serving]\nbudget_ms = {}\n", budget_ms), "upnext.toml");
    service_.Restart(EngineOptions::FromConfig(*config));
    return Make({{.n = 6},
                 {.kind = RowRequest::Kind::kBecause, .n = 6},
                 {.kind = RowRequest::Kind::kSegments, .attribute = Attribute("channel")}});
  };
  for (const Row& row : make_within(0)) EXPECT_FALSE(row.slate.items.empty()) << "no budget";
  const auto late = make_within(1e-6);
  ASSERT_EQ(late.size(), 3u);
  for (const Row& row : late) {
    EXPECT_TRUE(row.slate.items.empty() && row.slate.request.empty());
    EXPECT_EQ(row.slate.bundle_version, "v000001");
    ASSERT_EQ(row.slate.degraded.size(), 1u);
    EXPECT_THAT(row.slate.degraded[0].reason, HasSubstr("the rows before it took the time"));
  }
}

TEST_F(RowsTest, ARequestEndsWithTheTimeThatItSharesWithOthers) {
  const auto now = service_->generation()->engine().StartClock().now();
  const auto ends = [&](std::chrono::hours from_now) {
    return service_->Recommend(*service_->generation(), {.user = "u", .n = 5}, "", {},
                               now + from_now);
  };
  EXPECT_TRUE(ends(std::chrono::hours(1))->degraded.empty());
  EXPECT_FALSE(ends(std::chrono::hours(-1))->degraded.empty());
}

TEST_F(RowsTest, AnErrorNamesTheRow) {
  const std::vector<RowRequest> rows = {{.n = 3}, {.scenario = "nowhere"}};
  const auto made = MakeRows(*service_, *service_->generation(), {.user = "u"}, rows);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("rows[1]: scenario 'nowhere'"));
}

}  // namespace
}  // namespace upnext::serving
