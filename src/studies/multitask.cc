// Study multitask (Zhao 2019, section 4.2; Ma et al. 2018, section 3.2; checklist MT-04, MT-06, MT-07):
// what a mixture of experts gains over a shared bottom of equal multiplications as tasks become less
// alike, which experts the tasks use, and whether gates collapse.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "ranking/architecture.h"
#include "ranking/match_multiplications.h"
#include "studies/models.h"
#include "studies/registry.h"

namespace upnext::studies {
namespace {

using ranking::ArchitectureOptions;
using ranking::GateWeights;

constexpr std::array kCorrelations = {1.0, 0.5, 0.0, -0.5};
constexpr size_t kInputs = 32, kWaves = 2;
constexpr std::array kTaskNames = {"A, number", "A, yes or no", "B, number", "B, yes or no"};
constexpr size_t kTasks = kTaskNames.size();
constexpr double kNoise = 0.1;
// The second is so high that gates collapse in some seeds.
constexpr std::array kRates = {5e-3f, 3e-2f};
constexpr double kCollapsed = 0.95, kUnused = 0.01;  // mean weights of a gate
constexpr char kShared[] = "shared-bottom", kMmoe[] = "mmoe",
               kNoDropout[] = "mmoe, no gate dropout", kNormSilu[] = "mmoe, norm-silu experts",
               kPle[] = "ple";
constexpr char kGapPlot[] = "gap over the shared bottom";

struct MultitaskPlan {
  size_t examples, held_out, epochs, batch = 256;
};
MultitaskPlan MultitaskPlanOf(Scale scale) {
  return scale == Scale::kTiny ? MultitaskPlan{12288, 4096, 5} : MultitaskPlan{32768, 8192, 12};
}

// Inputs and, for each correlation of the two groups of tasks, their labels.
struct PlantedTasks {
  std::vector<float> inputs;                                         // [examples, kInputs]
  std::array<std::vector<float>, kCorrelations.size()> labels = {};  // [examples, kTasks]
};

// A wave of the projection on a group's direction: y = z + sum of sin(i z + i^2), plus noise. The
// directions of the groups A and B are u and c u + sqrt(1 - c^2) v, with c the correlation.
PlantedTasks PlantTasks(size_t examples, uint64_t seed, uint64_t stream) {
  base::Rng of_site(seed), rng(seed, stream);
  std::vector<double> u(kInputs), v(kInputs);
  for (double& value : u) value = of_site.Normal();
  for (double& value : v) value = of_site.Normal();
  const auto product = [](const std::vector<double>& a, const std::vector<double>& b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
  };
  const double overlap = product(u, v) / product(u, u);
  for (size_t i = 0; i < kInputs; ++i) v[i] -= overlap * u[i];
  const double length_u = std::sqrt(product(u, u)), length_v = std::sqrt(product(v, v));
  const auto clean = [](double z) {
    double y = z;
    for (size_t wave = 1; wave <= kWaves; ++wave) {
      const auto i = static_cast<double>(wave);
      y += std::sin(i * z + i * i);
    }
    return y;
  };
  PlantedTasks planted;
  std::vector<double> x(kInputs);
  for (size_t row = 0; row < examples; ++row) {
    for (double& value : x) value = rng.Normal();
    planted.inputs.insert(planted.inputs.end(), x.begin(), x.end());
    const double a = product(u, x) / length_u, other = product(v, x) / length_v;
    const std::array noise = {kNoise * rng.Normal(), kNoise * rng.Normal()};
    for (size_t c = 0; c < kCorrelations.size(); ++c) {
      const double at = kCorrelations[c], b = at * a + std::sqrt(1 - at * at) * other;
      for (const double y : {clean(a) + noise[0], clean(b) + noise[1]}) {
        planted.labels[c].push_back(static_cast<float>(y));
        planted.labels[c].push_back(y > 0 ? 1.0f : 0.0f);
      }
    }
  }
  return planted;
}

// All have the multiplications of the mixture, and its layers: one below the experts, the experts, and
// one for each task.
Result<std::vector<std::pair<std::string, ArchitectureOptions>>> ArmsOf(
    const ranking::NetShape& shape) {
  ArchitectureOptions mmoe{.name = "mmoe",
                           .widths = {64},
                           .task_widths = {8},
                           .experts = 8,
                           .expert_widths = {16},
                           .gate_dropout = 0.1f};
  ArchitectureOptions shared = mmoe, no_dropout = mmoe, norm_silu = mmoe, ple = mmoe;
  shared.name = "shared-bottom";
  shared.widths = {64, 64};
  no_dropout.gate_dropout = 0;
  norm_silu.expert_layer = ranking::ExpertLayer::kNormSilu;
  ple.name = "ple";
  ple.experts = 4;
  ple.task_experts = 1;
  UPNEXT_ASSIGN_OR_RETURN(const size_t cost, ranking::MultiplicationsOf(mmoe, shape));
  std::vector<std::pair<std::string, ArchitectureOptions>> arms = {{kShared, shared},
                                                                   {kMmoe, mmoe},
                                                                   {kNoDropout, no_dropout},
                                                                   {kNormSilu, norm_silu},
                                                                   {kPle, ple}};
  for (auto& [name, options] : arms) {
    UPNEXT_ASSIGN_OR_RETURN(options, ranking::MatchMultiplications(options, cost, shape));
  }
  return arms;
}

std::vector<float> Column(std::span<const float> rows, size_t task) {
  std::vector<float> column;
  for (size_t i = task; i < rows.size(); i += kTasks) column.push_back(rows[i]);
  return column;
}

// The loss of each task: squared error of numbers, cross-entropy of yes or no. d_logits: [rows, kTasks]
// or empty.
std::array<double, kTasks> LossesOf(std::span<const float> logits, std::span<const float> labels,
                                    std::span<float> d_logits) {
  std::array<double, kTasks> losses{};
  for (size_t task = 0; task < kTasks; ++task) {
    const std::vector<float> z = Column(logits, task), y = Column(labels, task);
    std::vector<float> d(z.size());
    losses[task] =
        (task % 2 == 0 ? nn::SquaredLoss(z, y, {}, d.data()) : nn::LogisticLoss(z, y, {}, d.data()))
            .mean();
    if (d_logits.empty()) continue;
    for (size_t i = 0; i < z.size(); ++i) d_logits[i * kTasks + task] = d[i];
  }
  return losses;
}

// One epoch after the other in batches of the same order; the learning rate falls to zero.
void FitTasks(const MultitaskPlan& plan, std::span<const float> inputs,
              std::span<const float> labels, uint64_t seed, float learning_rate,
              ranking::Architecture* net) {
  std::vector<nn::Parameter> parameters;
  net->AppendParameters("net", parameters);
  nn::Adam adam(std::move(parameters), {.learning_rate = learning_rate});
  base::Rng noise(seed, 7);
  const std::vector<uint32_t> one_query(plan.batch, 0);
  std::vector<float> d_logits(plan.batch * kTasks), d_inputs(plan.batch * kInputs);
  const size_t batches = plan.examples / plan.batch, steps = batches * plan.epochs;
  for (size_t step = 0; step < steps; ++step) {
    const size_t from = step % batches * plan.batch;
    const float* logits = net->Forward(
        {.query_rows = 1, .impressions = inputs.data() + from * kInputs, .query_of = one_query}, {},
        &noise);
    LossesOf({logits, plan.batch * kTasks}, labels.subspan(from * kTasks, plan.batch * kTasks),
             d_logits);
    net->Backward(d_logits.data(), {.impressions = d_inputs.data()}, {});
    adam.set_learning_rate(learning_rate *
                           (1 - static_cast<float>(step) / static_cast<float>(steps)));
    adam.Step();
  }
}

// Mean weights [tasks][experts] of the gates over the rows of the last Infer.
std::vector<std::vector<double>> MeanGates(std::span<const GateWeights> gates) {
  std::vector<std::vector<double>> means;
  for (const GateWeights& gate : gates) {
    std::vector<double>& mean = means.emplace_back(gate.experts.size(), 0.0);
    const auto rows = static_cast<double>(gate.weights.size() / mean.size());
    for (size_t i = 0; i < gate.weights.size(); ++i) {
      mean[i % mean.size()] += static_cast<double>(gate.weights[i]) / rows;
    }
  }
  return means;
}

// Half of the sum of absolute differences: 0 for equal rows, 1 for rows without a common expert.
double DistanceOf(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += std::abs(a[i] - b[i]) / 2;
  return sum;
}

// The gates of a mixture in which every task may use every expert.
void MeasureGates(const std::vector<std::vector<double>>& gates, const std::string& arm,
                  const std::string& plot, Measurements* out) {
  const size_t experts = gates[0].size();
  double most = 0, least = 1;
  for (size_t expert = 0; expert < experts; ++expert) {
    double used = 0;
    for (const std::vector<double>& gate : gates) used = std::max(used, gate[expert]);
    most = std::max(most, used);
    least = std::min(least, used);
  }
  out->Set(arm, "most", most);
  out->Set(arm, "least", least);
  out->Set(arm, "polarised", most > kCollapsed || least < kUnused ? 1 : 0);
  out->Set(arm, "within", (DistanceOf(gates[0], gates[1]) + DistanceOf(gates[2], gates[3])) / 2);
  out->Set(arm, "between", (DistanceOf(gates[0], gates[2]) + DistanceOf(gates[1], gates[3])) / 2);
  if (plot.empty()) return;
  // Experts have no names that seeds have in common: they come in the order of how much more the
  // first task of A uses them than that of B.
  std::vector<size_t> order(experts);
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, std::greater(), [&](size_t e) { return gates[0][e] - gates[2][e]; });
  for (size_t task = 0; task < kTasks; ++task) {
    for (size_t place = 0; place < experts; ++place) {
      out->AddPoint(plot, kTaskNames[task], static_cast<double>(place + 1),
                    gates[task][order[place]]);
    }
  }
}

// What a net gives for held-out inputs.
struct FittedTasks {
  std::array<double, kTasks> losses{};  // of numbers: as a share of their variance
  std::vector<std::vector<double>> gates;
  double error() const { return (losses[0] + losses[2]) / 2; }
};

FittedTasks TestTasks(std::span<const float> inputs, std::span<const float> labels,
                      const ranking::Architecture& net) {
  const std::vector<uint32_t> one_query(inputs.size() / kInputs, 0);
  std::vector<float> logits(labels.size());
  const auto scratch = net.MakeScratch();
  net.Infer({.query_rows = 1, .impressions = inputs.data(), .query_of = one_query}, logits.data(),
            *scratch, {});
  FittedTasks fitted{.losses = LossesOf(logits, labels, {}),
                     .gates = MeanGates(net.Gates(*scratch))};
  for (size_t task = 0; task < kTasks; task += 2) {
    const std::vector<float> y = Column(labels, task);
    const auto n = static_cast<float>(y.size());
    const float mean = std::reduce(y.begin(), y.end()) / n;
    fitted.losses[task] /=
        nn::SquaredLoss(std::vector<float>(y.size(), mean), y, {}, nullptr).mean();
  }
  return fitted;
}

std::string MultitaskArm(double correlation, std::string_view architecture,
                         float learning_rate = kRates[0]) {
  return fmt::format("correlation {:g}{}: {}", correlation,
                     learning_rate == kRates[0] ? "" : ", high rate", architecture);
}

std::string ExpertPlot(double correlation) {
  return fmt::format("expert use of mmoe, correlation {:g}", correlation);
}

struct Training {
  std::string architecture;
  size_t correlation;
  float learning_rate;
  std::unique_ptr<ranking::Architecture> net;
};

// Every architecture at every correlation, and the mixtures once more at the high rate.
Result<std::vector<Training>> TrainingsOf(uint64_t seed) {
  const ranking::NetShape shape{.input = {.impression = kInputs},
                                .outputs = std::vector<size_t>(kTasks, 1)};
  UPNEXT_ASSIGN_OR_RETURN(const auto arms, ArmsOf(shape));
  std::vector<Training> trainings;
  for (const float rate : kRates) {
    for (size_t c = 0; c < kCorrelations.size(); ++c) {
      for (const auto& [name, options] : arms) {
        const bool mixture = options.name == "mmoe";
        if (rate != kRates[0] && !(mixture && kCorrelations[c] == 0)) continue;
        base::Rng first_weights(seed, 3);
        UPNEXT_ASSIGN_OR_RETURN(auto net, ranking::MakeArchitecture(options, shape, first_weights));
        trainings.push_back({name, c, rate, std::move(net)});
      }
    }
  }
  return trainings;
}

void MeasureTraining(const Training& training, const FittedTasks& fitted, double shared_error,
                     Measurements* out) {
  const double correlation = kCorrelations[training.correlation];
  const std::string& name = training.architecture;
  const std::string arm = MultitaskArm(correlation, name, training.learning_rate);
  out->Set(arm, "error", fitted.error());
  out->Set(arm, "log_loss", (fitted.losses[1] + fitted.losses[3]) / 2);
  out->Set(arm, "multiplications", static_cast<double>(training.net->multiplications()));
  const bool high = training.learning_rate != kRates[0];
  if (!high) {
    out->Set(arm, "gap", shared_error - fitted.error());
    if (name != kShared) out->AddPoint(kGapPlot, name, correlation, shared_error - fitted.error());
  }
  if (name == kShared || name == kPle) return;
  const bool shown = !high && name == kMmoe && (correlation == 1 || correlation == 0);
  MeasureGates(fitted.gates, arm, shown ? ExpertPlot(correlation) : "", out);
}

Result<Measurements> RunMultitask(const StudyRun& run) {
  const MultitaskPlan plan = MultitaskPlanOf(run.scale);
  const PlantedTasks train = PlantTasks(plan.examples, run.seed, 1);
  const PlantedTasks test = PlantTasks(plan.held_out, run.seed, 2);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<Training> trainings, TrainingsOf(run.seed));
  std::vector<FittedTasks> fitted(trainings.size());
  run.pool.ParallelFor(trainings.size(), 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end && !run.progress.stop_requested(); ++i) {
      const Training& t = trainings[i];
      FitTasks(plan, train.inputs, train.labels[t.correlation], run.seed, t.learning_rate,
               t.net.get());
      fitted[i] = TestTasks(test.inputs, test.labels[t.correlation], *t.net);
    }
  });
  if (run.progress.stop_requested()) return Cancelled("stopped");
  Measurements measured;
  double shared_error = 0;
  for (size_t i = 0; i < trainings.size(); ++i) {
    if (trainings[i].architecture == kShared) shared_error = fitted[i].error();
    MeasureTraining(trainings[i], fitted[i], shared_error, &measured);
  }
  return measured;
}

Settings MultitaskSettings(Scale scale) {
  const MultitaskPlan plan = MultitaskPlanOf(scale);
  return {{"examples", fmt::format("{}", plan.examples)},
          {"epochs", fmt::format("{}", plan.epochs)},
          {"inputs", fmt::format("{}", kInputs)}};
}

std::vector<Claim> MultitaskClaims() {
  const std::string alike = MultitaskArm(1, kMmoe), unlike = MultitaskArm(0, kMmoe);
  std::vector<Claim> claims = {
      {"the gap of mmoe is larger for tasks without correlation than for equal ones", "gap", unlike,
       alike, 0},
      {"mmoe is better than the shared bottom where tasks have no correlation", "gap", unlike, "",
       0},
      {"groups of tasks use other experts where they have no correlation", "between", unlike, alike,
       0.1}};
  for (const float rate : kRates) {
    claims.push_back({fmt::format("{}: gates collapse in fewer seeds with dropout than without",
                                  rate == kRates[0] ? "usual rate" : "high rate"),
                      "polarised", MultitaskArm(0, kMmoe, rate), MultitaskArm(0, kNoDropout, rate),
                      -std::numeric_limits<double>::infinity(), 0});
  }
  return claims;
}

}  // namespace

Study MultitaskStudy() {
  return {
      .name = "multitask",
      .question =
          "What does a mixture of experts gain over a shared bottom of the same cost as tasks "
          "become less alike, and do gate dropout and other experts help?",
      .method =
          "The architectures of the ranker are trained directly on the synthetic tasks of Ma et al. "
          "2018, without a log: 32 normal inputs; two groups of tasks, A and B, each a sum of "
          "sines of the projection on a direction, with the cosine of both as the correlation; in "
          "each group one task is the number and one whether it is above 0. All have the "
          "multiplications and the number of layers of mmoe. The mixtures are trained once more at "
          "a learning rate of .03 in place of .005, at which gates collapse.",
      .metrics =
          {{"error",
            "held-out squared error of the numbers as a share of their variance, mean of two"},
           {"log_loss", "held-out cross-entropy of yes or no, mean of two"},
           {"gap", "error of the shared bottom less this one"},
           {"multiplications", "for one example", 0},
           {"polarised",
            "share of seeds in which a gate's mean weight of an expert is above .95, or an "
            "expert has less than .01 of every gate",
            2},
           {"most", "largest mean weight of an expert in a gate", 3},
           {"least", "largest mean weight of the least used expert", 3},
           {"within", "distance of the mean gates of one group's tasks, 0 to 1", 3},
           {"between", "distance of the mean gates of A and B, 0 to 1", 3}},
      .plots = {{kGapPlot, "correlation", "share of variance"},
                {ExpertPlot(1), "expert", "mean weight"},
                {ExpertPlot(0), "expert", "mean weight"}},
      .claims = MultitaskClaims(),
      .settings = MultitaskSettings,
      .run = RunMultitask};
}

}  // namespace upnext::studies
