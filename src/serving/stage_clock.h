// The time of one request: how long each stage took, what went through it, how much of the budget is
// left, and which stages gave less than they should have.
//
//   StageClock clock;
//   clock.SetBudget(50);                                 milliseconds from its making on
//   ...
//   clock.End(kGenerators, 0, candidates.size());        since the end of the stage before
//   if (clock.OutOfTime()) clock.Degrade(kRanker, "no time was left");
//
// Belongs to one request.
#ifndef UPNEXT_SERVING_STAGE_CLOCK_H_
#define UPNEXT_SERVING_STAGE_CLOCK_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serving/slate.h"

namespace upnext::serving {

// In the order in which a request goes through them. Filters work inside the generators, so that the
// next best takes the place of what they leave out.
inline constexpr std::string_view kState = "state";      // the user's, from memory or the store
inline constexpr std::string_view kContext = "context";  // names and expressions looked up
inline constexpr std::string_view kGenerators = "generators";  // with the filters
inline constexpr std::string_view kPool = "pool";  // the union, in the order of retrieval
inline constexpr std::string_view kFeatures = "features";
inline constexpr std::string_view kRanker = "ranker";  // with the score
inline constexpr std::string_view kBoosts = "boosts";
inline constexpr std::string_view kRules =
    "rules";  // order, rules of the scenario, diversity, places
inline constexpr std::string_view kSlate = "slate";  // titles, reasons, notes
inline constexpr std::string_view kStageNames[] = {kState,  kContext, kGenerators, kPool, kFeatures,
                                                   kRanker, kBoosts,  kRules,      kSlate};

class StageClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Now = TimePoint (*)();
  explicit StageClock(Now source = std::chrono::steady_clock::now)
      : now_(source), began_(source()), stage_began_(began_) {}

  void SetBudget(double ms) { budget_ms_ = ms; }  // 0: none
  double ElapsedMs() const { return MillisecondsFrom(began_); }
  // Of a request that shares its time with others, beside its own budget; none: no end.
  void SetEnd(std::optional<TimePoint> end) { end_ = end; }
  // When the budget is spent.
  std::optional<TimePoint> End() const {
    const std::chrono::duration<double, std::milli> budget(budget_ms_);
    const auto own = began_ + std::chrono::duration_cast<TimePoint::duration>(budget);
    if (budget_ms_ <= 0) return end_;
    return end_ ? std::min(own, *end_) : own;
  }
  // Below 0 when it is spent; none without a budget.
  std::optional<double> LeftMs() const {
    const std::optional<TimePoint> end = End();
    if (!end) return std::nullopt;
    return std::chrono::duration<double, std::milli>(*end - now_()).count();
  }
  bool OutOfTime() const { return LeftMs().value_or(1) <= 0; }

  void End(std::string_view stage, size_t in, size_t out) {
    stages_.push_back({.stage = stage,
                       .ms = MillisecondsFrom(stage_began_),
                       .in = static_cast<uint32_t>(in),
                       .out = static_cast<uint32_t>(out),
                       .left_ms = LeftMs()});
    stage_began_ = now_();
  }
  void Degrade(std::string_view stage, std::string reason, std::string_view source = "") {
    degraded_.push_back({std::string(stage), std::string(source), std::move(reason)});
  }
  double MillisecondsFrom(TimePoint begin) const {
    return std::chrono::duration<double, std::milli>(now_() - begin).count();
  }
  TimePoint now() const { return now_(); }
  // Of a request that ends.
  void MoveTo(Slate* slate) {
    slate->stages = std::move(stages_);
    slate->degraded = std::move(degraded_);
  }

 private:
  const Now now_;
  const TimePoint began_;
  TimePoint stage_began_;
  double budget_ms_ = 0;
  std::optional<TimePoint> end_;
  std::vector<StageTime> stages_;
  std::vector<Degradation> degraded_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_STAGE_CLOCK_H_
