#include "evaluation/off_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "evaluation/metrics.h"

namespace upnext::evaluation {
namespace {

constexpr double kHalfInterval = 1.959964;  // standard errors: 95 %

// [pages][places], each until the last place that the page has.
using Weights = std::vector<std::vector<double>>;

Weights WeightsOf(std::span<const LoggedPage> pages) {
  Weights weights;
  for (const LoggedPage& page : pages) {
    std::vector<double>& of = weights.emplace_back();
    double product = 1;
    for (const LoggedPlace& place : page.places) {
      product *= place.target / place.propensity;
      of.push_back(product);
    }
  }
  return weights;
}

// The standard error of a mean over pages, from what each differs from it by, with users as clusters.
double ClusteredError(std::span<const LoggedPage> pages, std::span<const double> residuals,
                      double count) {
  std::unordered_map<uint32_t, double> by_user;
  for (size_t i = 0; i < pages.size(); ++i) by_user[pages[i].user] += residuals[i];
  double squares = 0;
  for (const auto& [user, sum] : by_user) squares += sum * sum;
  return count > 0 ? std::sqrt(squares) / count : 0;
}

PolicyEstimate EstimateOf(std::string_view name, double mean, double error, uint64_t users) {
  const bool enough = users >= kFewestUsers;
  return {.name = name,
          .mean = mean,
          .error = error,
          .low = enough ? mean - kHalfInterval * error : kNoInterval.low,
          .high = enough ? mean + kHalfInterval * error : kNoInterval.high};
}

// The mean of one number of each page.
PolicyEstimate MeanOf(std::string_view name, std::span<const LoggedPage> pages,
                      std::vector<double> values, uint64_t users) {
  const auto count = static_cast<double>(pages.size());
  double mean = 0;
  for (const double value : values) mean += value / count;
  for (double& value : values) value -= mean;
  return EstimateOf(name, mean, ClusteredError(pages, values, count), users);
}

PolicyEstimate SelfNormalised(std::span<const LoggedPage> pages, const Weights& weights,
                              size_t places, uint64_t users) {
  std::vector<double> residuals(pages.size(), 0.0);
  double mean = 0;
  for (size_t k = 0; k < places; ++k) {
    double rewards = 0, sum = 0;
    for (size_t i = 0; i < pages.size(); ++i) {
      if (k >= weights[i].size()) continue;
      rewards += weights[i][k] * pages[i].places[k].reward;
      sum += weights[i][k];
    }
    if (!(sum > 0)) continue;
    // The mean reward of the place, over the pages that have it, as one of all pages.
    double reach = 0;
    for (const LoggedPage& page : pages) reach += k < page.places.size();
    const double share = reach / static_cast<double>(pages.size());
    const double value = rewards / sum;
    mean += share * value;
    for (size_t i = 0; i < pages.size(); ++i) {
      if (k >= weights[i].size()) continue;
      residuals[i] += reach / sum * weights[i][k] * (pages[i].places[k].reward - value);
    }
  }
  return EstimateOf("snips", mean,
                    ClusteredError(pages, residuals, static_cast<double>(pages.size())), users);
}

// By place and half of the users: the factor by which the model's expectation is a reward, by least squares on the other
// half.
std::vector<std::array<double, 2>> FactorsOf(std::span<const LoggedPage> pages, size_t places) {
  std::vector<std::array<double, 2>> products(places, {0, 0}), squares = products,
                                                               factors = products;
  for (const LoggedPage& page : pages) {
    for (size_t k = 0; k < page.places.size(); ++k) {
      const LoggedPlace& place = page.places[k];
      products[k][page.user % 2] += place.reward * place.expected;
      squares[k][page.user % 2] += place.expected * place.expected;
    }
  }
  for (size_t k = 0; k < places; ++k) {
    for (size_t half = 0; half < 2; ++half) {
      const double of = squares[k][1 - half];
      factors[k][half] = of > 0 ? products[k][1 - half] / of : 0;
    }
  }
  return factors;
}

std::vector<double> DoublyRobust(std::span<const LoggedPage> pages, const Weights& weights,
                                 size_t places) {
  const auto factors = FactorsOf(pages, places);
  std::vector<double> values(pages.size(), 0.0);
  for (size_t i = 0; i < pages.size(); ++i) {
    double above = 1;
    for (size_t k = 0; k < weights[i].size(); ++k) {
      const LoggedPlace& place = pages[i].places[k];
      const double factor = factors[k][pages[i].user % 2];
      values[i] += above * factor * place.expected_target +
                   weights[i][k] * (place.reward - factor * place.expected);
      above = weights[i][k];
    }
  }
  return values;
}

PlaceWeights WeightsOfPlace(std::span<const LoggedPage> pages, const Weights& weights, size_t k) {
  PlaceWeights out;
  std::vector<double> residuals(pages.size(), 0.0);
  double sum = 0, squares = 0;
  for (const std::vector<double>& of : weights) {
    if (k >= of.size()) continue;
    ++out.pages;
    sum += of[k];
    squares += of[k] * of[k];
  }
  const auto count = static_cast<double>(out.pages);
  out.mean = sum / count;
  out.effective = squares > 0 ? sum * sum / squares : 0;
  for (size_t i = 0; i < pages.size(); ++i) {
    if (k < weights[i].size()) residuals[i] = weights[i][k] - out.mean;
  }
  out.error = ClusteredError(pages, residuals, count);
  return out;
}

}  // namespace

OffPolicyReport EstimateOffPolicy(std::span<const LoggedPage> pages) {
  OffPolicyReport report;
  std::unordered_set<uint32_t> users;
  size_t places = 0;
  for (const LoggedPage& page : pages) {
    users.insert(page.user);
    places = std::max(places, page.places.size());
  }
  report.pages = pages.size();
  report.users = users.size();
  if (pages.empty()) return report;
  const Weights weights = WeightsOf(pages);
  const double most = std::sqrt(static_cast<double>(pages.size()));
  std::vector<double> logged(pages.size(), 0.0), ips = logged, clipped = logged;
  for (size_t i = 0; i < pages.size(); ++i) {
    for (size_t k = 0; k < weights[i].size(); ++k) {
      const double reward = pages[i].places[k].reward;
      logged[i] += reward;
      ips[i] += weights[i][k] * reward;
      clipped[i] += std::min(weights[i][k], most) * reward;
    }
  }
  report.estimates = {MeanOf("logged", pages, logged, report.users),
                      MeanOf("ips", pages, ips, report.users),
                      MeanOf("clipped", pages, clipped, report.users),
                      SelfNormalised(pages, weights, places, report.users),
                      MeanOf("dr", pages, DoublyRobust(pages, weights, places), report.users)};
  for (size_t k = 0; k < places; ++k) report.places.push_back(WeightsOfPlace(pages, weights, k));
  return report;
}

}  // namespace upnext::evaluation
