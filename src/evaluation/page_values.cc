#include "evaluation/page_values.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ranking/score.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;

constexpr std::array<const char*, 3> kTrueNames = {"true clicks", kTrueWatchSeconds,
                                                   "true satisfaction"};

double PlaceDiscount(size_t place) { return 1 / std::log2(2 + static_cast<double>(place)); }

// The label by which rows are ordered best: more is better. What is not observed counts as the mean
// of what is.
std::vector<double> GainsOf(const Objective& objective, bool unwanted, const Impressions& scored) {
  const ranking::Targets targets = TargetsOf(objective, scored);
  double sum = 0, observed = 0;
  for (size_t i = 0; i < targets.value.size(); ++i) {
    if (targets.mask[i] == 0) continue;
    sum += static_cast<double>(targets.value[i]);
    observed += 1;
  }
  const double mean = observed > 0 ? sum / observed : 0;
  std::vector<double> gains;
  for (size_t i = 0; i < targets.value.size(); ++i) {
    const double label = targets.mask[i] != 0 ? static_cast<double>(targets.value[i]) : mean;
    gains.push_back(unwanted ? -label : label);
  }
  return gains;
}

}  // namespace

std::vector<uint8_t> UnwantedOf(const std::vector<Objective>& objectives,
                                const schema::Schema& schema) {
  std::vector<uint8_t> unwanted;
  for (const Objective& objective : objectives) {
    const bool negative = objective.label == Objective::Label::kEvent &&
                          schema.info(objective.event).role == schema::Role::kNegative;
    unwanted.push_back(negative || objective.label == Objective::Label::kUnwanted ? 1 : 0);
  }
  return unwanted;
}

std::vector<double> LogPredictions(size_t objectives, const Impressions& scored) {
  std::vector<double> logs;
  std::vector<float> alone(objectives, 0.0f);
  for (size_t i = 0; i < scored.size(); ++i) {
    const auto predictions = std::span(scored.predictions).subspan(i * objectives, objectives);
    for (size_t k = 0; k < objectives; ++k) {
      alone[k] = 1;
      logs.push_back(std::log(ranking::CombinedScore(alone, predictions)));
      alone[k] = 0;
    }
  }
  return logs;
}

// Of one page.
struct PageValues::Scratch {
  std::vector<double> scores;
  std::vector<uint32_t> order;                     // rows from the page's first, best first
  std::vector<std::pair<uint32_t, uint32_t>> tie;  // of each row: places [begin, end)
};

PageValues::PageValues(const std::vector<Objective>& objectives, std::span<const uint8_t> unwanted,
                       const Impressions& scored, const ImpressionTruth& truth)
    : objectives_(objectives.size()),
      pages_(MakePages(scored)),
      users_(NumberUsers(scored)),
      outcomes_(WatchOutcomesOf(objectives, scored)) {
  for (size_t k = 0; k < objectives.size(); ++k) {
    columns_.push_back({.name = objectives[k].name, .unwanted = unwanted[k] != 0});
  }
  if (!truth.device.empty()) {
    for (const char* name : kTrueNames) {
      columns_.push_back({.name = name, .kind = ValueColumn::Kind::kTruth});
    }
  }
  columns_.push_back({.name = "weighted_user_loss", .kind = ValueColumn::Kind::kLoss});
  worst_.assign(users_.users * columns_.size(), 0);
  denominators_.assign(worst_.size(), 0);
  SetPredictions(scored);
  SetGains(objectives, unwanted, scored);
  SetWorst();
  if (!truth.device.empty()) SetTruth(truth);
  SetLoss();
  all_worst_.assign(columns_.size(), 0);
  all_.assign(columns_.size(), 0);
  for (size_t i = 0; i < denominators_.size(); ++i) {
    all_worst_[i % columns_.size()] += worst_[i];
    all_[i % columns_.size()] += denominators_[i];
  }
  for (size_t c = 0; c < columns_.size(); ++c) columns_[c].measured = all_[c] > 0;
}

void PageValues::SetPredictions(const Impressions& scored) {
  const std::vector<double> logs = LogPredictions(objectives_, scored);
  for (const uint32_t i : pages_.order) {
    const auto of_impression = std::span(logs).subspan(i * objectives_, objectives_);
    log_predictions_.insert(log_predictions_.end(), of_impression.begin(), of_impression.end());
  }
}

// Labels that are equal on the whole page do not depend on its order: they become 0.
void PageValues::SetGains(const std::vector<Objective>& objectives,
                          std::span<const uint8_t> unwanted, const Impressions& scored) {
  gains_.assign(scored.size() * objectives_, 0);
  for (size_t k = 0; k < objectives_; ++k) {
    const std::vector<double> gains = GainsOf(objectives[k], unwanted[k] != 0, scored);
    for (const auto& [begin, end] : pages_.pages) {
      double least = INFINITY;
      for (uint32_t row = begin; row < end; ++row) {
        least = std::min(least, gains[pages_.order[row]]);
      }
      for (uint32_t row = begin; row < end; ++row) {
        gains_[row * objectives_ + k] = static_cast<float>(gains[pages_.order[row]] - least);
      }
    }
  }
}

// The value of the worst order of every page, and what the best one adds to it.
void PageValues::SetWorst() {
  size_t longest = 0;
  for (const auto& [begin, end] : pages_.pages) longest = std::max<size_t>(longest, end - begin);
  discounts_ = {0};
  for (size_t place = 0; place < longest; ++place) {
    discounts_.push_back(discounts_.back() + PlaceDiscount(place));
  }
  std::vector<double> labels;
  for (const auto& [begin, end] : pages_.pages) {
    const size_t first = users_.user[pages_.order[begin]] * columns_.size();
    for (size_t k = 0; k < objectives_; ++k) {
      labels.clear();
      for (uint32_t row = begin; row < end; ++row) {
        labels.push_back(static_cast<double>(gains_[row * objectives_ + k]));
      }
      std::ranges::sort(labels);
      double worst = 0, best = 0;
      for (size_t place = 0; place < labels.size(); ++place) {
        worst += labels[place] * PlaceDiscount(place);
        best += labels[labels.size() - 1 - place] * PlaceDiscount(place);
      }
      worst_[first + k] += worst;
      denominators_[first + k] += best - worst;
    }
  }
}

void PageValues::SetTruth(const ImpressionTruth& truth) {
  for (const std::vector<double>& of_device : truth.examination) {
    std::vector<double>& sums = examined_.emplace_back(1, 0.0);
    for (const double examined : of_device) sums.push_back(sums.back() + examined);
    sums.resize(std::max(sums.size(), discounts_.size()), sums.back());
  }
  for (const uint32_t i : pages_.order) {
    true_gains_.push_back({truth.gains[0][i], truth.gains[1][i], truth.gains[2][i]});
  }
  for (const auto& [begin, end] : pages_.pages) {
    const uint32_t i = pages_.order[begin];
    device_.push_back(truth.device[i]);
    const size_t first = users_.user[i] * columns_.size() + objectives_;
    for (size_t t = 0; t < kTrueNames.size(); ++t) denominators_[first + t] += 1;
  }
}

void PageValues::SetLoss() {
  std::vector<double> none;
  std::vector<float> watch_s;
  std::vector<uint8_t> clicked;
  for (const auto& [begin, end] : pages_.pages) {
    none.assign(end - begin, 0.0);
    watch_s.clear();
    clicked.clear();
    for (uint32_t row = begin; row < end; ++row) {
      watch_s.push_back(outcomes_.watch_s[pages_.order[row]]);
      clicked.push_back(outcomes_.clicked[pages_.order[row]]);
    }
    const size_t user = users_.user[pages_.order[begin]];
    denominators_[(user + 1) * columns_.size() - 1] +=
        WeightedPageLoss(none, watch_s, clicked).total;
  }
}

void PageValues::Order(size_t page, std::span<const float> exponents, Scratch* scratch) const {
  const auto [begin, end] = pages_.pages[page];
  const size_t n = end - begin;
  scratch->scores.assign(n, 0.0);
  for (size_t i = 0; i < n; ++i) {
    const double* logs = log_predictions_.data() + (begin + i) * objectives_;
    for (size_t k = 0; k < objectives_; ++k) {
      scratch->scores[i] += static_cast<double>(exponents[k]) * logs[k];
    }
  }
  scratch->order.resize(n);
  std::iota(scratch->order.begin(), scratch->order.end(), 0u);
  const std::vector<double>& scores = scratch->scores;
  std::ranges::sort(scratch->order, [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
  scratch->tie.resize(n);
  for (uint32_t place = 0; place < n;) {
    uint32_t last = place + 1;
    while (last < n && scores[scratch->order[last]] == scores[scratch->order[place]]) ++last;
    for (uint32_t p = place; p < last; ++p) scratch->tie[scratch->order[p]] = {place, last};
    place = last;
  }
}

namespace {

double MeanOfPlaces(const std::vector<double>& sums, const std::pair<uint32_t, uint32_t>& tie) {
  return (sums[tie.second] - sums[tie.first]) / (tie.second - tie.first);
}

}  // namespace

void PageValues::AddObjectives(size_t page, const Scratch& scratch, double* sums) const {
  const auto [begin, end] = pages_.pages[page];
  for (uint32_t row = begin; row < end; ++row) {
    const double discount = MeanOfPlaces(discounts_, scratch.tie[row - begin]);
    const float* gains = gains_.data() + row * objectives_;
    for (size_t k = 0; k < objectives_; ++k) sums[k] += static_cast<double>(gains[k]) * discount;
  }
}

void PageValues::AddTruth(size_t page, const Scratch& scratch, double* sums) const {
  const auto [begin, end] = pages_.pages[page];
  for (uint32_t row = begin; row < end; ++row) {
    const double examined = MeanOfPlaces(examined_[device_[page]], scratch.tie[row - begin]);
    for (size_t t = 0; t < kTrueNames.size(); ++t) sums[t] += true_gains_[row][t] * examined;
  }
}

std::vector<double> PageValues::Of(std::span<const float> exponents) const {
  std::vector<double> values(columns_.size(), 0.0);
  Scratch scratch;
  for (size_t page = 0; page < pages_.pages.size(); ++page) {
    Order(page, exponents, &scratch);
    AddObjectives(page, scratch, values.data());
    if (!true_gains_.empty()) AddTruth(page, scratch, values.data() + objectives_);
  }
  for (size_t c = 0; c < values.size(); ++c) {
    values[c] = all_[c] > 0 ? (values[c] - all_worst_[c]) / all_[c] : 0;
  }
  return values;
}

std::vector<double> PageValues::ByUser(std::span<const float> exponents) const {
  const size_t columns = columns_.size();
  std::vector<double> sums(worst_.size(), 0.0);
  Scratch scratch;
  std::vector<float> watch_s;
  std::vector<uint8_t> clicked;
  for (size_t page = 0; page < pages_.pages.size(); ++page) {
    const auto [begin, end] = pages_.pages[page];
    Order(page, exponents, &scratch);
    double* of_user = sums.data() + users_.user[pages_.order[begin]] * columns;
    AddObjectives(page, scratch, of_user);
    if (!true_gains_.empty()) AddTruth(page, scratch, of_user + objectives_);
    watch_s.clear();
    clicked.clear();
    for (uint32_t row = begin; row < end; ++row) {
      watch_s.push_back(outcomes_.watch_s[pages_.order[row]]);
      clicked.push_back(outcomes_.clicked[pages_.order[row]]);
    }
    of_user[columns - 1] += WeightedPageLoss(scratch.scores, watch_s, clicked).wrong;
  }
  for (size_t i = 0; i < sums.size(); ++i) sums[i] -= worst_[i];
  return sums;
}

}  // namespace upnext::evaluation
