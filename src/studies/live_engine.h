// The serving engine as a recommender of the simulated site: the very code that serves, asked in
// process. A state per user is kept in memory and folds what the user does as the server would.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto parts, training::ServingParts::Learn(...));
//   UPNEXT_ASSIGN_OR_RETURN(auto bundle, OpenBundleOf(serving.Of(models), log, folder / "bundle"));
//   UPNEXT_ASSIGN_OR_RETURN(auto engine, LiveEngine::Make(world, log, *bundle, {}, pool));
//   site.RunDay(day, pool, [&](uint32_t) { return engine.get(); }, take);
//
// As Recommender: many threads, one call per user at a time. World, bundle and what the log maps
// outlive it. The same calls give the same answers, whatever the number of threads; for that, words
// of a search that the log has never seen are not learned, as the server would learn them.
#ifndef UPNEXT_STUDIES_LIVE_ENGINE_H_
#define UPNEXT_STUDIES_LIVE_ENGINE_H_

#include <filesystem>
#include <memory>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "features/positive_rule.h"
#include "log/event_log.h"
#include "serving/engine.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::studies {

struct LiveEngineOptions {
  serving::EngineOptions engine = {};
  serving::Stage stage = serving::Stage::kRanking;  // kRetrieval: the candidate model's order
  double explore = 0;  // share of requests answered uniformly at random, with propensities
  features::PositiveRule rule = {};
  // User states begin as the log leaves them before this time.
  int64_t states_until_ms = INT64_MAX;
};

class LiveEngine : public simulator::Recommender {
 public:
  // `log` is of this world, its users and items named by SimulatedLog or `upnext simulate`: a
  // letter and their number. kFailedPrecondition when a name or an item is not the world's.
  static Result<std::unique_ptr<LiveEngine>> Make(const simulator::World& world,
                                                  const log::EventLog& log,
                                                  const bundle::Bundle& bundle,
                                                  const LiveEngineOptions& options,
                                                  base::ThreadPool& pool);
  ~LiveEngine() override;
  Status Recommend(const simulator::SlateRequest& request, base::Rng& rng,
                   std::vector<simulator::ShownItem>& slate) override;
  Status Observe(const simulator::UserRows& rows) override;
  // What is known of a user of the world now.
  const features::UserState& state(uint32_t user) const;

 private:
  struct Rep;
  explicit LiveEngine(std::unique_ptr<Rep> rep);
  std::unique_ptr<Rep> rep_;
};

// Writes what was trained into `folder` (made here) and opens it as a server would.
Result<std::unique_ptr<bundle::Bundle>> OpenBundleOf(const bundle::Parts& parts,
                                                     const log::EventLog& log,
                                                     const std::filesystem::path& folder);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_LIVE_ENGINE_H_
