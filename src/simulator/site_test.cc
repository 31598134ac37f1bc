#include "simulator/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "base/checksum.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "simulator/music_site.h"
#include "simulator/news_site.h"
#include "simulator/shop_site.h"

namespace upnext::simulator {
namespace {

using Kind = SiteOptions::Kind;

std::vector<SiteEvent> EventsOf(const SimulatedSite& site, uint32_t users) {
  std::vector<SiteEvent> events;
  for (uint32_t user = 0; user < users; ++user) site.AddUser(user, &events);
  return events;
}

size_t CountAction(const std::vector<SiteEvent>& events, std::string_view action) {
  return static_cast<size_t>(std::ranges::count(events, action, &SiteEvent::action));
}

TEST(SimulatedSite, TheBytesDependOnTheOptionsAlone) {
  for (const Kind kind : {Kind::kShop, Kind::kNews, Kind::kMusic}) {
    const base::TestFolder a, b, c;
    const SiteOptions options{.kind = kind, .users = 60, .items = 120, .days = 5, .seed = 3};
    SiteOptions other = options;
    other.seed = 4;
    const auto bytes = [](const SiteOptions& of, const base::TestFolder& folder) {
      EXPECT_TRUE(SimulateSite(of, folder.path(), base::NoProgress()));
      return base::ReadFile(folder / "events.csv").value();
    };
    EXPECT_EQ(bytes(options, a), bytes(options, b));
    EXPECT_NE(bytes(options, a), bytes(other, c));
  }
}

TEST(SimulatedSite, AUsersEventsRiseInTimeAndStayInTheWindow) {
  const SiteOptions options{.users = 200, .items = 240, .days = 8, .seed = 1};
  for (const auto& make : {MakeShopSite, MakeNewsSite, MakeMusicSite}) {
    const auto site = make(options);
    for (uint32_t user = 0; user < options.users; ++user) {
      std::vector<SiteEvent> events;
      site->AddUser(user, &events);
      EXPECT_TRUE(std::ranges::is_sorted(events, {}, &SiteEvent::time_ms));
      for (const SiteEvent& event : events) {
        ASSERT_GE(event.time_ms, kSiteStartMs);
        ASSERT_LT(event.time_ms, SiteTime(options.days + 0.2));
      }
    }
  }
}

TEST(ShopSite, PurchasesFollowViewsAndCartsAndBringTheirComplements) {
  const auto site = MakeShopSite({.users = 3000, .items = 1200, .days = 60});
  const std::vector<SiteEvent> events = EventsOf(*site, 3000);
  const size_t views = CountAction(events, "view"), carts = CountAction(events, "add_to_cart"),
               purchases = CountAction(events, "purchase");
  EXPECT_GT(purchases, 2000u);
  EXPECT_GT(carts, purchases);
  EXPECT_GT(views, 3 * carts);
  std::set<std::pair<uint32_t, uint32_t>> in_cart;
  std::map<std::pair<uint32_t, uint32_t>, size_t> times;
  for (const SiteEvent& event : events) {
    if (event.action == "add_to_cart") in_cart.insert({event.user, event.item});
    if (event.action != "purchase") continue;
    EXPECT_TRUE(in_cart.contains({event.user, event.item}));
    ++times[{event.user, event.item}];
  }
  EXPECT_GT(std::ranges::count_if(times, [](const auto& of) { return of.second > 1; }), 100)
      << "what is used up is bought again";
}

TEST(NewsSite, ArticlesLiveADayAndManyReadersComeOnce) {
  const SiteOptions options{.users = 1000, .items = 450, .days = 7};
  const auto site = MakeNewsSite(options);
  const std::vector<SiteEvent> events = EventsOf(*site, options.users);
  std::map<uint32_t, std::pair<int64_t, int64_t>> clicked;  // by article: first, last
  std::map<uint32_t, std::set<int64_t>> days;               // by reader
  size_t positions = 0;
  for (const SiteEvent& event : events) {
    days[event.user].insert(event.time_ms / base::kDayMs);
    positions += event.position > 0 ? 1 : 0;
    if (event.action != "click") continue;
    auto& [first, last] =
        clicked.try_emplace(event.item, event.time_ms, event.time_ms).first->second;
    first = std::min(first, event.time_ms);
    last = std::max(last, event.time_ms);
  }
  EXPECT_EQ(positions, CountAction(events, "impression"));
  EXPECT_GT(clicked.size(), 200u);
  for (const auto& [item, times] : clicked) {
    EXPECT_LT(times.second - times.first, 1.4 * base::kDayMs);
  }
  const auto once =
      std::ranges::count_if(days, [](const auto& of) { return of.second.size() == 1; });
  EXPECT_GT(once, 100);
}

TEST(MusicSite, MostPlaysAreRepeats) {
  const SiteOptions options{.users = 200, .items = 1000, .days = 30};
  const std::vector<SiteEvent> events = EventsOf(*MakeMusicSite(options), options.users);
  std::set<std::pair<uint32_t, uint32_t>> met;
  size_t repeats = 0;
  for (const SiteEvent& event : events) {
    if (event.action == "play") repeats += met.insert({event.user, event.item}).second ? 0 : 1;
  }
  EXPECT_GT(repeats, CountAction(events, "play") / 3);
}

}  // namespace
}  // namespace upnext::simulator
