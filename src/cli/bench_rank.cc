#include "cli/bench_rank.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/numbers.h"
#include "base/thread_pool.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/output.h"
#include "cli/settings.h"
#include "cli/verbs.h"
#include "evaluation/expert_use.h"
#include "examples/ranking_stream.h"
#include "examples/split.h"
#include "project/project.h"
#include "ranking/ranker.h"
#include "training/dataset.h"

namespace upnext::cli {
namespace {

struct BenchRankFlags {
  project::Location project;
  uint32_t candidates = 500, requests = 200;
  bool json = false;
};

// The first query of a sample with impressions of all, again and again, as its candidates.
examples::RankingBatch OneRequest(const std::vector<examples::RankingBatch>& sample,
                                  size_t candidates) {
  examples::RankingBatch request;
  request.queries.AppendRow(sample.front().queries, 0);
  while (request.query_of.size() < candidates) {
    for (const examples::RankingBatch& batch : sample) {
      for (size_t i = 0; i < batch.size() && request.query_of.size() < candidates; ++i) {
        request.impressions.AppendRow(batch.impressions, i);
        request.query_of.push_back(0);
      }
    }
  }
  return request;
}

// Milliseconds of each, ascending, on this thread alone.
std::vector<double> TimeRequests(const ranking::Ranker& ranker,
                                 const examples::RankingBatch& request, size_t times) {
  ranking::Ranker::Scratch scratch;
  std::vector<float> predictions(request.query_of.size() * ranker.objectives().size());
  std::vector<double> milliseconds;
  for (size_t t = 0; t <= times; ++t) {
    const auto began = std::chrono::steady_clock::now();
    ranker.Score(request.queries, request.impressions, request.query_of, predictions.data(),
                 scratch, {});
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
    if (t > 0) milliseconds.push_back(took.count());  // the first allocates
  }
  std::ranges::sort(milliseconds);
  return milliseconds;
}

Status RunBenchRank(const BenchRankFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const Settings settings, Settings::Load(flags.project));
  UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedModels opened, settings.project.OpenValidated());
  const bundle::ValidatedModels& models = *opened.models;
  if (models.ranker() == nullptr) {
    return FailedPrecondition(
        "expected a bundle with a ranker, found none in {}: train one on a "
        "log with impressions",
        models.manifest().version);
  }
  const catalogue::Catalogue catalogue(opened.log);
  UPNEXT_ASSIGN_OR_RETURN(
      const examples::Split split,
      training::SplitOf(settings.training.dataset, models.manifest(), opened.log));
  const examples::ReplaySource source{opened.log, catalogue, opened.rule, split};
  base::ThreadPool pool(settings.threads);
  const std::vector<examples::RankingBatch> sample = evaluation::SampleImpressions(
      {source, models.tables()}, examples::SplitPart::kTest, flags.candidates, /*seed=*/1, pool);
  if (sample.empty()) {
    return FailedPrecondition(
        "expected impressions in the test part, found none: a longer part in "
        "[split] has some");
  }
  const ranking::Ranker& ranker = *models.ranker();
  const std::vector<double> milliseconds =
      TimeRequests(ranker, OneRequest(sample, flags.candidates), flags.requests);
  const double median = milliseconds[milliseconds.size() / 2],
               p99 = milliseconds[milliseconds.size() * 99 / 100];
  const std::string architecture = ranking::Describe(ranker.options().architecture);
  if (flags.json) {
    const nlohmann::ordered_json json = {{"architecture", architecture},
                                         {"multiplications", ranker.multiplications()},
                                         {"weights", ranker.parameters()},
                                         {"candidates", flags.candidates},
                                         {"requests", flags.requests},
                                         {"median_ms", median},
                                         {"p99_ms", p99}};
    Print("{}\n", json.dump(2));
    return Ok();
  }
  Print("{}: {} multiplications per impression, {} weights with embeddings\n", architecture,
        base::WithThousands(ranker.multiplications()), base::WithThousands(ranker.parameters()));
  Print("{} candidates of one request, one thread: median {:.3f} ms, 99 % within {:.3f} ms\n",
        flags.candidates, median, p99);
  return Ok();
}

}  // namespace

std::function<Status()> MakeBenchRank(CLI::App& app) {
  auto flags = std::make_shared<BenchRankFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--candidates", flags->candidates, "Candidates of a request")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--requests", flags->requests, "Requests that are timed")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunBenchRank(*flags); };
}

}  // namespace upnext::cli
