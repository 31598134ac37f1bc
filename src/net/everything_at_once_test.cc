// All that a server does at the same time, over sockets: events, feeds of every kind, items added and deleted, users
// forgotten and merged, new bundles and logs. Made for the thread sanitizer (preset tsan); everywhere it proves that
// nothing acknowledged is lost, nothing deleted is served, and every answer is of one version.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/config.h"
#include "base/versioned_root.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "net/test_server.h"
#include "serving/follower.h"

namespace upnext::net {
namespace {

using nlohmann::json;

constexpr std::string_view kBusySite = R"(
[serving]
log_impressions = true
[scenario.home]
explore = 0.2
diversity = 0.3
at_most = { channel = 6 }
rotation = 0.5
)";

class EverythingAtOnceTest : public ServerTest {
 protected:
  // Calls `step` with 0, 1, .. and a connection of its own until the test ends.
  void Repeat(const std::string& name, std::function<void(TestClient&, uint64_t)> step) {
    counts_.push_back({name, std::make_unique<std::atomic<uint64_t>>(0)});
    threads_.emplace_back([this, step, count = counts_.back().second.get()] {
      TestClient client(port());
      for (uint64_t i = 0; !stop_; ++i) {
        step(client, i);
        ++*count;
      }
    });
  }
  json Expect(TestClient& client, const std::string& request, int status = 200) {
    const TestClient::Answer answer = client.Ask(request);
    EXPECT_EQ(answer.status, status) << request << "\n" << answer.body;
    return answer.status == status && !answer.body.empty() ? json::parse(answer.body) : json({});
  }
  static std::string Send(std::string_view method, std::string_view target,
                          std::string_view body = "") {
    return fmt::format(
        "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        method, target, body.size(), body);
  }
  static std::string Watch(const std::string& who, uint64_t item) {
    return fmt::format(R"({{{}, "type": "watch", "item": "i{}", "value": 90}})", who, item % 40);
  }
  static std::string Events(const std::string& events) {
    return TestClient::Post("/v1/events", R"({"events": [)" + events + "]}");
  }
  static bool Has(const json& slate, const std::string& item) {
    return std::ranges::any_of(slate.value("items", json::array()),
                               [&](const json& one) { return one["item"] == item; });
  }

  void Ask(TestClient& client, uint64_t i) {
    const std::string user = bundle::TestUser(static_cast<uint32_t>(i % 14));
    const json home =
        Expect(client, TestClient::Get("/v1/recommendations?n=10&scenario=home&user=" + user));
    EXPECT_FALSE(Has(home, "i1")) << "it was removed before the start";
    // The second page is of the same versions or of later ones, and repeats nothing.
    const json next =
        Expect(client, TestClient::Get(fmt::format("/v1/recommendations?n=10&user={}&after={}",
                                                   user, home.value("request", ""))));
    for (const json& item : home.value("items", json::array())) {
      EXPECT_FALSE(Has(next, item["item"]));
    }
    Expect(client, TestClient::Get(fmt::format("/v1/items/i{}/similar?n=5&user={}", i % 40, user)));
    Expect(client,
           TestClient::Post("/v1/recommendations",
                            fmt::format(R"({{"user": "{}", "filter": "item.channel != \"c1\"",
                                "rows": [{{"scenario": "home", "n": 4}}, {{"because": true}}]}})",
                                        user)));
    Expect(client, TestClient::Get(fmt::format(
                       "/v1/users/{}", bundle::TestUser(static_cast<uint32_t>(1 + i % 11)))));
  }
  // An item is in a list of given items from its acknowledgement to its deletion.
  void AddAndDelete(TestClient& client, uint64_t i) {
    const std::string item = fmt::format("new{}", i);
    const std::string given =
        TestClient::Post("/v1/recommendations", fmt::format(R"({{"user": "u2", "n": 3,
            "items": ["{}", "i2", "i3"]}})",
                                                            item));
    Expect(client, Send("PUT", "/v1/items/" + item,
                        R"({"created": 1100000, "duration": 100, "channel": "c1"})"));
    EXPECT_TRUE(Has(Expect(client, given), item));
    Expect(client, Send("PATCH", "/v1/items/" + item, R"({"channel": "c2"})"));
    Expect(client, Send("DELETE", "/v1/items/" + item));
    EXPECT_FALSE(Has(Expect(client, given), item));
  }
  void ForgetAndMerge(TestClient& client, uint64_t i) {
    const std::string user = fmt::format("gone{}", i), session = fmt::format("s{}", i);
    Expect(client, TestClient::Get("/v1/recommendations?n=5&session=" + session));
    Expect(client, Events(Watch(fmt::format(R"("session": "{}")", session), i)));
    const json merged =
        Expect(client, TestClient::Post(fmt::format("/v1/users/{}/merge", user),
                                        fmt::format(R"({{"session": "{}"}})", session)));
    EXPECT_GE(merged.value("merged", 0), 1);
    Expect(client, TestClient::Get("/v1/recommendations?n=5&user=" + user));
    const json history = Expect(client, TestClient::Get(fmt::format("/v1/users/{}/history", user)));
    EXPECT_TRUE(std::ranges::any_of(history.value("events", json::array()), [](const json& event) {
      return event["type"] == "watch";
    })) << history;
    Expect(client, Send("DELETE", "/v1/users/" + user));
    const auto state = service_->State(user);
    EXPECT_TRUE(state && state->totals().events == 0);
  }
  // A new bundle or log, by turns, each served when this returns.
  void TakeUp(serving::Follower& follower, uint64_t i) {
    base::VersionedRoot bundles(service_.project().bundle_root());
    if (i % 2 == 0) {
      const auto staged = bundles.Begin();
      ASSERT_TRUE(staged);
      std::filesystem::copy(service_.project().bundle_folder(), *staged,
                            std::filesystem::copy_options::recursive);
      const auto version = bundles.Publish(*staged);
      ASSERT_TRUE(version && bundles.SetCurrent(*version));
    } else {
      features::AppendToLog(
          base::VersionedRoot(service_.project().log_root()),
          {features::Watch("u", "i5", features::Minutes(19'000 + static_cast<double>(i)), 99)});
    }
    const Status taken_up = follower.TakeUpNow();
    EXPECT_TRUE(taken_up) << taken_up.error().message;
  }

  std::atomic<bool> stop_{false};
  std::vector<std::pair<std::string, std::unique_ptr<std::atomic<uint64_t>>>> counts_;
  std::vector<std::jthread> threads_;
};

TEST_F(EverythingAtOnceTest, NothingIsLostServedAfterItsDeletionOrMixed) {
  const auto config = base::Config::Parse(kBusySite, "upnext.toml");
  ASSERT_TRUE(config);
  service_.Restart(serving::EngineOptions::FromConfig(*config));
  Start();
  serving::Follower follower(*service_, service_.store(),
                             {.service = service_.options(), .every = std::chrono::hours(1)});
  for (const std::string user : {"single", "batch"}) {
    Repeat(user, [this, user](TestClient& client, uint64_t i) {
      const std::string who = fmt::format(R"("user": "{}")", user), event = Watch(who, i);
      Expect(client, Events(user == "batch" ? event + ", " + Watch(who, i + 1) : event));
    });
  }
  for (const char* name : {"ask", "ask too"}) {
    Repeat(name, [this](TestClient& client, uint64_t i) { Ask(client, i); });
  }
  Repeat("add and delete", [this](TestClient& client, uint64_t i) { AddAndDelete(client, i); });
  Repeat("forget", [this](TestClient& client, uint64_t i) { ForgetAndMerge(client, i); });
  Repeat("take up", [&](TestClient&, uint64_t i) { TakeUp(follower, i); });
  Repeat("status", [this](TestClient& client, uint64_t i) {
    const bool page = i % 2 == 0;
    const auto answer = client.Ask(TestClient::Get(page ? "/metrics" : "/v1/status"));
    EXPECT_EQ(answer.status, 200) << answer.body;
  });
  const auto all_did = [this](uint64_t times) {
    return std::ranges::all_of(counts_, [=](const auto& one) { return *one.second >= times; });
  };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(90);
  while (!all_did(6) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  stop_ = true;
  threads_.clear();
  for (const auto& [name, count] : counts_) EXPECT_GE(*count, 6u) << name;
  EXPECT_EQ(service_->State("single")->totals().events, *counts_[0].second);
  EXPECT_EQ(service_->State("batch")->totals().events, 2 * *counts_[1].second);
  EXPECT_EQ(service_->status().take_ups.failed, 0u);
}

}  // namespace
}  // namespace upnext::net
