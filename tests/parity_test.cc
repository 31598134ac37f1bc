// Training and serving compute the same features, to the byte: events replayed from a log on one
// side, the same events posted over HTTP to a server whose log ends earlier on the other.
#include "parity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "bundle/bundle.h"
#include "examples/candidate_stream.h"
#include "examples/learn.h"
#include "examples/ranking_stream.h"
#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "features/retrieval_reference.h"
#include "net/event_json.h"
#include "net/http_server.h"
#include "net/test_client.h"
#include "parity_site.h"
#include "ranking/ranker.h"
#include "retrieval/test_reference.h"
#include "serving/service.h"

namespace upnext {
namespace {

using nlohmann::json;
using schema::IdSpace;
using schema::RawEvent;

constexpr int64_t kStart = ParitySite::kStart;

template <typename T>
T Value(Result<T> result) {
  if (!result) ADD_FAILURE() << result.error().message;
  return std::move(result).value();
}

// Statistics of a world, with a reference candidate model that has seen nothing of it.
features::FeatureStatistics WithReference(const examples::World& world,
                                          const features::FeatureSpec& spec) {
  return world.Learn(spec, 1, retrieval::RandomReference(world.Learn(spec), 8, kStart));
}

// The server's side: a log of `events`, a bundle learned from it, and a server over both.
class Server {
 public:
  Server(const ParitySite& site, std::vector<RawEvent> events) : site_(site) {
    base::VersionedRoot logs(folder_ / "log"), bundles(folder_ / "bundles");
    const std::filesystem::path staged = Value(logs.Begin());
    EXPECT_TRUE(log::WriteEventLog(staged, events, site.Items(), site.Users(), 1, site.schema()));
    EXPECT_TRUE(logs.SetCurrent(Value(logs.Publish(staged))));
    const examples::World world({.events = std::move(events),
                                 .items = site.Items(),
                                 .users = site.Users(),
                                 .split = {.kind = examples::SplitOptions::Kind::kNone},
                                 .schema = site.schema()});
    const features::FeatureStatistics tables = WithReference(world, site.features());
    base::Rng rng(9);
    const ranking::Ranker ranker = Value(ranking::Ranker::Make(
        {.architecture = {.widths = {8}}, .init_scale = 0.5f},
        ranking::ObjectivesFromConfig({}, {}), ranking::ShapeOf(tables), rng));
    base::ThreadPool pool(1);
    bundle::Parts parts(tables, {});
    parts.Set(bundle::RankerPart(ranker));
    for (const auto& learner : retrieval::LearnersFromConfig({})) {
      parts.Set(bundle::GeneratorPart(learner, {world.source, pool}));
    }
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
    api_.reset();
    service_.reset();
    service_ = Value(serving::Service::Start(
        {.log_root = folder_ / "log",
         .bundle_root = folder_ / "bundles",
         .generation = {.engine = {}, .signals = {}, .schema = site_.schema(), .clock = &clock_}},
        std::shared_ptr<store::Store>(
            Value(store::OpenRocksStore(folder_ / "store", site_.schema())))));
    api_.emplace(*service_);
    http_ = Value(net::HttpServer::Start({.port = 0, .threads = 2}, *api_));
    client_.emplace(http_->port());
  }
  void Post(std::span<const RawEvent> events) {
    const auto answer = client_->Ask(net::TestClient::Post("/v1/events", site_.ToJson(events)));
    ASSERT_EQ(answer.status, 200) << answer.body;
    ASSERT_EQ(json::parse(answer.body)["accepted"], events.size());
  }
  json Ask(const std::string& target) {
    return json::parse(client_->Ask(net::TestClient::Get(target)).body);
  }
  serving::Service& service() { return *service_; }
  const serving::Generation& generation() { return *service_->generation(); }
  base::FixedClock& clock() { return clock_; }

 private:
  const ParitySite& site_;
  const base::TestFolder folder_;
  base::FixedClock clock_{kStart};
  std::unique_ptr<serving::Service> service_;
  std::optional<net::Api> api_;
  std::unique_ptr<net::HttpServer> http_;
  std::optional<net::TestClient> client_;
};

// Four users with random histories; the server's log holds a random share of each. All that happens
// in them happens to "other" too, so that logs of any share number all names alike.
struct Histories {
  std::map<std::string, std::vector<RawEvent>> events;
  std::map<std::string, size_t> known;  // names in the server's log

  Histories(const ParitySite& site, uint64_t seed, size_t n) {
    base::Rng rng(seed);
    for (const std::string user : {"t0", "t1", "t2", "stranger"}) {
      events[user] = site.RandomEvents(user, n, rng);
      known[user] = user == "t0" || user == "stranger" ? 0 : rng.Below(n);
    }
  }
  std::vector<RawEvent> Log(bool whole) const {
    std::vector<RawEvent> log;
    for (const auto& [user, of_user] : events) {
      const size_t n = whole ? of_user.size() : known.at(user);
      log.insert(log.end(), of_user.begin(), of_user.begin() + static_cast<std::ptrdiff_t>(n));
      for (RawEvent event : of_user) {
        event.user = "other";
        log.push_back(std::move(event));
      }
    }
    return log;
  }
};

class ParityTest : public testing::TestWithParam<uint64_t> {
 protected:
  void Start(size_t events_each) {
    histories_.emplace(site_, GetParam(), events_each);
    server_ = std::make_unique<Server>(site_, histories_->Log(/*whole=*/false));
    replay_ = std::make_unique<examples::World>(
        examples::WorldOptions{.events = histories_->Log(/*whole=*/true),
                               .items = site_.Items(),
                               .users = site_.Users(),
                               .split = {.kind = examples::SplitOptions::Kind::kNone},
                               .schema = site_.schema()});
    for (size_t space = 1; space < site_.schema().id_spaces().size(); ++space) {  // all but users
      const auto id_space = static_cast<IdSpace>(space);
      ASSERT_EQ(server_->generation().catalogue().size(id_space),
                replay_->catalogue.size(id_space));
    }
  }
  features::UserState Replayed(const std::string& user, size_t events) const {
    const uint32_t id = replay_->user(user);
    return examples::StateAt(replay_->source, id, replay_->log.begin(id) + events,
                             server_->generation().bundle().tables().plan.state());
  }
  void Compare(const std::string& user, size_t events) {
    SCOPED_TRACE(fmt::format("{} after {} events", user, events));
    const std::vector<RawEvent>& all = histories_->events[user];
    ExpectParity(server_->service(), replay_->source, user, events,
                 all[std::min(events, all.size() - 1)]);
  }

  const ParitySite site_;
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
    // Posts a batch with the next events of some users, and restarts the server occasionally.
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

// The impression that a site posts of an item of an answer, as the server reads it.
RawEvent SentBack(const json& item) {
  const json event = {{"user", "u"},
                      {"type", "impression"},
                      {"item", item["item"]},
                      {"source", item["source"]},
                      {"source_score", item["source_score"]}};
  const auto batch = net::ParseEvents(schema::Schema(), json{{"events", {event}}}.dump());
  EXPECT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(item["source"], item["sources"][0]["source"]);
  EXPECT_EQ(item["source_score"], item["sources"][0]["score"]);
  return batch->events.at(0);
}

TEST_P(ParityTest, RK08_RK16_ServedPredictionsAreThoseOfReplayedFeatures) {
  Start(/*events_each=*/40);
  size_t with_score = 0, with_dot = 0;
  server_->clock().Set(kStart + 30LL * 86'400'000);
  const IdSpace page = *site_.schema().FindIdSpace("page"),
                brand = *site_.schema().FindIdSpace("brand");
  for (const auto& [user, all] : histories_->events) {
    SCOPED_TRACE(user);
    server_->Post(std::span(all).subspan(histories_->known[user]));
    const features::FeatureStatistics& tables = server_->generation().bundle().tables();
    const uint64_t vectors = tables.reference->made();
    const json slate = server_->Ask(fmt::format(
        "/v1/recommendations?user={}&n=10&explain=1&device=d2&region=r0&page=page1&depth="
        "7.25&embedded=true&brand=brand2&opened=1699000000.5",
        user));
    ASSERT_FALSE(slate["items"].empty()) << slate;
    EXPECT_EQ(tables.reference->made(), vectors + 1) << "RK-01: one user vector for all candidates";
    const catalogue::Catalogue& catalogue = replay_->catalogue;
    const features::UserState state = Replayed(user, all.size());
    const uint32_t user_id = replay_->user(user);
    const features::Context context{.time_ms = server_->clock().NowMs(),
                                    .device = catalogue.Find(IdSpace::kDevice, "d2"),
                                    .region = catalogue.Find(IdSpace::kRegion, "r0"),
                                    .attributes = {{.category = catalogue.Find(page, "page1")},
                                                   {.category = catalogue.Find(brand, "brand2")},
                                                   {.number = 7.25f},
                                                   {.number = 1},
                                                   {.time_ms = 1'699'000'000'500}}};
    features::FeatureBlock query, items;
    const features::FeatureExtractor extractor(tables, catalogue, features::Model::kRanking);
    extractor.AppendQuery(state, user_id, context, &query);
    for (const json& item : slate["items"]) {
      const RawEvent shown = SentBack(item);
      const features::Candidate candidate = {
          .item = replay_->item(shown.item),
          .source = catalogue.Find(IdSpace::kSource, shown.source),
          .source_score = shown.source_score};
      with_dot +=
          std::isnan(tables.reference->Score(std::vector<float>(8, 1), candidate.item)) ? 0 : 1;
      with_score += std::isnan(tables.source_scores.ShareOf(candidate)) ? 0 : 1;
      extractor.AppendImpression(state, user_id, context, candidate, &items);
    }
    const ranking::Ranker& ranker = *server_->generation().bundle().ranker()->trained();
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
  EXPECT_GT(with_score, 0u) << "no score of an answer has a scale";
  EXPECT_GT(with_dot, 0u) << "no item of an answer has a vector";
}

// Of the declared features of one side, those that are the same in every row.
std::vector<std::string> Constant(const features::SidePlan& plan,
                                  const features::FeatureBlock& block) {
  std::vector<std::string> constant;
  for (size_t i = 0; i < plan.categories.size(); ++i) {
    std::set<std::vector<uint32_t>> values;
    for (size_t row = 0; row < block.rows; ++row) {
      const auto ids = block.categorical[i][row];
      values.emplace(ids.begin(), ids.end());
    }
    if (values.size() < 2) constant.push_back(plan.categories[i].name);
  }
  for (const features::Feature& number : plan.numbers) {
    std::set<std::string> values;
    for (size_t row = 0; row < block.rows; ++row) {
      const float* dense = block.dense.data() + row * block.dense_width + number.dense;
      values.insert(fmt::format("{}", fmt::join(dense, dense + number.number.width(), " ")));
    }
    if (values.size() < 2) constant.push_back(number.name);
  }
  return constant;
}

// A feature that training never sees would be equal in training and serving only when it is missing.
TEST(ParitySite, TrainingSeesDifferentValuesOfEveryDeclaredFeature) {
  ParitySite site;
  features::FeatureSpec spec = site.features();
  spec.defaults = false;
  const Histories histories(site, /*seed=*/1, 400);
  const examples::World world({.events = histories.Log(/*whole=*/true),
                               .items = site.Items(),
                               .users = site.Users(),
                               .split = {.kind = examples::SplitOptions::Kind::kNone},
                               .schema = site.schema()});
  const features::FeatureStatistics tables = WithReference(world, spec);
  base::ThreadPool pool(1);
  examples::CandidateStream candidates(world.source, tables, {}, pool);
  features::CandidateBatch watches;
  candidates.StartEpoch(0);
  ASSERT_TRUE(candidates.Next(10'000, &watches));
  examples::RankingStream impressions(world.source, tables, {}, pool);
  examples::RankingBatch pages;
  impressions.StartEpoch(0);
  ASSERT_TRUE(impressions.Next(10'000, &pages));
  using features::Model, features::Side;
  const auto constant = [&](Model model, Side side, const features::FeatureBlock& block) {
    return Constant(tables.plan.side(model, side), block);
  };
  EXPECT_THAT(constant(Model::kRetrieval, Side::kQuery, watches.features), testing::IsEmpty());
  EXPECT_THAT(constant(Model::kRanking, Side::kQuery, pages.queries), testing::IsEmpty());
  EXPECT_THAT(constant(Model::kRanking, Side::kImpression, pages.impressions), testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, ParityTest, testing::Values(1, 2, 3, 4));

}  // namespace
}  // namespace upnext
