// Study example-age (Covington 2016, figure 4; checklist CG-09): does the candidate model follow
// the burst that items have after their upload?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "evaluation/report.h"
#include "examples/holdout.h"
#include "features/vocabulary.h"
#include "log/event_log.h"
#include "retrieval/score_items.h"
#include "schema/event.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "training/options.h"

namespace upnext::studies {
namespace {

using features::VocabularyId;

constexpr int kFirstDay = -5, kLastDay = 10;  // of the curve, in days since upload
constexpr size_t kDays = kLastDay - kFirstDay;
constexpr int kFreshDays = 4;          // an item is fresh this long before the end of training
constexpr size_t kExampleAgeTop = 20;  // of fresh recall
constexpr size_t kBatch = 512;         // examples scored at once
constexpr uint32_t kSweptUsers = 400;
constexpr char kWith[] = "with example age", kWithout[] = "without";
constexpr char kPlot[] = "probability by days since upload";

simulator::WorldOptions ExampleAgeWorld(Scale scale) {
  simulator::WorldOptions world;
  const bool tiny = scale == Scale::kTiny;
  world.users = tiny ? 250 : 2000;
  world.items = tiny ? 200 : 1000;
  world.days = tiny ? 20 : 30;
  world.catalogue.window_share = 0.4;
  return world;
}

// Mean probability that the next complete watch is one of the items followed, by days since the
// upload of each.
using BurstCurve = std::vector<double>;

// Examples with their times, in blocks that are scored at once.
struct Block {
  features::CandidateBatch batch;
  std::vector<int64_t> time_ms;
  std::vector<uint32_t> item;  // that was watched
};

class Blocks {
 public:
  explicit Blocks(const Trained& run)
      : run_(run), extractor_(run.statistics(), run.source().catalogue), blocks_(1) {}
  void Add(const features::UserState& state, uint32_t user, features::Context context,
           int64_t time_ms, uint32_t item) {
    if (blocks_.back().time_ms.size() == kBatch) blocks_.emplace_back();
    Block& block = blocks_.back();
    extractor_.Append(state, run_.source().catalogue.user(user), context,
                      run_.statistics().train_end_ms - time_ms, &block.batch);
    block.time_ms.push_back(time_ms);
    block.item.push_back(item);
  }
  std::vector<Block> Take() { return std::move(blocks_); }

 private:
  const Trained& run_;
  const features::CandidateExtractor extractor_;
  std::vector<Block> blocks_;
};

// The examples of training as they were: each with its own history and time.
std::vector<Block> TrainingBlocks(const Trained& run) {
  const examples::ReplaySource& source = run.source();
  Blocks blocks(run);
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    examples::ReplayWatches(
        source, user,
        [&](const features::UserState& before, const examples::WatchExample& watch) {
          if (before.watches().empty()) return;
          blocks.Add(before, user, watch.context, watch.time_ms, watch.item);
        },
        features::UserState::Parts::kBags, source.split.train_end(user));
  }
  return blocks.Take();
}

// Users as training leaves them, each asked at noon of every day: only the example age differs.
std::vector<Block> SweptBlocks(const Trained& run) {
  const examples::ReplaySource& source = run.source();
  const features::FeatureStatistics& tables = run.statistics();
  Blocks blocks(run);
  uint32_t users = 0;
  for (uint32_t user = 0; user < source.log.users() && users < kSweptUsers; ++user) {
    const features::UserState state = examples::StateAt(source, user, source.split.train_end(user),
                                                        features::UserState::Parts::kBags);
    if (state.watches().empty()) continue;
    ++users;
    for (int64_t time = tables.train_begin_ms + base::kDayMs / 2; time < tables.train_end_ms;
         time += base::kDayMs) {
      blocks.Add(state, user, {.time_ms = tables.train_end_ms}, time, schema::kNone);
    }
  }
  return blocks.Take();
}

// Items uploaded so that every day of the curve lies in the training part.
std::vector<uint32_t> FollowedItems(const Trained& run) {
  const features::FeatureStatistics& tables = run.statistics();
  const features::Vocabulary& items = tables.vocabulary(VocabularyId::kItem);
  std::vector<uint32_t> followed;
  for (uint32_t row = 1; row < items.rows(); ++row) {
    const int64_t created = run.source().catalogue.item(items.Id(row)).created_ms;
    const bool inside = created + kFirstDay * base::kDayMs > tables.train_begin_ms &&
                        created + kLastDay * base::kDayMs < tables.train_end_ms;
    if (inside) followed.push_back(items.Id(row));
  }
  return followed;
}

// Softmax of each row of logits, row 0 (no item) left out.
void Softmax(std::span<float> logits, size_t width) {
  for (size_t begin = 0; begin < logits.size(); begin += width) {
    const std::span<float> row = logits.subspan(begin + 1, width - 1);
    const float top = std::ranges::max(row);
    float total = 0;
    for (float& x : row) total += x = std::exp(x - top);
    for (float& x : row) x /= total;
  }
}

// Where an event stands in the curve of an item; kDays when outside.
size_t DayOf(int64_t time_ms, int64_t created_ms) {
  const double day =
      std::floor(static_cast<double>(time_ms - created_ms) / static_cast<double>(base::kDayMs)) -
      kFirstDay;
  return day >= 0 && day < static_cast<double>(kDays) ? static_cast<size_t>(day) : kDays;
}

struct Curves {
  BurstCurve model = BurstCurve(kDays, 0);  // predicted
  BurstCurve log = BurstCurve(kDays, 0);    // share of the examples whose item it was
  BurstCurve pairs = BurstCurve(kDays, 0);
  void Add(const Curves& other) {
    for (size_t d = 0; d < kDays; ++d) {
      model[d] += other.model[d];
      log[d] += other.log[d];
      pairs[d] += other.pairs[d];
    }
  }
};

// Adds the pairs of a block's examples and the items followed; sums, not yet means.
void AddBlock(const Trained& run, const Block& block, std::span<const uint32_t> followed,
              Curves* sums) {
  thread_local retrieval::CandidateModel::Scratch scratch;
  thread_local std::vector<float> vectors, scores;
  const retrieval::CandidateModel& model = run.candidate();
  const features::Vocabulary& items = run.statistics().vocabulary(VocabularyId::kItem);
  const size_t n = block.time_ms.size(), width = model.item_vectors().rows();
  vectors.resize(n * model.dim());
  scores.resize(n * width);
  model.UserVectors(block.batch, vectors.data(), scratch, {});
  retrieval::ScoreAllItems(model.item_vectors(), vectors, scores.data());
  Softmax(scores, width);
  for (const uint32_t item : followed) {
    const int64_t created = run.source().catalogue.item(item).created_ms;
    const uint32_t row = items.Row(item);
    for (size_t e = 0; e < n; ++e) {
      const size_t day = DayOf(block.time_ms[e], created);
      if (day == kDays) continue;
      sums->model[day] += static_cast<double>(scores[e * width + row]);
      sums->log[day] += block.item[e] == item ? 1 : 0;
      sums->pairs[day] += 1;
    }
  }
}

Curves CurvesOf(const Trained& run, const std::vector<Block>& blocks,
                std::span<const uint32_t> followed, base::ThreadPool& pool) {
  std::vector<Curves> sums(blocks.size());
  pool.ParallelFor(blocks.size(), 1, [&](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b) AddBlock(run, blocks[b], followed, &sums[b]);
  });
  Curves curves;
  for (const Curves& s : sums) curves.Add(s);
  for (size_t d = 0; d < kDays; ++d) {
    curves.model[d] /= std::max(curves.pairs[d], 1.0);
    curves.log[d] /= std::max(curves.pairs[d], 1.0);
  }
  return curves;
}

// Share of the test days' first watches of fresh items that were among the first kExampleAgeTop of
// all items.
double FreshRecall(const Trained& run, base::ThreadPool& pool) {
  const examples::ReplaySource& source = run.source();
  const retrieval::CandidateModel& model = run.candidate();
  const features::Vocabulary& items = run.statistics().vocabulary(VocabularyId::kItem);
  const features::CandidateExtractor extractor(run.statistics(), source.catalogue);
  const int64_t fresh_from = run.statistics().train_end_ms - kFreshDays * base::kDayMs;
  double found = 0, wanted = 0;
  features::CandidateBatch batch;
  retrieval::CandidateModel::Scratch scratch;
  std::vector<float> vector(model.dim()), scores(model.item_vectors().rows());
  for (const examples::HoldoutCase& c :
       examples::HoldoutCases(source, examples::SplitPart::kTest, pool)) {
    bool scored = false;
    for (const uint32_t target : c.targets) {
      const uint32_t row = items.Row(target);
      if (row == 0 || source.catalogue.item(target).created_ms < fresh_from) continue;
      if (!std::exchange(scored, true)) {
        batch.Clear();
        extractor.Append(
            examples::StateAt(source, c.user, c.end_row, features::UserState::Parts::kBags),
            source.catalogue.user(c.user), c.context, 0, &batch);
        model.UserVectors(batch, vector.data(), scratch, {});
        retrieval::ScoreAllItems(model.item_vectors(), vector, scores.data());
      }
      const auto above = std::ranges::count_if(std::span(scores).subspan(1),
                                               [&](float score) { return score > scores[row]; });
      found += static_cast<size_t>(above) < kExampleAgeTop ? 1 : 0;
      wanted += 1;
    }
  }
  return wanted > 0 ? found / wanted : std::nan("");
}

// The planted burst, as the mean over each day of the curve; nothing before the upload.
BurstCurve PlantedCurve(const simulator::CatalogueOptions& c) {
  BurstCurve planted(kDays, 0);
  for (size_t d = 0; d < kDays; ++d) {
    const double age = static_cast<double>(d) + kFirstDay;
    if (age >= 0) planted[d] = 1 + c.burst * std::exp(-(age + 0.5) / c.burst_days);
  }
  return planted;
}

Status RunExampleAgeArm(const StudyRun& run, const log::EventLog& log, bool with,
                        const simulator::World& world, Measurements* out) {
  const char* arm = with ? kWith : kWithout;
  training::Options options = TrainingOf(run.scale, run.seed);
  options.train.train_ranking = false;
  // Until the end, without a validation day: the first epochs learn who likes what, later ones
  // when.
  options.dataset.split.validation_days = 0;
  options.train.candidate_train.tower_learning_rate = 5e-3f;
  if (!with) options.dataset.features.drop = {"example_age"};
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained, TrainOn(log, options, run.pool, run.progress));
  const std::vector<uint32_t> followed = FollowedItems(trained);
  if (followed.empty()) {
    return FailedPrecondition("no item was uploaded early enough to follow it for {} days",
                              kLastDay);
  }
  const Curves in_place = CurvesOf(trained, TrainingBlocks(trained), followed, run.pool);
  const Curves swept = CurvesOf(trained, SweptBlocks(trained), followed, run.pool);
  out->Set(arm, "r", Correlation(in_place.log, swept.model));
  out->Set(arm, "r_planted", Correlation(PlantedCurve(world.options().catalogue), swept.model));
  out->Set(arm, "slope", Slope(in_place.log, swept.model));
  out->Set(arm, "slope_in_place", Slope(in_place.log, in_place.model));
  out->Set(arm, "fresh_recall", FreshRecall(trained, run.pool));
  UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report,
                          training::Evaluate(*trained.dataset, trained.models.models(),
                                             options.evaluate, run.pool, run.progress));
  if (report.retrieval && report.retrieval->users > 0) {
    out->Set(arm, "ndcg", report.retrieval->model.metrics.at("ndcg@10").value);
  }
  for (size_t d = 0; d < kDays; ++d) {
    const double day = static_cast<double>(d) + kFirstDay + 0.5;
    if (with) out->AddPoint(kPlot, "log", day, 1000 * in_place.log[d]);
    out->AddPoint(kPlot, arm, day, 1000 * swept.model[d]);
  }
  return Ok();
}

Result<Measurements> RunExampleAge(const StudyRun& run) {
  simulator::WorldOptions options = ExampleAgeWorld(run.scale);
  options.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(options));
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                          LogOf(world, run.folder / "log", run.pool, run.progress));
  Measurements measured;
  UPNEXT_RETURN_IF_ERROR(RunExampleAgeArm(run, log, /*with=*/true, world, &measured));
  UPNEXT_RETURN_IF_ERROR(RunExampleAgeArm(run, log, /*with=*/false, world, &measured));
  return measured;
}

Settings ExampleAgeSettings(Scale scale) {
  const simulator::WorldOptions world = ExampleAgeWorld(scale);
  Settings settings = WorldSettings(world);
  settings.emplace_back("burst", fmt::format("{:g} x exp(-age / {:g} days)", world.catalogue.burst,
                                             world.catalogue.burst_days));
  return settings;
}

}  // namespace

Study ExampleAgeStudy() {
  return {
      .name = "example-age",
      .question =
          "Does the candidate model follow the burst after upload, and does it need the "
          "example age for that?",
      .method =
          "Two candidate models learn from the same log, one without the example age. Users "
          "as training leaves them are asked as of every day of the window, so that only the "
          "example age differs; the probability of the items uploaded in the middle of the "
          "window is averaged by days since their upload, beside the share of watches that "
          "they had in the log (paper figure 4). At serving the example age is 0: what that "
          "does for new items is measured on the next day.",
      .metrics = {{"r", "correlation of the model's curve with the log's, over days -5 to 9", 3},
                  {"r_planted", "correlation with the planted burst", 3},
                  {"slope",
                   "slope of the model's curve on the log's: 1 follows it fully, 0 is flat", 3},
                  {"slope_in_place",
                   "the same for the examples of training, whose histories tell the time too", 3},
                  {"fresh_recall",
                   "share of next-day watches of items up to 4 days old found in the first 20", 4},
                  {"ndcg", "NDCG@10 on next-day data, all items", 4}},
      .plots = {{kPlot, "days since upload", "mean probability, in thousandths"}},
      .claims = {{"with the example age the curve follows the log's", "r", kWith, "", 0.9},
                 {"without it the curve is flat", "slope", kWithout, "", -0.05, 0.05},
                 {"with it, it is not", "slope", kWith, "", 0.2},
                 {"and where histories tell the time too, it still adds", "slope_in_place", kWith,
                  kWithout, 0},
                 {"fresh items are found more often", "fresh_recall", kWith, kWithout, 0},
                 {"and the next day is predicted better", "ndcg", kWith, kWithout, 0}},
      .settings = ExampleAgeSettings,
      .run = RunExampleAge};
}

}  // namespace upnext::studies
