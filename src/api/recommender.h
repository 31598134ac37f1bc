// Feeds of a project: of one user, of a visitor who is no user, of everyone.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto recommender, Recommender::Open(settings, Recommender::At::kNow, progress));
//   UPNEXT_ASSIGN_OR_RETURN(serving::Slate slate, recommender->FeedOf("u7", {.request = {.n = 20}}));
//
// Any number of threads; MakeFeeds runs for one caller at a time. It holds the store of the project open, unless another
// process has it: what was posted to a server is then left out, which a note says.
#ifndef UPNEXT_API_RECOMMENDER_H_
#define UPNEXT_API_RECOMMENDER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/mutex.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "examples/holdout.h"
#include "features/live_counts.h"
#include "features/user_state.h"
#include "retrieval/trend_replay.h"
#include "schema/raw_event.h"
#include "serving/engine.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::api {

// What is asked of a feed. User, time, and what it leaves empty of device, region and declared attributes come
// from what is known of the user.
struct FeedRequest {
  serving::Request request = {};
  // Sets what else the request says; may be null.
  std::function<Status(const schema::Schema&, serving::Request*)> set_context = {};
};

// Takes feeds in blocks: all of a block at once, then what the block adds, in the order of the users.
struct FeedsTaker {
  // From all threads: the feed at this place of the block.
  std::function<void(size_t place, const std::string& user, const serving::Slate& slate)> take;
  std::function<Status(size_t feeds)> end_block;  // its first `feeds` places were taken
};

class Recommender {
 public:
  // Feeds of now, by the end of the log and what the store has; or of the split's test cases, by the bundle as it was
  // before it saw them.
  enum class At : uint8_t { kNow, kTest };
  static constexpr size_t kBlock = 1024;  // users

  // kNotFound for a project without a bundle.
  static Result<std::unique_ptr<Recommender>> Open(Settings settings, At at,
                                                   base::Progress& progress);
  ~Recommender();

  // kNotFound at kTest for a user without a test case.
  Result<serving::Slate> FeedOf(const std::string& user, const FeedRequest& wanted);
  // Of a visitor of whom these events are known, in order of time, and nothing else. Only at kNow.
  Result<serving::Slate> FeedOfVisitor(std::span<const schema::RawEvent> events,
                                       const FeedRequest& wanted) const;

  // What is known of a user at one time.
  struct Moment {
    std::string name;
    features::UserState state;
    features::Context context;                     // time, and what the log says of the request
    std::optional<features::LiveLists> live = {};  // what was chosen most then; none: now
  };
  using Trend = std::optional<retrieval::TrendReplay>;
  using MakeMoment = std::function<Result<Moment>(Trend*)>;
  // All users who get a feed; at kTest one for each test case. kFailedPrecondition when there is none.
  Result<std::vector<MakeMoment>> Everyone();
  // Of these users alone.
  Result<std::vector<MakeMoment>> TheseUsers(std::span<const std::string> names);
  // The feeds of all of them in their order; the first error ends it. kCancelled on request.
  Status MakeFeeds(std::span<const MakeMoment> users, const FeedRequest& wanted,
                   const FeedsTaker& taker, base::Progress& progress);

  // Everyone of whom there are events, in the log or in the store.
  Result<std::vector<std::string>> UserNames() const;
  // What is known of a user now, and when: at the end of the log, or at his last event.
  Result<store::UserStates::StatePtr> StateOf(const std::string& user) const;
  int64_t TimeOf(const features::UserState& state) const;

  // What stays when the recommender is gone.
  const std::shared_ptr<const bundle::OpenedBundle>& opened() const { return opened_; }
  const catalogue::Catalogue& catalogue() const { return catalogue_; }
  const serving::Engine& engine() const { return *engine_; }
  base::ThreadPool& pool() { return pool_; }  // under pool_mutex
  base::Mutex& pool_mutex() { return mutex_; }
  const std::vector<std::string>& notes() const { return notes_; }  // of Open

 private:
  Recommender(Settings settings, At at, bundle::OpenedBundle opened, examples::Split split);
  Status OpenStore(base::Progress& progress);
  void Note(std::string line, base::Progress& progress);
  // Finds the test cases, in order of time, and the trend at the first.
  void FindTestCases();
  // Cases that are given the same trend one after another ascend by time.
  Moment TestMoment(const examples::HoldoutCase& held_out, Trend* trend) const;
  Result<Moment> NowMoment(const std::string& name) const;
  std::unexpected<Error> NoTestCase(const std::string& name) const;
  Result<serving::Request> RequestOf(const Moment& moment, const FeedRequest& wanted) const;
  Result<serving::Slate> Recommend(const Moment& moment, const serving::Request& request,
                                   const serving::Found* found = nullptr) const;
  // Makes a block of feeds; returns the first error by place, and how many are before it.
  std::pair<size_t, Status> MakeBlock(std::span<const MakeMoment> users, const FeedRequest& wanted,
                                      const FeedsTaker& taker);

  const At at_;
  const Settings settings_;
  base::Mutex mutex_;
  base::ThreadPool pool_;
  const std::shared_ptr<const bundle::OpenedBundle> opened_;
  catalogue::Catalogue catalogue_;
  examples::Split split_;
  examples::ReplaySource source_;
  const features::LiveOptions live_options_;
  features::LiveCounts live_;  // of the log
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::UserStates> states_;
  std::unique_ptr<const serving::Engine> engine_;
  std::vector<examples::HoldoutCase> cases_;  // of the test part
  Trend trend_;                               // at one of them
  std::vector<std::string> notes_;
};

}  // namespace upnext::api

#endif  // UPNEXT_API_RECOMMENDER_H_
