// The real binary, with a site that declares event types, attributes and features: what it computes
// for requests over HTTP is what a replay of the whole log computes.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "net/http_client.h"
#include "parity.h"
#include "parity_site.h"
#include "project/project.h"
#include "ranking/ranker.h"

namespace upnext {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using schema::RawEvent;
using ::testing::HasSubstr;

constexpr char kTables[] = R"toml(
[import]
events = "SELECT * FROM read_json('{data}/events.json', format = 'newline_delimited')"
items = "SELECT * FROM read_json('{data}/items.json', format = 'newline_delimited')"
users = "SELECT * FROM read_json('{data}/users.json', format = 'newline_delimited')"
[split]
validation_days = 1
test_days = 1
[retrieval]
dim = 8
depth = 1
negatives = 0
epochs = 2
[ranking]
widths = [8]
epochs = 2
[train]
threads = 2
)toml";

template <typename T>
T Value(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

// A process of the binary; its outputs go to a file.
class Process {
 public:
  Process(std::vector<std::string> args, fs::path output) : output_(std::move(output)) {
    args.insert(args.begin(), UPNEXT_BINARY);
    pid_ = fork();
    if (pid_ != 0) return;
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    if (freopen(output_.c_str(), "w", stdout) == nullptr ||
        dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
      _exit(126);
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  ~Process() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    Wait();
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int Stop() {
    kill(pid_, SIGTERM);
    return Wait();
  }
  std::string Said() const { return base::ReadFile(output_).value_or(""); }
  // The address in the first line of `upnext serve`; "" when there is none within 20 s.
  std::string Address() const {
    for (int i = 0; i < 2'000; ++i) {
      const std::string said = Said();
      const size_t at = said.find("http://");
      if (at != std::string::npos && said.find('\n', at) != std::string::npos) {
        return said.substr(at, said.find('\n', at) - at);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return "";
  }

 private:
  const fs::path output_;
  pid_t pid_ = 0;
};

// Users whose histories the server knows in part, and others whose histories it knows.
class BinaryParityTest : public testing::Test {
 protected:
  BinaryParityTest() {
    base::Rng rng(3);
    for (const std::string user : {"t0", "t1", "t2", "stranger"}) {
      events_[user] = site_.RandomEvents(user, 90, rng);
      known_[user] = user == "stranger" ? 0 : rng.Below(90);
    }
    for (int u = 0; u < 20; ++u) {
      const std::string user = fmt::format("x{}", u);
      events_[user] = site_.RandomEvents(user, 120, rng);
      known_[user] = events_[user].size();
    }
    WriteProject();
  }
  // All that happens to the users happens to "other" too, so that both logs number all names alike.
  void WriteData(const fs::path& folder, bool whole) const {
    std::string events, items, users;
    for (const auto& [user, of_user] : events_) {
      for (size_t i = 0; i < of_user.size(); ++i) {
        RawEvent event = of_user[i];
        if (whole || i < known_.at(user)) events += site_.Columns(event).dump() + "\n";
        event.user = "other";
        events += site_.Columns(event).dump() + "\n";
      }
    }
    for (const schema::RawItem& item : site_.Items()) items += site_.Columns(item).dump() + "\n";
    for (const schema::RawUser& user : site_.Users()) users += site_.Columns(user).dump() + "\n";
    ASSERT_TRUE(base::MakeDirectories(folder));
    ASSERT_TRUE(base::WriteFileAtomic(folder / "events.json", events));
    ASSERT_TRUE(base::WriteFileAtomic(folder / "items.json", items));
    ASSERT_TRUE(base::WriteFileAtomic(folder / "users.json", users));
  }
  void WriteProject() const {
    ASSERT_TRUE(base::WriteFileAtomic(Config(), std::string(kTables) + kParityProject));
    WriteData(folder_ / "data", /*whole=*/false);
    WriteData(folder_ / "whole-data", /*whole=*/true);
  }
  std::string Config() const { return folder_ / "site.toml"; }
  std::unique_ptr<Process> Run(const std::string& verb, const std::string& name,
                               std::vector<std::string> more = {}) const {
    std::vector<std::string> args = {verb,
                                     "-c",
                                     Config(),
                                     "--data",
                                     folder_ / (name + "data"),
                                     "--project-dir",
                                     folder_ / (name + "project")};
    args.insert(args.end(), more.begin(), more.end());
    return std::make_unique<Process>(args, folder_ / (verb + ".txt"));
  }
  void Expect(const std::string& verb, const std::string& name) const {
    const auto process = Run(verb, name);
    ASSERT_EQ(process->Wait(), 0) << process->Said();
  }
  project::Project Open(const std::string& name) const {
    return Value(project::Project::Load(
        {.config = Config(), .data = {}, .directory = folder_ / (name + "project")}));
  }
  // A request with what the user's last event says, as a target of HTTP.
  std::string Target(const RawEvent& last) const {
    const auto attributes = site_.schema().attributes(schema::Entity::kRequest);
    std::string target = fmt::format("/v1/recommendations?n=10&explain=1&user={}", last.user);
    if (!last.device.empty()) target += "&device=" + last.device;
    if (!last.region.empty()) target += "&region=" + last.region;
    for (const auto& [number, text] : last.attributes) {
      target += fmt::format("&{}={}", attributes[number].name, net::EncodeQueryValue(text));
    }
    return target;
  }
  // Posts what the server does not know, a few events at a time, and asks for each user's feed.
  std::map<std::string, json> PostAndAsk(const std::string& address) const {
    const auto client = Value(net::HttpClient::Make(address));
    std::map<std::string, json> slates;
    for (const auto& [user, all] : events_) {
      for (size_t i = known_.at(user); i < all.size(); i += 7) {
        const auto answer = Value(client->Post(
            "/v1/events",
            site_.ToJson(std::span(all).subspan(i, std::min<size_t>(7, all.size() - i)))));
        EXPECT_EQ(answer.status, 200) << answer.body;
      }
      const auto answer = Value(client->Get(Target(all.back())));
      EXPECT_EQ(answer.status, 200) << answer.body;
      slates[user] = json::parse(answer.body);
    }
    return slates;
  }

  const ParitySite site_;
  const base::TestFolder folder_;
  std::map<std::string, std::vector<RawEvent>> events_;
  std::map<std::string, size_t> known_;
};

// The largest difference between the predictions of a slate and those of the ranker for the features
// that a replay gives.
double Difference(const json& slate, const bundle::Bundle& bundle,
                  const examples::ReplaySource& replay, const std::string& user,
                  features::Context context) {
  const uint32_t id = replay.catalogue.Find(schema::IdSpace::kUser, user);
  const features::UserState state =
      examples::StateAt(replay, id, replay.log.end(id), bundle.tables().plan.state());
  context.time_ms = base::SystemClock().NowMs();
  context.current_item = schema::kNone;
  features::FeatureBlock query, items;
  const features::FeatureExtractor extractor(bundle.tables(), replay.catalogue,
                                             features::Model::kRanking);
  extractor.AppendQuery(state, id, context, &query);
  for (const json& item : slate["items"]) {
    const std::string name = item["item"], source = item["sources"][0]["source"];
    extractor.AppendImpression(state, id, context,
                               {.item = replay.catalogue.Find(schema::IdSpace::kItem, name),
                                .source = replay.catalogue.Find(schema::IdSpace::kSource, source),
                                .source_score = item["source_score"]},
                               &items);
  }
  const ranking::Ranker& ranker = *bundle.ranker()->trained();
  std::vector<float> predictions(items.rows * ranker.objectives().size());
  ranking::Ranker::Scratch scratch;
  ranker.Score(query, items, std::vector<uint32_t>(items.rows, 0), predictions.data(), scratch, {});
  double largest = 0;
  for (size_t i = 0; i < items.rows; ++i) {
    for (const auto& objective : ranker.objectives()) {
      const auto task = static_cast<size_t>(&objective - ranker.objectives().data());
      const double served = slate["items"][i]["predictions"][objective.name];
      const double replayed = predictions[i * ranker.objectives().size() + task];
      largest = std::max(largest, std::abs(served - replayed) / std::max(1.0, std::abs(served)));
    }
  }
  return largest;
}

TEST_F(BinaryParityTest, WhatIsServedOverHttpIsWhatAReplayGives) {
  const auto refused = Run("serve", "");
  EXPECT_EQ(refused->Wait(), 1);
  EXPECT_THAT(refused->Said(), HasSubstr("run `upnext train`"));
  EXPECT_FALSE(fs::exists(folder_ / "project")) << "nothing is made without a bundle";

  Expect("import", "");
  Expect("train", "");
  const auto server = Run("serve", "", {"--port", "0", "--no-keys"});
  const auto slates = PostAndAsk(server->Address());
  ASSERT_EQ(server->Stop(), 0) << server->Said();

  Expect("import", "whole-");
  const project::Project whole = Open("whole-"), project = Open("");
  const log::EventLog log = Value(whole.OpenLog());
  const catalogue::Catalogue catalogue(log);
  const features::PositiveRule rule;
  const examples::Split split =
      Value(examples::Split::Make({.kind = examples::SplitOptions::Kind::kNone}, log, rule));
  const examples::ReplaySource replay{log, catalogue, rule, split};
  // What the binary left in the store.
  serving::GenerationOptions options;
  options.signals = project.signals();
  options.schema = project.schema();
  const auto service =
      Value(serving::Service::Start(Value(project.OpenBundle(bundle::LogChoice::kNewest)), options,
                                    std::shared_ptr<store::Store>(Value(project.OpenStore()))));
  const bundle::Bundle& bundle = service->generation()->bundle();
  ASSERT_NE(bundle.ranker(), nullptr);
  double without_declared = 0;
  for (const auto& [user, all] : events_) {
    SCOPED_TRACE(user);
    ExpectParity(*service, replay, user, all.size(), all.back());
    const uint32_t id = catalogue.Find(schema::IdSpace::kUser, user);
    const uint64_t last = log.end(id) - 1;
    features::Context context = features::ContextOf(log, last, log.event(last));
    ASSERT_FALSE(slates.at(user)["items"].empty());
    // The time of the request is known to a second or so.
    EXPECT_LT(Difference(slates.at(user), bundle, replay, user, context), 1e-3);
    context.attributes.clear();
    without_declared =
        std::max(without_declared, Difference(slates.at(user), bundle, replay, user, context));
  }
  EXPECT_GT(without_declared, 1e-2) << "the models should read what requests declare";
}

}  // namespace
}  // namespace upnext
