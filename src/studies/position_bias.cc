// Study position-bias (checklist MT-10 to MT-13): what each treatment of position bias recovers of the
// planted bias and of the true relevance, and whether the log can tell the two apart.
#include "studies/position_bias.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "evaluation/bias_by_position.h"
#include "evaluation/impressions.h"
#include "evaluation/position_overlap.h"
#include "examples/split.h"
#include "features/vocabulary.h"
#include "log/event_log.h"
#include "ranking/ranker_training.h"
#include "schema/event.h"
#include "simulator/log_writer.h"
#include "simulator/policies.h"
#include "simulator/world_options.h"
#include "studies/fixed_slots.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "studies/truths.h"
#include "training/options.h"

namespace upnext::studies {

simulator::WorldOptions BiasWorld(Scale scale, const BiasStrength& strength) {
  simulator::WorldOptions world;
  const bool tiny = scale == Scale::kTiny;
  world.users = tiny ? 250 : 1200;
  world.items = tiny ? 200 : 800;
  world.days = tiny ? 8 : 16;
  for (size_t device = 0; device < simulator::kDevices; ++device) {
    world.examination.floor[device] =
        std::min(0.9, world.examination.floor[device] * strength.floor);
    world.examination.scale[device] *= strength.scale;
  }
  return world;
}

training::Options BiasStudyOptions(const StudyRun& run) {
  const bool tiny = run.scale == Scale::kTiny;
  training::Options options = TrainingOf(run.scale, run.seed);
  options.train.train_retrieval = false;
  options.train.ranker.architecture.widths =
      tiny ? std::vector<size_t>{16} : std::vector<size_t>{64, 32};
  options.train.ranker_train.epochs = tiny ? 2 : 4;
  options.train.ranker_train.decay = true;
  options.train.ranker_train.field_dropout = 0.2f;
  options.train.objectives = {ranking::Objective()};
  options.train.objectives[0].name = "click";
  options.train.objectives[0].score_weight = 1;
  options.train.objectives[0].position_bias = true;
  return options;
}

namespace {

using ranking::BiasMethod;

constexpr char kBiasPlot[] = "bias of a position on phones";

constexpr std::array<const char*, 2> kLogs = {"swapping", "fixed"};

std::string ArmOf(const BiasStrength& strength, const char* log, BiasMethod method) {
  return fmt::format("{} bias, {} log: {}", strength.name, log,
                     ranking::kBiasMethods[static_cast<size_t>(method)]);
}

// NDCG of pages in the order of the predictions, with P(click | examined) as gains; mean over pages of
// two items or more.
double NdcgOf(std::span<const double> score, std::span<const double> gain) {
  const auto dcg = [&](std::span<const double> by) {
    std::vector<size_t> order(by.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::ranges::stable_sort(order, std::greater(), [&](size_t i) { return by[i]; });
    double sum = 0;
    for (size_t rank = 0; rank < order.size(); ++rank) {
      sum += gain[order[rank]] / std::log2(2.0 + static_cast<double>(rank));
    }
    return sum;
  };
  return dcg(score) / dcg(gain);
}

Status MeasureOrder(const evaluation::Impressions& held_out, const Truths& truths,
                    const std::string& arm, Measurements* out) {
  std::vector<double> score(held_out.size()), truth(held_out.size());
  for (size_t i = 0; i < held_out.size(); ++i) {
    UPNEXT_ASSIGN_OR_RETURN(const Truth* of,
                            truths.Find(held_out.user[i], held_out.time_ms[i], held_out.item[i]));
    score[i] = static_cast<double>(held_out.predictions[i]);
    truth[i] = static_cast<double>(of->click);
  }
  double sum = 0, pages = 0;
  for (size_t begin = 0, end = 0; begin < held_out.size(); begin = end) {
    while (end < held_out.size() && held_out.user[end] == held_out.user[begin] &&
           held_out.request[end] == held_out.request[begin]) {
      ++end;
    }
    if (held_out.request[begin] == 0 || end - begin < 2) continue;
    sum += NdcgOf(std::span(score).subspan(begin, end - begin),
                  std::span(truth).subspan(begin, end - begin));
    pages += 1;
  }
  out->Set(arm, "ndcg", sum / pages);
  out->Set(arm, "auc_if_looked", ExpectedAuc(score, truth));
  return Ok();
}

// The tower's bias by position next to the planted one, the logarithm of P(examined): the smallest
// correlation of a device.
void MeasureBias(const Trained& trained, const ranking::Ranker& ranker,
                 const simulator::World& world, const std::string& arm, bool plot,
                 Measurements* out) {
  const features::Vocabulary& rows = trained.statistics().vocabulary(features::kDeviceVocabulary);
  const uint32_t positions = world.options().sessions.slate_size;
  double least = 1;
  for (uint32_t id = 0; id < rows.ids(); ++id) {
    const std::string_view name = trained.dataset->catalogue().Name(schema::IdSpace::kDevice, id);
    const auto device = std::ranges::find(simulator::kDeviceNames, name);
    if (device == simulator::kDeviceNames.end() || rows.Row(id) == 0) continue;
    const auto number = static_cast<simulator::Device>(device - simulator::kDeviceNames.begin());
    const std::vector<float> logits = evaluation::LearnedBias(ranker, 0, rows.Row(id), positions);
    std::vector<double> learned, planted;
    for (uint32_t position = 1; position <= positions; ++position) {
      learned.push_back(static_cast<double>(logits[position - 1] - logits[0]));
      planted.push_back(std::log(world.ExaminationProbability(position, number) /
                                 world.ExaminationProbability(1, number)));
      if (!plot || number != simulator::Device::kPhone) continue;
      out->AddPoint(kBiasPlot, "learned by the tower", position, learned.back());
      out->AddPoint(kBiasPlot, "planted", position, planted.back());
    }
    least = std::min(least, Correlation(learned, planted));
  }
  out->Set(arm, "correlation", least);
}

// One log: simulates it, and trains a ranker with each treatment.
Status RunLog(const StudyRun& run, const BiasStrength& strength, const char* kind,
              Measurements* out) {
  simulator::WorldOptions world_options = BiasWorld(run.scale, strength);
  world_options.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(world_options));
  std::unique_ptr<simulator::Recommender> policy = simulator::MakeLoggingPolicy(world);
  if (kind == kLogs[1]) policy = std::make_unique<FixedSlots>(world);
  Truths truths(world_options.users);
  SimulatedLog rows(world);
  UPNEXT_RETURN_IF_ERROR(simulator::SimulateUsers(world, *policy, {.truth = true}, run.pool,
                                                  run.progress, [&](const auto& user) {
                                                    truths.Add(user);
                                                    rows.Add(user);
                                                    return Ok();
                                                  }));
  truths.Sort();
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                          rows.Write(run.folder / fmt::format("{}-{}", strength.name, kind)));
  training::Options options = BiasStudyOptions(run);
  options.train.train_ranking = false;
  UPNEXT_ASSIGN_OR_RETURN(const Trained shared, TrainOn(log, options, run.pool, run.progress));
  const evaluation::PositionOverlap overlap = evaluation::OverlapOf(
      evaluation::CountPositions(shared.source(), examples::SplitPart::kTrain, run.pool));
  for (const BiasMethod method : kBiasArms) {
    options.train.ranker.bias.method = method;
    UPNEXT_ASSIGN_OR_RETURN(
        const ranking::TrainedRanker trained,
        ranking::TrainRanker(shared.source(), shared.statistics(), options.train.ranker,
                             options.train.objectives, options.train.ranker_train, run.pool,
                             run.progress));
    UPNEXT_ASSIGN_OR_RETURN(const evaluation::Impressions held_out,
                            evaluation::ScoreImpressions({shared.source(), shared.statistics(),
                                                          nullptr, trained.ranker.get()},
                                                         options.evaluate, run.pool, run.progress));
    const std::string arm = ArmOf(strength, kind, method);
    UPNEXT_RETURN_IF_ERROR(MeasureOrder(held_out, truths, arm, out));
    out->Set(arm, "separable", overlap.separable() ? 1 : 0);
    if (method == BiasMethod::kTower) {
      const bool plot = strength.name == kBiasStrengths[1].name && kind == kLogs[0];
      MeasureBias(shared, *trained.ranker, world, arm, plot, out);
    }
  }
  return Ok();
}

Result<Measurements> RunPositionBias(const StudyRun& run) {
  Measurements measured;
  for (const BiasStrength& strength : kBiasStrengths) {
    for (const char* kind : kLogs) {
      UPNEXT_RETURN_IF_ERROR(RunLog(run, strength, kind, &measured));
    }
  }
  for (const LiveBias& live : kLiveBias) {
    UPNEXT_RETURN_IF_ERROR(RunLiveBias(run, live, &measured));
  }
  return measured;
}

Settings PositionBiasSettings(Scale scale) {
  Settings settings = WorldSettings(BiasWorld(scale, kBiasStrengths[1]));
  for (auto& [name, value] : SettingsOf(BiasRounds(scale, kBiasStrengths[1]))) {
    settings.emplace_back("live: " + name, std::move(value));
  }
  return settings;
}

std::vector<Claim> PositionBiasClaims() {
  std::vector<Claim> claims;
  for (const BiasStrength& strength : kBiasStrengths) {
    const std::string tower = ArmOf(strength, kLogs[0], BiasMethod::kTower);
    const std::string fixed = ArmOf(strength, kLogs[1], BiasMethod::kTower);
    claims.push_back({fmt::format("the tower finds the {} bias on every device", strength.name),
                      "correlation", tower, "", 0.97, 1});
    claims.push_back(
        {fmt::format("with {} bias its order is nearer the truth than without it", strength.name),
         "ndcg", tower, ArmOf(strength, kLogs[0], BiasMethod::kNone), 0});
    claims.push_back({fmt::format("with {} bias the report says that the swapping log separates "
                                  "position from relevance",
                                  strength.name),
                      "separable", tower, "", 1, 1});
    claims.push_back(
        {fmt::format("with {} bias it says that the fixed log does not", strength.name),
         "separable", fixed, "", 0, 0});
  }
  for (const LiveBias& live : kLiveBias) {
    claims.push_back({fmt::format("{}: the tower's slates are worth more after five rounds than "
                                  "those without treatment",
                                  live.name),
                      "live_watch_s", ArmOf(live, BiasMethod::kTower),
                      ArmOf(live, BiasMethod::kNone), 0});
  }
  return claims;
}

}  // namespace

Study PositionBiasStudy() {
  return {
      .name = "position-bias",
      .question =
          "Which treatment of position bias finds the planted bias and the true relevance, and "
          "when can a log tell the two apart?",
      .method =
          "Rankers of clicks are trained without position, with position as an input, with an "
          "adversary that predicts it, and with a bias tower, on logs in which P(examined) falls "
          "weakly, as usual and strongly with the position. In the swapping log the mixed "
          "logging policy shows an item at many positions; in the fixed log an item has one. The "
          "held-out pages are put in the order of the predictions without a position, and "
          "compared with the true P(click | examined). Live, each treatment's engine orders its "
          "slates by expected watch time, and is trained in rounds on the log of its own slates, "
          "until no day of the logging policy is left; without random slates, or with them for a "
          "tenth of the requests. All treatments meet the same users with the same random "
          "numbers.",
      .metrics = {{"ndcg", "NDCG of held-out pages against P(click | examined)"},
                  {"auc_if_looked", "AUC of predicted clicks against P(click | examined)"},
                  {"correlation",
                   "of the tower's bias with the logarithm of P(examined) over positions, of the "
                   "device with the smallest"},
                  {"live_watch_s", "true expected watch seconds per slate in the last round", 1},
                  {"live_mean_s", "the same, mean of all rounds after the first", 1},
                  {"separable",
                   "1: the report says that the log can separate position from relevance", 0}},
      .plots = {{kBiasPlot, "position", "logit, less position 1"},
                {kLiveBiasPlot, "round", "seconds"}},
      .claims = PositionBiasClaims(),
      .settings = PositionBiasSettings,
      .run = RunPositionBias};
}

}  // namespace upnext::studies
