#include "retrieval/trend_replay.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "retrieval/choices.h"

namespace upnext::retrieval {

TrendReplay::TrendReplay(const catalogue::Catalogue& catalogue, const features::PositiveRule& rule,
                         const features::LiveOptions& options, int64_t first_ms, int64_t last_ms)
    : options_(options), counts_(options) {
  const int64_t from_ms = first_ms - options.days * base::kDayMs;
  std::vector<features::Choice> choices;
  ForChoices(catalogue, rule, from_ms, last_ms,
             [&](const features::Choice& choice) { choices.push_back(choice); });
  std::ranges::stable_sort(choices, {}, &features::Choice::time_ms);
  features::FirstChoices first;
  std::erase_if(choices, [&](const features::Choice& choice) { return !first.Add(choice); });
  choices_ = std::make_shared<const std::vector<features::Choice>>(std::move(choices));
}

TrendReplay TrendReplay::WithHalfLife(double hours) const {
  TrendReplay other = *this;
  other.options_.half_life_hours = hours;
  other.done_ = 0;
  other.counts_ = features::TrendCounts(other.options_);
  return other;
}

void TrendReplay::MoveTo(int64_t time_ms) {
  for (; done_ < choices_->size() && (*choices_)[done_].time_ms < time_ms; ++done_) {
    counts_.Add((*choices_)[done_]);
  }
}

}  // namespace upnext::retrieval
