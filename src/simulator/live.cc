#include "simulator/live.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::simulator {
namespace {

constexpr size_t kLiveChunk = 1024,
                 kLiveGrain = 16;  // users whose rows wait for `take`; users per task

}  // namespace

Status LiveSite::RunDay(int day, base::ThreadPool& pool, const Assignment& assignment,
                        const Take& take, base::Progress& progress) {
  if (failed_) {
    return FailedPrecondition(
        "an earlier day of this site failed, so it cannot continue: create a new site");
  }
  if (day < next_day_ || day >= world_.options().days) {
    return InvalidArgument("expected a day from {} to {}, found {}", next_day_,
                           world_.options().days - 1, day);
  }
  next_day_ = day + 1;
  const Status done = RunUsers(day, pool, assignment, take, progress);
  failed_ = !done;
  return done;
}

Status LiveSite::RunUsers(int day, base::ThreadPool& pool, const Assignment& assignment,
                          const Take& take, base::Progress& progress) {
  const size_t users = memories_.size();
  base::ProgressStage stage(progress, fmt::format("day {}", day + 1), "users", users);
  struct Visit {
    UserRows rows;
    Status status;
  };
  std::vector<Visit> chunk(std::min(kLiveChunk, users));
  for (size_t first = 0; first < users; first += kLiveChunk) {
    if (progress.stop_requested()) {
      return Cancelled("stopped on day {} after {} of {} users", day + 1, first, users);
    }
    const size_t count = std::min(kLiveChunk, users - first);
    pool.ParallelFor(count, kLiveGrain, [&](size_t begin, size_t end) {
      UserSimulator simulator(world_, options_);
      for (size_t i = begin; i < end; ++i) {
        const auto user = static_cast<uint32_t>(first + i);
        chunk[i].rows.clear();
        Recommender* const recommender = assignment(user);
        chunk[i].status = recommender == nullptr ? Ok()
                                                 : simulator.RunDay(user, day, *recommender,
                                                                    memories_[user], chunk[i].rows);
      }
    });
    for (size_t i = 0; i < count; ++i) {
      UPNEXT_RETURN_IF_ERROR(chunk[i].status);
      if (!chunk[i].rows.rows.empty()) UPNEXT_RETURN_IF_ERROR(take(chunk[i].rows));
    }
    stage.Update(first + count);
  }
  return Ok();
}

}  // namespace upnext::simulator
