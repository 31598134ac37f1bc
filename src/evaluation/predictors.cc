#include "evaluation/predictors.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <numeric>

#include "evaluation/additive_effects.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;

constexpr double kRatePrior = 10;
constexpr size_t kDurationBins = 10;
constexpr const char* kMeanNames[] = {"mean",      "median",   "duration mean",   "user mean",
                                      "item mean", "additive", "additive, shrunk"};
constexpr size_t kMedian = 1;  // among them

// A grouping of impressions: by user, by item, by decile of duration.
using KeyOf = std::function<uint32_t(const Impressions& impressions, size_t i)>;

// Sums and counts of a value by group.
class GroupMeans {
 public:
  GroupMeans(const KeyOf& key, size_t groups) : key_(key), sum_(groups, 0), count_(groups, 0) {}
  void Add(const Impressions& impressions, size_t i, double value) {
    const uint32_t group = key_(impressions, i);
    sum_[group] += value;
    count_[group] += 1;
  }
  // The group's mean with `prior` added `weight` times; `prior` for an empty group.
  double Mean(const Impressions& impressions, size_t i, double prior, double weight = 0) const {
    const uint32_t group = key_(impressions, i);
    const double count = count_[group] + weight;
    return count > 0 ? (sum_[group] + weight * prior) / count : prior;
  }

 private:
  const KeyOf& key_;
  std::vector<double> sum_, count_;
};

// Deciles of the durations of training impressions; unknown durations count as 0.
class DurationBins {
 public:
  explicit DurationBins(const Impressions& train) {
    std::vector<float> durations;
    for (size_t i = 0; i < train.size(); ++i) durations.push_back(Duration(train, i));
    std::sort(durations.begin(), durations.end());
    for (size_t bin = 1; bin < kDurationBins && !durations.empty(); ++bin) {
      edges_.push_back(durations[durations.size() * bin / kDurationBins]);
    }
  }
  uint32_t Bin(const Impressions& impressions, size_t i) const {
    const auto edge = std::upper_bound(edges_.begin(), edges_.end(), Duration(impressions, i));
    return static_cast<uint32_t>(edge - edges_.begin());
  }

 private:
  static float Duration(const Impressions& impressions, size_t i) {
    const float duration = impressions.duration_s[i];
    return std::isnan(duration) ? 0.0f : duration;
  }
  std::vector<float> edges_;
};

class BaselineMaker {
 public:
  BaselineMaker(const Subject& subject, const Impressions& train, const Impressions& validation,
                const Impressions& held_out)
      : objectives_(subject.ranker->objectives()),
        log_(subject.source.log),
        train_(train),
        validation_(validation),
        held_out_(held_out),
        bins_(train),
        by_{[this](const Impressions& from, size_t i) { return bins_.Bin(from, i); },
            [](const Impressions& from, size_t i) { return from.user[i]; },
            [](const Impressions& from, size_t i) { return from.item[i]; }},
        groups_{kDurationBins, log_.users(), log_.items()} {
    std::vector<size_t> rows(held_out.size());
    std::iota(rows.begin(), rows.end(), size_t{0});
    held_out_keys_ = KeysOf(held_out, rows);
  }

  // Of every objective; the median of those whose label is a number. That of `scored` orders the
  // pages.
  void AddMeans(size_t scored, std::vector<Predictor>* made) const {
    std::vector<Predictor> rows;
    for (const char* name : kMeanNames) rows.push_back(Empty(name));
    bool any = false;
    for (size_t k = 0; k < objectives_.size(); ++k) {
      any |= FillMeans(k, k == scored, rows);
    }
    if (any) std::ranges::move(rows, std::back_inserter(*made));
  }

  Predictor Rates() const {
    Predictor rates = Empty("rates");
    for (size_t k = 0; k < objectives_.size(); ++k) {
      if (!objectives_[k].is_yes_or_no()) continue;
      const ranking::Targets targets = TargetsOf(objectives_[k], train_);
      GroupMeans users(by_[1], groups_[1]), items(by_[2], groups_[2]);
      double successes = 0, trials = 0;
      for (size_t i = 0; i < train_.size(); ++i) {
        if (targets.mask[i] == 0) continue;
        const double success = static_cast<double>(targets.value[i]);
        users.Add(train_, i, success);
        items.Add(train_, i, success);
        successes += success;
        trials += 1;
      }
      const double overall = trials > 0 ? successes / trials : 0.5;
      const bool orders = objectives_[k].event == schema::EventType::kClick && rates.score.empty();
      for (size_t i = 0; i < held_out_.size(); ++i) {
        const double rate = users.Mean(held_out_, i, overall, kRatePrior) +
                            items.Mean(held_out_, i, overall, kRatePrior);
        rates.predictions[k].push_back(static_cast<float>(rate));
        if (orders) rates.score.push_back(rate);
      }
    }
    return rates;
  }

  Predictor Popularity() const {
    std::vector<double> clicks(log_.items(), 0);
    for (size_t i = 0; i < train_.size(); ++i) {
      if (train_.labels[i].Has(schema::EventType::kClick)) clicks[train_.item[i]] += 1;
    }
    Predictor popularity = Empty("popularity");
    for (const uint32_t item : held_out_.item) popularity.score.push_back(clicks[item]);
    return popularity;
  }

 private:
  Predictor Empty(std::string name) const {
    return {std::move(name), {}, std::vector<std::vector<float>>(objectives_.size())};
  }

  // The impressions where an objective is observed, with their labels.
  struct Sample {
    std::vector<size_t> rows;
    std::vector<float> labels;
  };
  Sample SampleOf(size_t objective, const Impressions& from) const {
    const ranking::Targets targets = TargetsOf(objectives_[objective], from);
    Sample sample;
    for (size_t i = 0; i < targets.value.size(); ++i) {
      if (targets.mask[i] == 0) continue;
      sample.rows.push_back(i);
      sample.labels.push_back(targets.value[i]);
    }
    return sample;
  }

  // Fills the predictions of an objective, in the order of kMeanNames. False if none is observed.
  bool FillMeans(size_t objective, bool orders, std::vector<Predictor>& rows) const {
    const Sample sample = SampleOf(objective, train_);
    const std::vector<float>& t = sample.labels;
    if (t.empty()) return false;
    const double mean = std::reduce(t.begin(), t.end(), 0.0) / static_cast<double>(t.size());
    std::vector<float> sorted = t;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const double median = static_cast<double>(*middle);
    std::vector<GroupMeans> means;
    for (size_t g = 0; g < 3; ++g) {
      means.emplace_back(by_[g], groups_[g]);
      for (size_t i = 0; i < t.size(); ++i) {
        means[g].Add(train_, sample.rows[i], static_cast<double>(t[i]));
      }
    }
    const AdditiveEffects effects =
        AdditiveEffects::Choose({std::begin(groups_), std::end(groups_)}, Grouped(sample, train_),
                                Grouped(SampleOf(objective, validation_), validation_));
    for (size_t i = 0; i < held_out_.size(); ++i) {
      double sum = mean;
      for (const GroupMeans& group : means) sum += group.Mean(held_out_, i, mean) - mean;
      const double values[] = {mean,
                               median,
                               means[0].Mean(held_out_, i, mean),
                               means[1].Mean(held_out_, i, mean),
                               means[2].Mean(held_out_, i, mean),
                               std::max(sum, 0.0),
                               effects.Predict(held_out_keys_, i)};
      for (size_t row = 0; row < std::size(values); ++row) {
        if (row == kMedian && objectives_[objective].is_yes_or_no()) continue;
        rows[row].predictions[objective].push_back(static_cast<float>(values[row]));
        if (orders) rows[row].score.push_back(values[row]);
      }
    }
    return true;
  }

  GroupKeys KeysOf(const Impressions& from, const std::vector<size_t>& rows) const {
    GroupKeys keys(std::size(by_));
    for (size_t g = 0; g < keys.size(); ++g) {
      for (const size_t row : rows) keys[g].push_back(by_[g](from, row));
    }
    return keys;
  }
  GroupedRows Grouped(const Sample& sample, const Impressions& from) const {
    return {KeysOf(from, sample.rows), {sample.labels.begin(), sample.labels.end()}};
  }

  const std::vector<Objective>& objectives_;
  const log::EventLog& log_;
  const Impressions& train_;
  const Impressions& validation_;
  const Impressions& held_out_;
  const DurationBins bins_;
  const KeyOf by_[3];       // duration, user, item
  const size_t groups_[3];  // number of groups of each
  GroupKeys held_out_keys_;
};

}  // namespace

size_t WatchObjective(const std::vector<Objective>& objectives) {
  const auto found = std::ranges::find(objectives, Objective::Label::kWatchSeconds,
                                       [](const Objective& objective) { return objective.label; });
  return static_cast<size_t>(found - objectives.begin());
}

Predictor RankerPredictor(const std::vector<Objective>& objectives, const Impressions& held_out) {
  Predictor ranker{"ranker", held_out.score, std::vector<std::vector<float>>(objectives.size())};
  for (size_t i = 0; i < held_out.size(); ++i) {
    for (size_t k = 0; k < objectives.size(); ++k) {
      ranker.predictions[k].push_back(held_out.predictions[i * objectives.size() + k]);
    }
  }
  return ranker;
}

std::vector<Predictor> RankingBaselines(const Subject& subject, const Impressions& held_out,
                                        base::ThreadPool& pool) {
  const Impressions train = CollectImpressions(subject.source, examples::SplitPart::kTrain, pool);
  const Impressions validation =
      CollectImpressions(subject.source, examples::SplitPart::kValidation, pool);
  std::vector<Predictor> made;
  if (train.size() == 0) return made;
  const std::vector<Objective>& objectives = subject.ranker->objectives();
  const BaselineMaker maker(subject, train, validation, held_out);
  maker.AddMeans(WatchObjective(objectives), &made);
  made.push_back(maker.Rates());
  made.push_back(maker.Popularity());
  return made;
}

}  // namespace upnext::evaluation
