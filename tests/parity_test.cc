// Training and serving see the same features, to the byte: events replayed from a log on one side,
// the same events posted over HTTP to a server whose log ends earlier on the other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "examples/learn.h"
#include "examples/test_world.h"
#include "net/http_server.h"
#include "net/test_client.h"
#include "ranking/ranker.h"
#include "serving/service.h"

namespace upnext {
namespace {

using nlohmann::json;
using schema::EventType;
using schema::IdSpace;
using schema::RawEvent;

constexpr uint32_t kItems = 30;
constexpr int64_t kStart = 1'700'000'000'000;

template <typename T>
T Value(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return std::move(result).value();
}

// Events of a user in order of time, some at equal times, of every type and with every column.
std::vector<RawEvent> RandomEvents(const std::string& user, size_t n, base::Rng& rng) {
  std::vector<RawEvent> events;
  int64_t now = kStart + static_cast<int64_t>(rng.Below(3'600'000));
  while (events.size() < n) {
    if (rng.Below(4) != 0) now += static_cast<int64_t>(rng.Below(7'200'000));
    RawEvent event;
    event.user = user;
    event.time_ms = now;
    event.type = static_cast<EventType>(1 + rng.Below(schema::kEventTypes - 1));
    if (rng.Below(3) == 0) event.type = EventType::kWatch;
    event.device = rng.Below(4) == 0 ? "" : fmt::format("d{}", rng.Below(3));
    event.region = rng.Below(2) == 0 ? "" : fmt::format("r{}", rng.Below(3));
    event.off_site = rng.Below(5) == 0;
    if (event.type == EventType::kSearch) {
      event.query = fmt::format("word{} live {}", rng.Below(7), rng.Below(3));
      events.push_back(event);
      continue;
    }
    event.item = fmt::format("i{}", rng.Below(kItems) * rng.Below(kItems) / kItems);
    if (event.type == EventType::kWatch || event.type == EventType::kRating) {
      event.value = static_cast<float>(rng.Uniform() * 130);
    }
    event.request = fmt::format("q{}", now / 3'600'000);
    event.position = static_cast<uint16_t>(rng.Below(20));
    event.source = fmt::format("s{}", rng.Below(2));
    if (rng.Below(2) == 0) event.current_item = fmt::format("i{}", rng.Below(kItems));
    if (rng.Below(2) == 0) event.propensity = static_cast<float>(0.01 + 0.9 * rng.Uniform());
    events.push_back(event);
  }
  return events;
}

// Uses every string that a random event can hold, so that logs with it number them alike.
std::vector<RawEvent> EventsThatNameEverything() {
  std::vector<RawEvent> events;
  for (int n = 0; n < 21; ++n) {
    RawEvent search;
    search.user = "other";
    search.time_ms = kStart + n * 1'000;
    search.type = EventType::kSearch;
    search.query = fmt::format("word{} live {}", n % 7, n / 7);
    search.device = fmt::format("d{}", n % 3);
    search.region = fmt::format("r{}", n % 3);
    events.push_back(search);
  }
  for (int n = 0; n < 40; ++n) {
    RawEvent event;
    event.user = "other";
    event.item = fmt::format("i{}", n % 30);
    event.time_ms = kStart + 100'000 + n * 60'000;
    event.type = n % 4 == 0   ? EventType::kImpression
                 : n % 4 == 1 ? EventType::kClick
                              : EventType::kWatch;
    event.value = event.type == EventType::kWatch ? 99 : schema::kAbsent;
    event.source = fmt::format("s{}", n % 2);
    event.request = fmt::format("page{}", n / 8);
    events.push_back(event);
  }
  return events;
}

std::vector<schema::RawItem> Items() {
  std::vector<schema::RawItem> items;
  for (uint32_t i = 0; i < kItems; ++i) {
    schema::RawItem& item = items.emplace_back();
    item.item = fmt::format("i{}", i);
    item.duration_s = i % 5 == 0 ? schema::kAbsent : 100.0f;
    item.created_ms = i % 3 == 0 ? schema::kNoTime : kStart - int64_t{i} * 86'400'000;
    if (i % 7 != 0) item.channel = fmt::format("c{}", i % 4);
    item.topics = {fmt::format("t{}", i % 3), fmt::format("t{}", i % 5)};
    item.language = i % 2 == 0 ? "en" : "de";
  }
  return items;
}

// "t0" .. "t2" are in the table of users, "stranger" is not.
std::vector<schema::RawUser> Users() {
  std::vector<schema::RawUser> users;
  for (int u = 0; u < 3; ++u) {
    schema::RawUser& user = users.emplace_back();
    user.user = fmt::format("t{}", u);
    user.region = u == 2 ? "" : fmt::format("r{}", u);
    user.age = u == 1 ? schema::kAbsent : static_cast<float>(20 + u);
    user.language = "de";
  }
  return users;
}

std::string ToJson(std::span<const RawEvent> events) {
  json list = json::array();
  for (const RawEvent& event : events) {
    json& out = list.emplace_back();
    out = {{"user", event.user},
           {"type", schema::EventTypeName(event.type)},
           {"time", static_cast<double>(event.time_ms) / 1000}};
    const auto text = [&](const char* key, const std::string& value) {
      if (!value.empty()) out[key] = value;
    };
    text("item", event.item);
    text("query", event.query);
    text("request", event.request);
    text("source", event.source);
    text("device", event.device);
    text("region", event.region);
    text("current_item", event.current_item);
    if (!std::isnan(event.value)) out["value"] = event.value;
    if (!std::isnan(event.propensity)) out["propensity"] = event.propensity;
    if (event.position > 0) out["position"] = event.position;
    if (event.off_site) out["off_site"] = true;
  }
  return json{{"events", list}}.dump();
}

template <typename T>
bool SameBytes(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

// All features of a user at a moment, made as the engine makes them.
struct Features {
  features::CandidateBatch candidate;
  features::RankingBlock query{features::Side::kQuery};
  features::RankingBlock impressions{features::Side::kImpression};

  Features(const features::FeatureStatistics& tables, const catalogue::Catalogue& catalogue,
           const features::UserState& state, const std::string& user_name, int64_t time_ms) {
    const schema::User user = catalogue.user(catalogue.Find(IdSpace::kUser, user_name));
    const features::Context context{.time_ms = time_ms,
                                    .device = catalogue.Find(IdSpace::kDevice, "d1"),
                                    .region = catalogue.Find(IdSpace::kRegion, "r2"),
                                    .current_item = catalogue.Find(IdSpace::kItem, "i3")};
    features::CandidateExtractor(tables, catalogue).Append(state, user, context, 0, &candidate);
    const features::RankingExtractor ranking(tables, catalogue);
    ranking.AppendQuery(state, user, context, &query);
    for (uint32_t i = 0; i < kItems; ++i) {
      const features::Candidate of{
          .item = catalogue.Find(IdSpace::kItem, fmt::format("i{}", i)),
          .source = catalogue.Find(IdSpace::kSource, fmt::format("s{}", i % 3))};
      ranking.AppendImpression(state, user, context, of, &impressions);
    }
  }
};

void ExpectSame(const features::RankingBlock& a, const features::RankingBlock& b) {
  EXPECT_EQ(features::Digest(a), features::Digest(b));
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.categorical, b.categorical);
  EXPECT_TRUE(SameBytes(a.raw, b.raw));
  EXPECT_TRUE(SameBytes(a.dense, b.dense));
}

void ExpectSame(const Features& a, const Features& b) {
  EXPECT_EQ(features::Digest(a.candidate), features::Digest(b.candidate));
  EXPECT_EQ(a.candidate.watches, b.candidate.watches);
  EXPECT_EQ(a.candidate.tokens, b.candidate.tokens);
  EXPECT_EQ(a.candidate.region, b.candidate.region);
  EXPECT_EQ(a.candidate.device, b.candidate.device);
  EXPECT_TRUE(SameBytes(a.candidate.dense, b.candidate.dense));
  ExpectSame(a.query, b.query);
  ExpectSame(a.impressions, b.impressions);
}

// The server's side: a log of `events`, a bundle learned from it, and a server over both.
class Server {
 public:
  explicit Server(std::vector<RawEvent> events) {
    base::VersionedRoot logs(folder_ / "log"), bundles(folder_ / "bundles");
    const std::filesystem::path staged = Value(logs.Begin());
    EXPECT_TRUE(log::WriteEventLog(staged, events, Items(), Users()));
    EXPECT_TRUE(logs.SetCurrent(Value(logs.Publish(staged))));
    const examples::World world({.events = std::move(events),
                                 .items = Items(),
                                 .users = Users(),
                                 .split = {.kind = examples::SplitOptions::Kind::kNone}});
    const features::FeatureStatistics tables = world.Learn();
    base::Rng rng(9);
    const ranking::Ranker ranker = Value(ranking::Ranker::Make({.widths = {8}, .init_scale = 0.5f},
                                                               ranking::ObjectivesFromConfig({}),
                                                               ranking::ShapeOf(tables), rng));
    const retrieval::PopularItems popular = retrieval::PopularItems::Learn(world.source);
    bundle::Parts parts;
    parts.tables = &tables;
    parts.popular = &popular;
    parts.ranker = &ranker;
    bundle::Manifest manifest;
    manifest.log_version = "v000001";
    const std::filesystem::path staged_bundle = Value(bundles.Begin());
    EXPECT_TRUE(bundle::WriteBundle(staged_bundle, parts, &manifest));
    EXPECT_TRUE(bundles.SetCurrent(Value(bundles.Publish(staged_bundle))));
    Restart();
  }
  void Restart() {
    client_.reset();
    http_.reset();
    service_.reset();
    service_ = Value(serving::Service::Start({.log_root = folder_ / "log",
                                              .bundle_root = folder_ / "bundles",
                                              .store = folder_ / "store",
                                              .engine = {},
                                              .rule = {},
                                              .clock = &clock_}));
    http_ = Value(net::HttpServer::Start({.port = 0, .threads = 2}, *service_));
    client_.emplace(http_->port());
  }
  void Post(std::span<const RawEvent> events) {
    const auto answer = client_->Ask(net::TestClient::Post("/v1/events", ToJson(events)));
    ASSERT_EQ(answer.status, 200) << answer.body;
    ASSERT_EQ(json::parse(answer.body)["accepted"], events.size());
  }
  json Ask(const std::string& target) {
    return json::parse(client_->Ask(net::TestClient::Get(target)).body);
  }
  serving::Service& service() { return *service_; }
  base::FixedClock& clock() { return clock_; }

 private:
  const base::TestFolder folder_;
  base::FixedClock clock_{kStart};
  std::unique_ptr<serving::Service> service_;
  std::unique_ptr<net::HttpServer> http_;
  std::optional<net::TestClient> client_;
};

// Four users with random histories; the server's log holds a random share of each.
struct Histories {
  std::map<std::string, std::vector<RawEvent>> events;
  std::map<std::string, size_t> known;  // to the server's log

  Histories(uint64_t seed, size_t n) {
    base::Rng rng(seed);
    for (const std::string user : {"t0", "t1", "t2", "stranger"}) {
      events[user] = RandomEvents(user, n, rng);
      known[user] = user == "t0" || user == "stranger" ? 0 : rng.Below(n);
    }
  }
  std::vector<RawEvent> Log(bool whole) const {
    std::vector<RawEvent> log = EventsThatNameEverything();
    for (const auto& [user, of_user] : events) {
      const size_t n = whole ? of_user.size() : known.at(user);
      log.insert(log.end(), of_user.begin(), of_user.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return log;
  }
};

class ParityTest : public testing::TestWithParam<uint64_t> {
 protected:
  void Start(size_t events_each) {
    histories_.emplace(GetParam(), events_each);
    server_ = std::make_unique<Server>(histories_->Log(/*whole=*/false));
    replay_ = std::make_unique<examples::World>(
        examples::WorldOptions{.events = histories_->Log(/*whole=*/true),
                               .items = Items(),
                               .users = Users(),
                               .split = {.kind = examples::SplitOptions::Kind::kNone}});
    for (size_t space = 1; space < schema::kIdSpaces; ++space) {  // all but users
      const auto id_space = static_cast<IdSpace>(space);
      ASSERT_EQ(server_->service().catalogue().size(id_space), replay_->catalogue.size(id_space));
    }
  }
  features::UserState Replayed(const std::string& user, size_t events) const {
    const uint32_t id = replay_->user(user);
    return examples::StateAt(replay_->source, id, replay_->log.begin(id) + events);
  }
  void Compare(const std::string& user, size_t events) {
    SCOPED_TRACE(fmt::format("{} after {} events", user, events));
    const features::UserState replayed = Replayed(user, events);
    const features::UserState served = Value(server_->service().State(user));
    EXPECT_EQ(served.Serialize(), replayed.Serialize());
    const features::FeatureStatistics& tables = server_->service().bundle().tables();
    const int64_t now = kStart + 40LL * 86'400'000;
    ExpectSame(Features(tables, server_->service().catalogue(), served, user, now),
               Features(tables, replay_->catalogue, replayed, user, now));
  }

  std::optional<Histories> histories_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<examples::World> replay_;
};

TEST_P(ParityTest, ReplayedAndServedFeaturesAreEqualToTheByte) {
  Start(/*events_each=*/120);
  base::Rng rng(GetParam() + 1'000);
  std::map<std::string, size_t> sent = histories_->known;
  for (const auto& [user, n] : sent) Compare(user, n);
  while (!HasFailure()) {
    // A batch with the next events of some users, now and then a restart.
    std::vector<RawEvent> batch;
    for (auto& [user, n] : sent) {
      const std::vector<RawEvent>& all = histories_->events[user];
      for (uint64_t take = rng.Below(9); take > 0 && n < all.size(); --take) {
        batch.push_back(all[n++]);
      }
    }
    if (!batch.empty()) server_->Post(batch);
    if (rng.Below(6) == 0) server_->Restart();
    bool all_sent = true;
    for (const auto& [user, n] : sent) {
      Compare(user, n);
      all_sent &= n == histories_->events[user].size();
    }
    if (all_sent) break;
  }
}

TEST_P(ParityTest, ServedPredictionsAreThoseOfReplayedFeatures) {
  Start(/*events_each=*/40);
  server_->clock().Set(kStart + 30LL * 86'400'000);
  for (const auto& [user, all] : histories_->events) {
    SCOPED_TRACE(user);
    server_->Post(std::span(all).subspan(histories_->known[user]));
    const json slate = server_->Ask(
        fmt::format("/v1/recommendations?user={}&n=10&explain=1&device=d2&region=r0", user));
    ASSERT_FALSE(slate["items"].empty()) << slate;
    const features::FeatureStatistics& tables = server_->service().bundle().tables();
    const catalogue::Catalogue& catalogue = replay_->catalogue;
    const features::UserState state = Replayed(user, all.size());
    const schema::User attributes = catalogue.user(replay_->user(user));
    const features::Context context{.time_ms = server_->clock().NowMs(),
                                    .device = catalogue.Find(IdSpace::kDevice, "d2"),
                                    .region = catalogue.Find(IdSpace::kRegion, "r0")};
    features::RankingBlock query(features::Side::kQuery), items(features::Side::kImpression);
    const features::RankingExtractor extractor(tables, catalogue);
    extractor.AppendQuery(state, attributes, context, &query);
    for (const json& item : slate["items"]) {
      const std::string source = item["sources"][0]["source"];
      extractor.AppendImpression(state, attributes, context,
                                 {.item = replay_->item(item["item"].get<std::string>()),
                                  .source = catalogue.Find(IdSpace::kSource, source)},
                                 &items);
    }
    const ranking::Ranker& ranker = *server_->service().bundle().ranker();
    const size_t tasks = ranker.objectives().size();
    std::vector<float> predictions(items.rows * tasks);
    ranking::Ranker::Scratch scratch;
    ranker.Score(query, items, std::vector<uint32_t>(items.rows, 0), predictions.data(), scratch,
                 {});
    for (size_t i = 0; i < items.rows; ++i) {
      for (size_t k = 0; k < tasks; ++k) {
        const float served = slate["items"][i]["predictions"][ranker.objectives()[k].name];
        EXPECT_NEAR(served, predictions[i * tasks + k], 1e-5 * std::max(1.0f, std::abs(served)));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ParityTest, testing::Values(1, 2, 3, 4));

}  // namespace
}  // namespace upnext
