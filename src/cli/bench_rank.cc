#include "cli/bench_rank.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "api/settings.h"
#include "base/numbers.h"
#include "base/rng.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "features/feature_extractor.h"
#include "features/request_context.h"
#include "log/event_log.h"
#include "project/project.h"
#include "ranking/ranker.h"
#include "ranking/score.h"

namespace upnext::cli {
namespace {

struct BenchRankFlags {
  project::Location project;
  uint32_t candidates = 500, requests = 300;
  uint64_t seed = 1;
  bool json = false;
};

// Milliseconds of each request.
struct RankTimes {
  std::vector<double> features, scores, all;
};

class RankBench {
 public:
  RankBench(const bundle::OpenedBundle& opened, const examples::ReplaySource& source)
      : source_(source),
        tables_(opened.bundle->tables()),
        ranker_(*opened.bundle->ranker()),
        extractor_(tables_, source.catalogue, features::Model::kRanking),
        exponents_(ranking::ExponentsOf(ranker_.objectives())) {}

  // A request of a random user after all events, of random items.
  Status Add(uint32_t candidates, base::Rng& rng, RankTimes* times) {
    uint32_t user = 0;
    do {
      user = static_cast<uint32_t>(rng.Below(source_.log.users()));
    } while (source_.log.begin(user) == source_.log.end(user));
    const uint64_t last = source_.log.end(user) - 1;
    const features::Context context =
        features::ContextOf(source_.log, last, source_.log.event(last));
    const features::UserState state =
        examples::StateAt(source_, user, source_.log.end(user), tables_.plan.state());
    items_.clear();
    for (uint32_t i = 0; i < candidates; ++i) {
      items_.push_back(static_cast<uint32_t>(rng.Below(source_.log.items())));
    }
    const Time begin = Clock::now();
    query_.Clear();
    impressions_.Clear();
    const auto request = extractor_.For(state, user, context);
    request.AppendQuery(&query_);
    for (const uint32_t item : items_) request.AppendImpression({.item = item}, &impressions_);
    const Time extracted = Clock::now();
    const size_t tasks = exponents_.size();
    query_of_.assign(candidates, 0);
    predictions_.resize(candidates * tasks);
    UPNEXT_RETURN_IF_ERROR(
        ranker_.Predict(query_, impressions_, query_of_, predictions_.data(), scratch_, {}));
    scores_.resize(candidates);
    for (size_t i = 0; i < candidates; ++i) {
      scores_[i] =
          ranking::CombinedScore(exponents_, std::span(predictions_).subspan(i * tasks, tasks));
    }
    const Time end = Clock::now();
    const auto ms = [](Time from, Time to) {
      return std::chrono::duration<double, std::milli>(to - from).count();
    };
    times->features.push_back(ms(begin, extracted));
    times->scores.push_back(ms(extracted, end));
    times->all.push_back(ms(begin, end));
    return Ok();
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  const examples::ReplaySource& source_;
  const features::FeatureStatistics& tables_;
  const ranking::RankingModel& ranker_;
  const features::FeatureExtractor extractor_;
  const std::vector<float> exponents_;
  features::FeatureBlock query_, impressions_;
  ranking::RankerScratch scratch_;
  std::vector<uint32_t> items_, query_of_;
  std::vector<float> predictions_;
  std::vector<double> scores_;
};

double Percentile(std::vector<double> values, double share) {
  std::ranges::sort(values);
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}

Status RunBenchRank(const BenchRankFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle opened,
                          settings.project.OpenBundle(bundle::LogChoice::kTrainedOn));
  if (opened.bundle->ranker() == nullptr) {
    return FailedPrecondition(
        "expected a ranker in bundle {}, found none: a log with impressions "
        "has one",
        opened.bundle->manifest().version);
  }
  const catalogue::Catalogue catalogue(opened.log);
  examples::SplitOptions none;
  none.kind = examples::SplitOptions::Kind::kNone;
  UPNEXT_ASSIGN_OR_RETURN(const examples::Split split,
                          examples::Split::Make(none, opened.log, opened.rule));
  const examples::ReplaySource source{opened.log, catalogue, opened.rule, split};
  RankBench bench(opened, source);
  base::Rng rng(flags.seed);
  RankTimes warm_up, times;
  for (uint32_t i = 0; i < 10; ++i) {
    UPNEXT_RETURN_IF_ERROR(bench.Add(flags.candidates, rng, &warm_up));
  }
  for (uint32_t i = 0; i < flags.requests; ++i) {
    UPNEXT_RETURN_IF_ERROR(bench.Add(flags.candidates, rng, &times));
  }
  const std::string architecture = opened.bundle->ranker()->Description();
  nlohmann::ordered_json out = {{"architecture", architecture},
                                {"candidates", flags.candidates},
                                {"requests", flags.requests}};
  std::string size;
  if (const ranking::Ranker* const trained = opened.bundle->ranker()->trained()) {
    out["multiplications"] = trained->multiplications();
    out["weights"] = trained->parameters();
    size = fmt::format(": {} multiplications per impression, {} weights with embeddings",
                       base::WithThousands(trained->multiplications()),
                       base::WithThousands(trained->parameters()));
  }
  if (!flags.json) {
    Print("{}{}\n", architecture, size);
    Print("{} requests of {} candidates, one thread\n{:<10} {:>9} {:>9}\n", flags.requests,
          flags.candidates, "", "p50 ms", "p99 ms");
  }
  for (const auto& [name, values] :
       {std::pair("features", &times.features), {"scores", &times.scores}, {"all", &times.all}}) {
    const double half = Percentile(*values, .5), most = Percentile(*values, .99);
    out[name] = {{"p50_ms", half}, {"p99_ms", most}};
    if (!flags.json) Print("{:<10} {:>9.3f} {:>9.3f}\n", name, half, most);
  }
  if (flags.json) Print("{}\n", out.dump(2));
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchRank(CLI::App& app) {
  auto flags = std::make_shared<BenchRankFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--candidates", flags->candidates, "Items of a request")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--requests", flags->requests, "Requests to measure")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", flags->seed, "Seed of users and items")->capture_default_str();
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunBenchRank(*flags); };
}

}  // namespace upnext::cli
