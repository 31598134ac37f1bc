// CandidateTrainOptions: keys of [retrieval], and the schedule of the learning rates.
#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string_view>

#include "base/config.h"
#include "examples/candidate_stream.h"
#include "examples/sampler.h"
#include "retrieval/candidate_training.h"

namespace upnext::retrieval {

CandidateTrainOptions CandidateTrainOptions::FromConfig(const base::ConfigTable& retrieval) {
  return FromConfig(retrieval, {});
}

CandidateTrainOptions CandidateTrainOptions::FromConfig(const base::ConfigTable& retrieval,
                                                        const CandidateTrainOptions& defaults) {
  CandidateTrainOptions options = defaults;
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(retrieval.Int(key, fallback, {.min = min, .max = max}));
  };
  const auto real = [&](std::string_view key, float fallback, double min, double max) {
    return static_cast<float>(retrieval.Real(key, fallback, {.min = min, .max = max}));
  };
  options.batch = number("batch", options.batch, 1, 1 << 20);
  options.epochs = number("epochs", options.epochs, 1, 100'000);
  options.patience = number("patience", options.patience, 1, 100'000);
  options.negatives = number("negatives", options.negatives, 0, 1 << 20);
  options.logq = retrieval.Real("logq", options.logq, {.min = 0, .max = 1});
  options.sampler = examples::SamplerOptions::FromConfig(retrieval);
  options.in_batch = retrieval.Bool("in_batch", options.in_batch);
  options.loss = static_cast<Loss>(
      retrieval.Choice("loss", {"softmax", "refined", "gbce"}, static_cast<size_t>(options.loss)));
  options.calibration = retrieval.Real("calibration", options.calibration, {.min = 0, .max = 1});
  if (options.loss == Loss::kGbce && options.negatives == 0 && !options.in_batch) {
    retrieval.Fail("negatives",
                   "expected at least 1 for loss = \"gbce\", found 0, which is the full "
                   "softmax; give negatives, or in_batch = true");
  }
  constexpr double kLeastRate = 1e-9;  // 0 would not learn
  options.table_learning_rate =
      real("table_learning_rate", options.table_learning_rate, kLeastRate, 100);
  options.tower_learning_rate =
      real("tower_learning_rate", options.tower_learning_rate, kLeastRate, 100);
  options.rate_schedule =
      static_cast<Schedule>(retrieval.Choice("rate_schedule", {"constant", "linear", "cosine"},
                                             static_cast<size_t>(options.rate_schedule)));
  options.warmup_epochs =
      retrieval.Real("warmup_epochs", options.warmup_epochs, {.min = 0, .max = 100'000});
  if (options.warmup_epochs > 0 && options.warmup_epochs >= options.epochs) {
    retrieval.Fail("warmup_epochs", fmt::format("expected less than epochs ({}), found {:g}",
                                                options.epochs, options.warmup_epochs));
  }
  options.average_decay =
      retrieval.Real("average_decay", options.average_decay, {.min = 0, .max = 1});
  options.table_optimiser = static_cast<CandidateTrainOptions::TableOptimiser>(retrieval.Choice(
      "table_optimiser", {"adagrad", "adam"}, static_cast<size_t>(options.table_optimiser)));
  if (options.table_optimiser == CandidateTrainOptions::TableOptimiser::kAdam &&
      retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1) {
    retrieval.Fail("table_optimiser", "expected \"adagrad\" with tables in bf16, found \"adam\"");
  }
  if (options.average_decay > 0 && retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1) {
    retrieval.Fail("average_decay", fmt::format("expected 0 with tables in bf16, found {:g}",
                                                options.average_decay));
  }
  options.distill = retrieval.Real("distill", options.distill, {.min = 0, .max = 1});
  if (options.distill > 0 && retrieval.Int("ensemble", 1, {.min = 1}) < 2) {
    retrieval.Fail("distill", "expected an ensemble that teaches; set ensemble = 2 or more");
  }
  options.dropout = real("dropout", options.dropout, 0, 0.95);
  options.bag_dropout = real("bag_dropout", options.bag_dropout, 0, 0.95);
  options.id_dropout = real("id_dropout", options.id_dropout, 0, 1);
  options.pretrained = retrieval.Text("pretrained", options.pretrained);
  options.pretrained_rate = real("pretrained_rate", options.pretrained_rate, 0, 1);
  if (retrieval.Has("id_dropout") && ItemEncoderFromConfig(retrieval) == ItemEncoder::kId) {
    retrieval.Fail("id_dropout",
                   "has no effect with items = \"id\"; remove it, or set items = \"content\"");
  }
  if (retrieval.Has("pretrained_rate") && options.pretrained.empty()) {
    retrieval.Fail("pretrained_rate",
                   "has no effect without pretrained; remove it, or name an attribute of items");
  }
  if (options.pretrained_rate < 1 &&
      retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1) {
    retrieval.Fail("pretrained_rate", "expected 1 with tables in bf16, found a smaller one");
  }
  options.max_per_user = number("max_per_user", options.max_per_user, 1, UINT32_MAX);
  options.min_history = number("min_history", options.min_history, 0, UINT32_MAX);
  options.labels = static_cast<examples::CandidateStreamOptions::Labels>(
      retrieval.Choice("labels", {"next-watch", "held-out"}, static_cast<size_t>(options.labels)));
  options.bf16 = retrieval.Bool("bf16", options.bf16);
  options.validation_users = number("validation_users", options.validation_users, 0, UINT32_MAX);
  options.max_dead_units =
      retrieval.Real("max_dead_units", options.max_dead_units, {.min = 0.01, .max = 1});
  options.keep_state = retrieval.Bool("keep_state", options.keep_state);
  if (options.keep_state && options.distill > 0) {
    retrieval.Fail(
        "keep_state",
        "expected false with distill: what teaches is not kept, so that a training cannot "
        "continue");
  }
  if (options.keep_state && !options.pretrained.empty() && options.pretrained_rate < 1) {
    retrieval.Fail(
        "keep_state",
        fmt::format("expected false with pretrained_rate = {:g}: which rows move slowly is "
                    "not kept, so that a training cannot continue",
                    options.pretrained_rate));
  }
  options.checkpoints.name = "retrieval";
  options.checkpoints.minutes =
      retrieval.Real("checkpoint_minutes", options.checkpoints.minutes, {.min = 0, .max = 1e6});
  return options;
}

double CandidateTrainOptions::RateShare(double done) const {
  const double warm = warmup_epochs / epochs;
  if (done < warm) return done / warm;
  const double rest = (done - warm) / (1 - warm);
  switch (rate_schedule) {
    case Schedule::kConstant:
      return 1;
    case Schedule::kLinear:
      return 1 - rest;
    case Schedule::kCosine:
      return (1 + std::cos(std::numbers::pi * rest)) / 2;
  }
  return 1;
}

}  // namespace upnext::retrieval
