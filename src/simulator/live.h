// Live mode: the users of a world visit a site day by day; between days the site may retrain.
//
//   LiveSite site(world, {.truth = true});
//   const auto assign = [&](uint32_t user) { return policies[user % 2]; };
//   const auto take = [&](const UserRows& rows) { ...; return Ok(); };
//   for (int day = 0; day < world.options().days; ++day) {
//     UPNEXT_RETURN_IF_ERROR(site.RunDay(day, pool, assign, take));
//     Retrain();
//   }
//
// Two ways to compare policies: one site whose users are divided among the policies, or one site
// per policy, each with all users; then common random numbers (user_log.h) leave little noise in
// the differences. The result depends on the world, the options and the policies' answers, not on
// the number of threads. One thread at a time per site. Memory: about 150 bytes per user, and 10
// bytes for each item watched.
#ifndef UPNEXT_SIMULATOR_LIVE_H_
#define UPNEXT_SIMULATOR_LIVE_H_

#include <functional>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "simulator/recommender.h"
#include "simulator/user_log.h"
#include "simulator/world.h"

namespace upnext::simulator {

class LiveSite {
 public:
  // Returns the recommender for a user; null: the user does not visit. Called from many threads.
  using Assignment = std::function<Recommender*(uint32_t user)>;
  // Receives the rows of one user's day. An error ends the day.
  using Take = std::function<Status(const UserRows& rows)>;

  LiveSite(const World& world, const UserSimulatorOptions& options)
      : world_(world), options_(options), memories_(world.options().users) {}

  // Runs all sessions that start on `day` (from 0; later than the day before). Recommenders are
  // called from all threads of the pool; `take` is called on this thread, for the users who
  // visited, in ascending order. Errors: of a recommender, of `take`, kInvalidArgument for an
  // impossible slate, kCancelled. After an error the site cannot be used again
  // (kFailedPrecondition).
  Status RunDay(int day, base::ThreadPool& pool, const Assignment& assignment, const Take& take,
                base::Progress& progress = base::NoProgress());

  const UserMemory& memory(uint32_t user) const { return memories_[user]; }

 private:
  Status RunUsers(int day, base::ThreadPool& pool, const Assignment& assignment, const Take& take,
                  base::Progress& progress);
  const World& world_;
  const UserSimulatorOptions options_;
  std::vector<UserMemory> memories_;
  int next_day_ = 0;
  bool failed_ = false;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_LIVE_H_
