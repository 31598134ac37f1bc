#include "serving/arrange.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

namespace upnext::serving {
namespace {

// Of a vector that those above span: their logarithm has no end.
constexpr double kLeastRest = 1e-6;

double Dot(std::span<const float> a, std::span<const float> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// How new each candidate is next to the items above, in [-1, 1] for MMR and [-1, 0] for the other.
class Novelties {
 public:
  Novelties(std::span<const Arrangeable> candidates, Novelty kind) : all_(candidates), kind_(kind) {
    for (const Arrangeable& one : candidates) {
      norms_.push_back(std::sqrt(Dot(one.vector, one.vector)));
    }
    closest_.assign(candidates.size(), 0);
    rest_.assign(candidates.size(), 1);
    rows_.resize(candidates.size());
  }
  double Of(size_t i) const {
    return kind_ == Novelty::kMmr
               ? -closest_[i]
               : std::log(std::max(rest_[i], kLeastRest)) / -std::log(kLeastRest);
  }
  void Place(size_t placed, std::span<const size_t> left) {
    // Dpp: a row of the Cholesky factor of the cosines of those placed with all others.
    const double root = std::sqrt(std::max(rest_[placed], kLeastRest));
    for (const size_t i : left) {
      const double cosine = Cosine(i, placed);
      if (kind_ == Novelty::kMmr) {
        closest_[i] = any_ ? std::max(closest_[i], cosine) : cosine;
        continue;
      }
      const double e = (cosine - std::inner_product(rows_[i].begin(), rows_[i].end(),
                                                    rows_[placed].begin(), 0.0)) /
                       root;
      rows_[i].push_back(e);
      rest_[i] -= e * e;
    }
    any_ = true;
  }

 private:
  double Cosine(size_t a, size_t b) const {
    const double norm = norms_[a] * norms_[b];
    return norm > 0 ? Dot(all_[a].vector, all_[b].vector) / norm : 0;
  }
  const std::span<const Arrangeable> all_;
  const Novelty kind_;
  std::vector<double> norms_, closest_, rest_;
  std::vector<std::vector<double>> rows_;
  bool any_ = false;
};

// What one page has so far.
struct Page {
  std::vector<std::unordered_map<uint32_t, uint32_t>> met;  // by rule, items of a category
  uint32_t places = 0, fresh = 0;
};

class Arrangement {
 public:
  Arrangement(std::span<const Arrangeable> candidates, const ArrangeOptions& options)
      : all_(candidates), options_(options), novelties_(candidates, options.novelty) {
    left_.resize(candidates.size());
    std::iota(left_.begin(), left_.end(), size_t{0});
    if (candidates.empty()) return;
    double high = -std::numeric_limits<double>::infinity();
    low_ = std::numeric_limits<double>::infinity();
    for (const Arrangeable& one : candidates) {
      fresh_left_ += one.is_fresh;
      if (one.pin) continue;  // has no place by its score
      low_ = std::min(low_, one.score);
      high = std::max(high, one.score);
    }
    if (high > low_) range_ = high - low_;
  }

  std::vector<Placed> Run(base::Rng& rng, std::vector<HeldBack>* held_back) {
    std::vector<Placed> placed;
    Page page;
    page.met.resize(options_.caps.size());
    for (uint32_t place = 0; place < options_.last && !left_.empty(); ++place) {
      if (place % options_.n == 0) page = {.met = decltype(page.met)(options_.caps.size())};
      const double dice = rng.Uniform(), which = rng.Uniform();  // as many for every place
      std::optional<Placed> next = Pinned(place);
      if (!next) next = Choose(page, dice, which);
      if (!next) break;
      Take(next->candidate, &page);
      placed.push_back(*next);
    }
    for (const size_t i : held_back == nullptr ? std::vector<size_t>() : left_) {
      if (const auto rule = CapOf(page, i)) held_back->push_back({i, *rule});
    }
    return placed;
  }

 private:
  std::optional<Placed> Pinned(uint32_t place) const {
    for (const size_t i : left_) {
      if (all_[i].pin == place) return Placed{.candidate = i, .by = PlacedBy::kPin};
    }
    return std::nullopt;
  }
  // One that is pinned to a later place waits for it.
  bool Admits(const Page& page, size_t i, bool fresh_only) const {
    const Arrangeable& one = all_[i];
    return !one.pin && (!fresh_only || one.is_fresh) && !CapOf(page, i);
  }
  // The cap that is reached by items like this one.
  std::optional<size_t> CapOf(const Page& page, size_t i) const {
    for (size_t rule = 0; rule < options_.caps.size(); ++rule) {
      for (const uint32_t category : all_[i].categories[rule]) {
        const auto met = page.met[rule].find(category);
        if (met != page.met[rule].end() && met->second >= options_.caps[rule]) return rule;
      }
    }
    return std::nullopt;
  }
  // Why the best by worth has the place.
  PlacedBy WhyOf(const Page& page, size_t best, bool fresh_only) const {
    const auto first = std::ranges::find_if(left_, [&](size_t i) { return !all_[i].pin; });
    if (*first == best) return PlacedBy::kScore;
    if (fresh_only) return PlacedBy::kFresh;
    return CapOf(page, *first) ? PlacedBy::kCap : PlacedBy::kDiversity;
  }
  std::vector<size_t> Admitted(const Page& page, bool fresh_only) const {
    std::vector<size_t> admitted;
    for (const size_t i : left_) {
      if (Admits(page, i, fresh_only)) admitted.push_back(i);
    }
    return admitted;
  }
  std::optional<Placed> Choose(const Page& page, double dice, double which) const {
    const size_t due =
        std::min<size_t>(fresh_left_, options_.fresh - std::min(page.fresh, options_.fresh));
    const bool fresh_only = due > 0 && options_.n - page.places <= due;
    std::vector<size_t> admitted = Admitted(page, fresh_only);
    const bool only_fresh = fresh_only && !admitted.empty();
    if (admitted.empty() && fresh_only) admitted = Admitted(page, false);
    if (admitted.empty()) return std::nullopt;
    // The first of equals, which is the better one by score.
    const size_t best = *std::ranges::max_element(admitted, {}, [&](size_t i) { return Worth(i); });
    const double each = options_.explore / static_cast<double>(admitted.size());
    size_t chosen = best;
    if (dice < options_.explore) {
      chosen = admitted[static_cast<size_t>(which * static_cast<double>(admitted.size()))];
    }
    return Placed{.candidate = chosen,
                  .propensity = each + (chosen == best ? 1 - options_.explore : 0),
                  .by = chosen == best ? WhyOf(page, best, only_fresh) : PlacedBy::kExploration};
  }
  double Worth(size_t i) const {
    const double relevance = (all_[i].score - low_) / range_;
    if (options_.diversity == 0) return relevance;
    return (1 - options_.diversity) * relevance + options_.diversity * novelties_.Of(i);
  }
  void Take(size_t i, Page* page) {
    std::erase(left_, i);
    ++page->places;
    page->fresh += all_[i].is_fresh;
    fresh_left_ -= all_[i].is_fresh;
    for (size_t rule = 0; rule < options_.caps.size(); ++rule) {
      for (const uint32_t category : all_[i].categories[rule]) ++page->met[rule][category];
    }
    if (options_.diversity > 0) novelties_.Place(i, left_);
  }

  const std::span<const Arrangeable> all_;
  const ArrangeOptions& options_;
  Novelties novelties_;
  std::vector<size_t> left_;  // best first
  double low_ = 0, range_ = 1;
  size_t fresh_left_ = 0;
};

}  // namespace

std::vector<Placed> Arrange(std::span<const Arrangeable> candidates, const ArrangeOptions& options,
                            base::Rng& rng, std::vector<HeldBack>* held_back) {
  return Arrangement(candidates, options).Run(rng, held_back);
}

}  // namespace upnext::serving
