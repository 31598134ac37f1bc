// Study next-watch (Covington 2016, section 3.4, figure 5; checklist CG-19): labels that are a
// random watch with only the history before it, against labels held out of the whole history.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "evaluation/report.h"
#include "examples/candidate_stream.h"
#include "features/feature_extractor.h"
#include "features/vocabulary.h"
#include "log/event_log.h"
#include "retrieval/score_items.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "training/options.h"

namespace upnext::studies {
namespace {

using Labels = examples::CandidateStreamOptions::Labels;

struct NextWatchArm {
  const char* name;
  Labels labels;
  bool windows;  // in addition to the mean of all watches, the last one and the last five
};
constexpr NextWatchArm kNextWatchArms[] = {{"next watch", Labels::kNextWatch, true},
                                           {"held out", Labels::kHeldOut, true},
                                           {"next watch, mean only", Labels::kNextWatch, false},
                                           {"held out, mean only", Labels::kHeldOut, false}};

simulator::WorldOptions NextWatchWorld(Scale scale) {
  simulator::WorldOptions world;
  const bool tiny = scale == Scale::kTiny;
  world.users = tiny ? 250 : 2000;
  world.items = tiny ? 200 : 1500;
  world.days = tiny ? 14 : 30;
  // More series than on the demo's site, so that the order of watches matters.
  world.catalogue.series_share = 0.8;
  world.sessions.continue_share = 0.25;
  return world;
}

// After a watch of an episode with neighbours on both sides, how often the model puts the next one
// above the one before. Half of the time: it does not know the direction of time.
double NextBeforePrevious(const Trained& run, const simulator::World& world) {
  const examples::ReplaySource& source = run.source();
  const retrieval::CandidateModel& model = run.candidate();
  const features::Vocabulary& items = run.statistics().vocabulary(features::kItemVocabulary);
  const features::FeatureExtractor extractor(run.statistics(), source.catalogue,
                                             features::Model::kRetrieval);
  std::unordered_map<uint32_t, uint32_t> previous;  // by item
  for (uint32_t item = 0; item < world.catalogue().size(); ++item) {
    const uint32_t next = world.catalogue().item(item).next;
    if (next != simulator::kNoItem) previous[next] = item;
  }
  double right = 0, asked = 0;
  features::FeatureBlock batch;
  retrieval::CandidateModel::Scratch scratch;
  std::vector<float> vector(model.dim()), scores(model.item_vectors().rows());
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    const features::UserState state = examples::StateAt(source, user, source.split.train_end(user),
                                                        run.statistics().plan.retrieval_state());
    if (state.watches().empty()) continue;
    const features::TimedId last = state.watches().back();
    const auto before = previous.find(last.id);
    if (before == previous.end()) continue;
    const uint32_t back = items.Row(before->second);
    const uint32_t next = world.catalogue().item(last.id).next;
    const uint32_t onward = next == simulator::kNoItem ? 0 : items.Row(next);
    if (back == 0 || onward == 0) continue;
    batch.Clear();
    extractor.AppendQuery(state, user, {.time_ms = last.time_ms}, &batch);
    model.UserVectors(batch, vector.data(), scratch, {});
    retrieval::ScoreAllItems(model.item_vectors(), vector, scores.data());
    right += scores[onward] > scores[back] ? 1 : 0;
    asked += 1;
  }
  return asked > 0 ? right / asked : std::nan("");
}

Status RunNextWatchArm(const StudyRun& run, const log::EventLog& log, const NextWatchArm& arm,
                       const simulator::World& world, Measurements* out) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.train.train_ranking = false;
  options.train.candidate_train.labels = arm.labels;
  if (arm.windows) options.train.candidate.recent_windows = {1, 5};
  options.train.candidate_train.min_history = 1;
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained, TrainOn(log, options, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Metrics metrics,
                          RetrievalMetrics(trained, options.evaluate, run.pool, run.progress));
  out->Set(arm.name, "ndcg", metrics.at("ndcg@10").value);
  out->Set(arm.name, "map", metrics.at("map").value);
  out->Set(arm.name, "recall", metrics.at("recall@50").value);
  out->Set(arm.name, "next_above_previous", NextBeforePrevious(trained, world));
  for (const size_t k : evaluation::kRecallCurve) {
    out->AddPoint("recall on the next day", arm.name, static_cast<double>(k),
                  metrics.at(fmt::format("recall@{}", k)).value);
  }
  return Ok();
}

Result<Measurements> RunNextWatch(const StudyRun& run) {
  simulator::WorldOptions options = NextWatchWorld(run.scale);
  options.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(options));
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                          LogOf(world, run.folder / "log", run.pool, run.progress));
  Measurements measured;
  for (const NextWatchArm& arm : kNextWatchArms) {
    UPNEXT_RETURN_IF_ERROR(RunNextWatchArm(run, log, arm, world, &measured));
  }
  return measured;
}

Settings NextWatchSettings(Scale scale) {
  const simulator::WorldOptions world = NextWatchWorld(scale);
  Settings settings = WorldSettings(world);
  settings.emplace_back("series_share", fmt::format("{:g}", world.catalogue.series_share));
  settings.emplace_back("continue_share", fmt::format("{:g}", world.sessions.continue_share));
  return settings;
}

}  // namespace

Study NextWatchStudy() {
  return {
      .name = "next-watch",
      .question = "Do labels that predict the next watch beat labels held out at random?",
      .method =
          "Candidate models are trained on the same log of a site with many series: some predict "
          "a random watch from the history before it (rollback, paper figure 5b), the "
          "others for a random watch from all others of the user, later ones too (figure 5a). "
          "Each kind uses the history as the mean of all watches, the last watch and the last five "
          "(configs/demo.toml), or as the mean alone (the paper). All are evaluated on the next "
          "day, which no model was trained on; items that a user has watched are excluded.",
      .metrics = {{"ndcg", "NDCG@10 of first-time complete watches of the next day", 4},
                  {"map", "mean average precision of the same", 4},
                  {"recall", "recall@50 of the same", 4},
                  {"next_above_previous",
                   "how often the next episode is ranked above the previous one, after the last "
                   "watch",
                   3}},
      .plots = {{"recall on the next day", "k", "recall@k"}},
      .claims = {{"next-watch labels predict the next day better", "ndcg", kNextWatchArms[0].name,
                  kNextWatchArms[1].name, 0},
                 {"next-watch labels have a higher recall", "recall", kNextWatchArms[0].name,
                  kNextWatchArms[1].name, 0},
                 {"next-watch labels are better with the mean alone", "ndcg",
                  kNextWatchArms[2].name, kNextWatchArms[3].name, 0},
                 {"next-watch labels learn the direction of series", "next_above_previous",
                  kNextWatchArms[0].name, "", 0.6},
                 {"held-out labels learn less of it", "next_above_previous", kNextWatchArms[0].name,
                  kNextWatchArms[1].name, 0}},
      .settings = NextWatchSettings,
      .run = RunNextWatch};
}

}  // namespace upnext::studies
