#include "evaluation/window_popularity.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "base/clock.h"
#include "features/state_spec.h"
#include "features/user_state.h"

namespace upnext::evaluation {
namespace {

constexpr int64_t kHourMs = base::kDayMs / 24, kLongestMs = 7 * base::kDayMs;
constexpr size_t kChunkUsers = 256;

struct TimedWatch {
  int64_t time_ms;
  uint32_t item;
  friend auto operator<=>(const TimedWatch&, const TimedWatch&) = default;
};

// Those of the windows of all cases, in time order.
std::vector<TimedWatch> WatchesAround(const examples::ReplaySource& source,
                                      std::span<const examples::HoldoutCase> cases,
                                      base::ThreadPool& pool) {
  const auto [first, last] =
      std::ranges::minmax_element(cases, {}, &examples::HoldoutCase::time_ms);
  if (first == cases.end()) return {};
  const int64_t from_ms = first->time_ms - kLongestMs, until_ms = last->time_ms;
  const size_t users = source.log.users();
  std::vector<std::vector<TimedWatch>> chunks((users + kChunkUsers - 1) / kChunkUsers);
  pool.ParallelFor(users, kChunkUsers, [&](size_t begin, size_t end) {
    for (size_t user = begin; user < end; ++user) {
      examples::ReplayWatches(
          source, static_cast<uint32_t>(user), features::StateSpec(),
          [&](const features::UserState&, const examples::WatchExample& watch) {
            if (watch.time_ms >= from_ms && watch.time_ms < until_ms) {
              chunks[begin / kChunkUsers].push_back({watch.time_ms, watch.item});
            }
          });
    }
  });
  std::vector<TimedWatch> all;
  for (const auto& chunk : chunks) all.insert(all.end(), chunk.begin(), chunk.end());
  std::ranges::sort(all);
  return all;
}

using Watches = std::shared_ptr<const std::vector<TimedWatch>>;

class WindowScores : public RetrievalModel {
 public:
  WindowScores(std::string name, std::shared_ptr<const ItemOrder> order, Watches watches,
               int64_t window_ms)
      : RetrievalModel(std::move(name), std::move(order)),
        watches_(std::move(watches)),
        window_ms_(window_ms),
        at_{.counts = std::vector<float>(this->order().size(), 0.0f)} {}

  void MoveTo(int64_t time_ms) override { Slide(time_ms, &at_); }
  Status Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    Window window = at_;
    scores->clear();
    for (const CaseInput& input : inputs) {
      Slide(input.context.time_ms, &window);
      scores->insert(scores->end(), window.counts.begin(), window.counts.end());
    }
    return Ok();
  }

 private:
  // The watches [begin, end) by position of their item.
  struct Window {
    size_t begin = 0, end = 0;
    std::vector<float> counts;
  };
  void Slide(int64_t time_ms, Window* window) const {
    const auto count = [&](size_t watch) -> float& {
      return window->counts[order().position[(*watches_)[watch].item]];
    };
    const auto before = [&](size_t watch, int64_t ms) {
      return watch < watches_->size() && (*watches_)[watch].time_ms < ms;
    };
    for (; before(window->end, time_ms); ++window->end) count(window->end) += 1;
    for (; before(window->begin, time_ms - window_ms_); ++window->begin) {
      count(window->begin) -= 1;
    }
  }

  const Watches watches_;
  const int64_t window_ms_;
  Window at_;
};

}  // namespace

void AddWindowPopularity(const examples::ReplaySource& source,
                         std::span<const examples::HoldoutCase> cases,
                         std::shared_ptr<const ItemOrder> order, base::ThreadPool& pool,
                         std::vector<std::unique_ptr<RetrievalModel>>* models) {
  const auto watches =
      std::make_shared<const std::vector<TimedWatch>>(WatchesAround(source, cases, pool));
  models->push_back(
      std::make_unique<WindowScores>("popularity, 7 days", order, watches, kLongestMs));
  models->push_back(
      std::make_unique<WindowScores>("popularity, 1 day", order, watches, base::kDayMs));
  models->push_back(std::make_unique<WindowScores>("popularity, 6 h", order, watches, 6 * kHourMs));
}

}  // namespace upnext::evaluation
