// upnext bench: measures this machine, with one sub-verb for each part of the engine.
#include <array>
#include <utility>
#include <vector>

#include "cli/bench_events.h"
#include "cli/bench_import.h"
#include "cli/bench_index.h"
#include "cli/bench_rank.h"
#include "cli/bench_replay.h"
#include "cli/bench_serve.h"
#include "cli/bench_simulate.h"
#include "cli/bench_train.h"
#include "cli/verbs.h"

namespace upnext::cli {
namespace {

constexpr std::array kBenches{
    Verb{"train", "training steps of a model, compared with the machine's peak rates",
         MakeBenchTrain},
    Verb{"replay", "making of examples from a log, and where its time is spent", MakeBenchReplay},
    Verb{"rank", "a request that the ranker orders, features included", MakeBenchRank},
    Verb{"index", "searches of the retrieval index over the vectors of a trained model",
         MakeBenchIndex},
    Verb{"import", "import of synthetic events, compared with a sort by DuckDB", MakeBenchImport},
    Verb{"events", "events per second of a server, and the feeds next to them", MakeBenchEvents},
    Verb{"serve", "feeds per second of a server, their latency, and how soon events change them",
         MakeBenchServe},
    Verb{"simulate", "events and slates per second of the simulated world", MakeBenchSimulate},
};

}  // namespace

std::function<Status()> MakeBench(CLI::App& app) {
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<Status()>>> benches;
  for (const Verb& bench : kBenches) {
    CLI::App* sub = app.add_subcommand(bench.name, bench.summary);
    benches.emplace_back(sub, bench.make(*sub));
  }
  return [benches]() -> Status {
    for (const auto& [sub, run] : benches) {
      if (sub->parsed()) return run();
    }
    return Ok();
  };
}

}  // namespace upnext::cli
