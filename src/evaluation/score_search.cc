#include "evaluation/score_search.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <span>

#include "base/rng.h"
#include "ranking/score.h"

namespace upnext::evaluation {
namespace {

// Exponents that a line search tries, in units of the largest present one.
constexpr std::array kGrid = {-2.0, -1.5, -1.0, -0.75, -0.5, -0.25, -0.1, 0.0,
                              0.1,  0.25, 0.5,  0.75,  1.0,  1.5,   2.0};
constexpr int kPasses = 4;  // of a line search over all exponents
// Weights of satisfaction beside engagement.
constexpr std::array kMixes = {0.0, 1.0, 0.5, 0.25, 0.75};
constexpr int kRounds = 24, kSteps = 16;  // of random steps, all of a round at once
constexpr double kFirstStep = 0.4, kUnit = 0.01;
constexpr size_t kFrontTried = 64, kFrontShown = 12;
constexpr uint64_t kStepStream = 3, kIntervalStream = 1;

using Exponents = std::vector<float>;

struct TriedLine {
  Exponents exponents;
  std::vector<double> figures;
};

// A score and its powers order alike: lines of one direction count as one.
std::vector<int> DirectionOf(const Exponents& exponents) {
  float largest = 0;
  for (const float exponent : exponents) largest = std::max(largest, std::abs(exponent));
  std::vector<int> direction;
  for (const float exponent : exponents) {
    direction.push_back(static_cast<int>(std::lround(exponent / largest * 10'000)));
  }
  return direction;
}

bool IsZero(const Exponents& exponents) {
  return std::ranges::all_of(exponents, [](float exponent) { return exponent == 0; });
}

float Rounded(double exponent) {
  const double most = ranking::kMaxScoreWeight;
  return static_cast<float>(
      std::clamp(std::round(exponent / kUnit) / std::round(1 / kUnit), -most, most));
}

class ScoreSearch {
 public:
  ScoreSearch(const PageValues& values, const std::vector<ranking::Objective>& objectives,
              const ScoreTarget& target, Exponents present, const ScoreSearchOptions& options,
              base::ThreadPool& pool, base::Progress& progress)
      : values_(values),
        target_(target),
        options_(options),
        pool_(pool),
        progress_(progress),
        stage_(progress, "search the score", "lines", options.max_lines) {
    for (const float exponent : present) {
      scale_ = std::max(scale_, std::abs(static_cast<double>(exponent)));
    }
    if (scale_ == 0) scale_ = 1;
    for (size_t k = 0; k < present.size(); ++k) {
      if (options.varied.empty() || options.varied[k] != 0) varied_.push_back(k);
      const bool satisfies = !objectives[k].position_bias;
      const bool unwanted = values.columns()[k].unwanted;
      may_be_negative_.push_back(!satisfies || unwanted || present[k] < 0);
      may_be_positive_.push_back(!satisfies || !unwanted || present[k] > 0);
    }
    Try({std::move(present)}, 1);
  }

  // The present line is number 0.
  Status Run() {
    const uint32_t searched = options_.max_lines - options_.max_lines / 5;
    LineSearch(Alone(target_.target), searched);
    if (target_.engagement && target_.satisfaction) {
      for (const double mix : kMixes) {
        std::vector<double> weights = Alone(*target_.engagement, 1 - mix);
        weights[*target_.satisfaction] = mix;
        LineSearch(weights, searched);
      }
    }
    RandomSteps();
    if (progress_.stop_requested()) return Cancelled("stopped on request");
    return Ok();
  }

  const std::vector<TriedLine>& lines() const { return lines_; }
  // The line of the highest figure; of equal ones the first.
  size_t Best(size_t figure) const { return BestOf(Alone(figure), 0); }
  // Lines that no other is better than on both axes, from most engagement to most satisfaction.
  std::vector<size_t> Front() const {
    std::vector<size_t> front;
    if (!target_.engagement || !target_.satisfaction) return front;
    std::vector<size_t> order(lines_.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    const auto place = [&](size_t i) {
      const std::vector<double>& figures = lines_[i].figures;
      return std::pair(-figures[*target_.engagement], -figures[*target_.satisfaction]);
    };
    std::ranges::stable_sort(order, {}, place);
    for (const size_t i : order) {
      if (front.empty() || place(i).second < place(front.back()).second) front.push_back(i);
    }
    return front;
  }

 private:
  std::vector<double> Alone(size_t figure, double weight = 1) const {
    std::vector<double> weights(target_.figures.size(), 0.0);
    weights[figure] = weight;
    return weights;
  }
  double Worth(size_t line, const std::vector<double>& weights) const {
    double worth = 0;
    for (size_t f = 0; f < weights.size(); ++f) worth += weights[f] * lines_[line].figures[f];
    return worth;
  }
  // `best`, or a line that is worth more.
  size_t BestOf(const std::vector<double>& weights, size_t best) const {
    for (size_t i = 0; i < lines_.size(); ++i) {
      if (Worth(i, weights) > Worth(best, weights) + 1e-12) best = i;
    }
    return best;
  }

  // Measures those that are new, as long as there are fewer than `most` lines.
  void Try(std::vector<Exponents> lines, uint32_t most) {
    const size_t begin = lines_.size();
    for (Exponents& exponents : lines) {
      if (lines_.size() >= most || IsZero(exponents)) continue;
      if (!known_.emplace(DirectionOf(exponents), lines_.size()).second) continue;
      lines_.push_back({std::move(exponents), {}});
    }
    pool_.ParallelFor(lines_.size() - begin, 1, [&](size_t from, size_t to) {
      for (size_t i = begin + from; i < begin + to; ++i) {
        lines_[i].figures = target_.FiguresOf(values_.Of(lines_[i].exponents));
      }
    });
    stage_.Update(lines_.size());
  }

  // Each exponent in turn takes the best value of the grid.
  void LineSearch(const std::vector<double>& weights, uint32_t most) {
    size_t best = BestOf(weights, 0);
    for (int pass = 0; pass < kPasses && !Stopped(most); ++pass) {
      const size_t before = best;
      for (const size_t k : varied_) {
        std::vector<Exponents> lines;
        for (const double value : kGrid) {
          lines.push_back(lines_[best].exponents);
          lines.back()[k] = Allowed(k, value * scale_);
        }
        Try(std::move(lines), most);
        best = BestOf(weights, best);
      }
      if (best == before) return;
    }
  }

  // Steps from the front and from the best line, smaller from round to round.
  void RandomSteps() {
    base::Rng rng(options_.seed, kStepStream);
    for (int round = 0; round < kRounds && !Stopped(options_.max_lines); ++round) {
      std::vector<size_t> from = Front();
      from.push_back(Best(target_.target));
      const double size = kFirstStep * scale_ * (1 - static_cast<double>(round) / kRounds);
      std::vector<Exponents> lines;
      for (int step = 0; step < kSteps; ++step) {
        Exponents exponents = lines_[from[rng.Below(from.size())]].exponents;
        for (const size_t k : varied_) {
          if (rng.Uniform() < 0.5) continue;
          exponents[k] = Allowed(k, static_cast<double>(exponents[k]) + size * rng.Normal());
        }
        lines.push_back(std::move(exponents));
      }
      Try(std::move(lines), options_.max_lines);
    }
  }
  // The nearest exponent that the objective may have: of satisfaction, no negative one of what users
  // want and no positive one of what they do not.
  float Allowed(size_t k, double exponent) const {
    if (!may_be_negative_[k]) exponent = std::max(exponent, 0.0);
    if (!may_be_positive_[k]) exponent = std::min(exponent, 0.0);
    return Rounded(exponent);
  }
  bool Stopped(uint32_t most) const { return lines_.size() >= most || progress_.stop_requested(); }

  const PageValues& values_;
  const ScoreTarget& target_;
  const ScoreSearchOptions& options_;
  base::ThreadPool& pool_;
  base::Progress& progress_;
  base::ProgressStage stage_;
  double scale_ = 0;
  std::vector<size_t> varied_;
  std::vector<bool> may_be_negative_, may_be_positive_;
  std::vector<TriedLine> lines_;
  std::map<std::vector<int>, size_t> known_;
};

// With the differences to the present line, on the same draws of users for every line.
class LineMaker {
 public:
  LineMaker(const PageValues& values, const ScoreTarget& target, const Exponents& present,
            uint64_t seed)
      : values_(values), target_(target), seed_(seed), present_(values.ByUser(present)) {}

  ScoreLine Make(const Exponents& exponents) const {
    const size_t columns = values_.columns().size();
    PairedRatios ratios{.columns = columns,
                        .next = values_.ByUser(exponents),
                        .current = present_,
                        .denominators = values_.denominators()};
    std::vector<double> sums(columns, 0.0), all(columns, 0.0);
    for (size_t i = 0; i < ratios.next.size(); ++i) {
      sums[i % columns] += ratios.next[i];
      all[i % columns] += ratios.denominators[i];
    }
    for (size_t c = 0; c < columns; ++c) sums[c] = all[c] > 0 ? sums[c] / all[c] : 0;
    ScoreLine line{.exponents = exponents, .values = target_.FiguresOf(sums), .differences = {}};
    if (values_.users() < kFewestUsers) {
      line.differences.assign(line.values.size(), kNoInterval);
      return line;
    }
    base::Rng rng(seed_, kIntervalStream);
    line.differences = BootstrapSums(ratios, target_.weights, rng);
    return line;
  }
  std::vector<ScoreLine> MakeAll(const ScoreSearch& search, const std::vector<size_t>& lines,
                                 base::ThreadPool& pool) const {
    std::vector<ScoreLine> made(lines.size());
    pool.ParallelFor(lines.size(), 1, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) made[i] = Make(search.lines()[lines[i]].exponents);
    });
    return made;
  }

 private:
  const PageValues& values_;
  const ScoreTarget& target_;
  const uint64_t seed_;
  const std::vector<double> present_;
};

template <typename T>
std::vector<T> Evenly(const std::vector<T>& all, size_t most) {
  if (all.size() <= most) return all;
  std::vector<T> kept;
  for (size_t i = 0; i < most; ++i) kept.push_back(all[i * (all.size() - 1) / (most - 1)]);
  return kept;
}

}  // namespace

std::string ScoreText(const std::vector<std::string>& objectives,
                      const std::vector<float>& exponents) {
  std::string text;
  for (size_t k = 0; k < exponents.size(); ++k) {
    if (exponents[k] == 0) continue;
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", objectives[k], exponents[k]);
  }
  return text;
}

Result<ScoreSearchResult> SearchScore(const PageValues& values,
                                      const std::vector<ranking::Objective>& objectives,
                                      const ScoreSearchOptions& options, base::ThreadPool& pool,
                                      base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const ScoreTarget target,
                          MakeScoreTarget(values, objectives, options.target));
  const Exponents present = ranking::ExponentsOf(objectives);
  if (IsZero(present)) {
    return InvalidArgument("score: expected an exponent other than 0 to begin with, found none");
  }
  ScoreSearch search(values, objectives, target, present, options, pool, progress);
  UPNEXT_RETURN_IF_ERROR(search.Run());
  ScoreSearchResult result{.objectives = {},
                           .figures = target.figures,
                           .target = target.words,
                           .present = {},
                           .chosen = {},
                           .truth = {},
                           .lines = search.lines().size(),
                           .pages = values.pages(),
                           .users = values.users(),
                           .impressions = values.impressions(),
                           .seed = options.seed,
                           .by_request = values.by_request()};
  for (const ranking::Objective& objective : objectives) {
    result.objectives.push_back(objective.name);
  }
  const LineMaker maker(values, target, present, options.seed);
  result.present = result.chosen = maker.Make(present);
  const std::vector<size_t> front = Evenly(search.Front(), kFrontTried);
  const std::vector<ScoreLine> front_lines = maker.MakeAll(search, front, pool);
  ScoreLine best = maker.Make(search.lines()[search.Best(target.target)].exponents);
  if (target.keeps_satisfaction) {
    // The front begins with the most engagement.
    const auto keeps = std::ranges::find_if(front_lines, [&](const ScoreLine& line) {
      return line.differences[*target.satisfaction].high >= 0;
    });
    best = keeps == front_lines.end() ? result.present : *keeps;
  }
  result.changed = best.differences[target.target].low > 0;
  if (result.changed) result.chosen = std::move(best);
  result.front = Evenly(front_lines, kFrontShown);
  if (target.true_watch) {
    result.truth = maker.Make(search.lines()[search.Best(*target.true_watch)].exponents);
  }
  if (target.engagement && target.satisfaction) {
    for (const TriedLine& line : search.lines()) {
      result.tried.emplace_back(line.figures[*target.satisfaction],
                                line.figures[*target.engagement]);
    }
  }
  return result;
}

}  // namespace upnext::evaluation
