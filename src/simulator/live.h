// Live mode: the users of a world visit a site day by day, and whoever runs the site may learn in
// between.
//
//   LiveSite site(world, {.truth = true});
//   for (int day = 0; day < world.options().days; ++day) {
//     UPNEXT_RETURN_IF_ERROR(site.RunDay(day, pool, [&](uint32_t user) { return policies[user % 2];
//     },
//                                        [&](const UserRows& rows) { ...; return Ok(); }));
//     Retrain();
//   }
//
// Two ways to compare policies: one site whose users are split over them, or a site for each, with
// all users on every one; then common random numbers (user_log.h) leave little noise in the
// differences. What comes out depends on the world, the options and the policies' answers, not on
// the number of threads. One thread at a time per site. Memory: about 150 bytes a user, and 10
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
  // Who decides for a user; null: the user stays away. Called from many threads.
  using Assignment = std::function<Recommender*(uint32_t user)>;
  // Takes the rows of one user's day. Its error ends the day.
  using Take = std::function<Status(const UserRows& rows)>;

  LiveSite(const World& world, const UserSimulatorOptions& options)
      : world_(world), options_(options), memories_(world.options().users) {}

  // All sessions that begin on `day` (from 0; later than the day before). Recommenders are asked
  // from all threads of the pool; `take` is called on this thread, users in ascending order,
  // without those who did not come. Errors: of a recommender, of `take`, kInvalidArgument for an
  // impossible slate, kCancelled; after one the site is of no more use (kFailedPrecondition).
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
