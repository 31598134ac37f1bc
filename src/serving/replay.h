// Answers that are made again from the log of slates: the same bundle, log, state, items and request must give the same
// bytes (SV-04).
//
//   UPNEXT_ASSIGN_OR_RETURN(auto replayer, Replayer::Open(options));
//   UPNEXT_ASSIGN_OR_RETURN(const auto slates, replayer->Slates(100));       the newest hundred
//   for (const LoggedSlate& one : slates) const Replayed done = replayer->Replay(one.request);
//
// Reads the store next to a running server, and changes nothing. One thread.
#ifndef UPNEXT_SERVING_REPLAY_H_
#define UPNEXT_SERVING_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "bundle/bundle.h"
#include "schema/raw_event.h"
#include "serving/generation.h"
#include "serving/slate_record.h"
#include "store/snapshot_store.h"

namespace upnext::serving {

struct ReplayOptions {
  std::filesystem::path log_root, bundle_root, store;
  GenerationOptions generation;
  // As the server changes a bundle that it opens: score weights.
  std::function<void(bundle::Bundle&)> prepare = [](bundle::Bundle&) {};
  // Answers that are the same are also made as by this scenario, which then does not explore.
  std::optional<std::string> other_scenario = {};
};

// Where a slate belongs in the order of least work: one opening for all of a bundle and log, items in order.
struct LoggedSlate {
  uint64_t request = 0, sequence = 0;
  std::string bundle_version = {}, log_version = {};
  uint64_t items = 0;
};

struct Replayed {
  enum class Result : uint8_t {
    kSame,
    kDifferent,
    kUnsure,  // another answer, but something that it depended on is known to have changed
    kGone     // what it depended on is not there any more
  };
  Result result = Result::kSame;
  std::string detail = {};  // "" for kSame
  // Of kSame with ReplayOptions::other_scenario: what was served, and what that scenario would have answered then.
  std::optional<SlateRecord> served = {};
  std::vector<Recommendation> other = {};
};

class Replayer {
 public:
  // kNotFound without a store.
  static Result<std::unique_ptr<Replayer>> Open(ReplayOptions options);
  ~Replayer();

  // The newest `most`, in the order in which Replay is fastest; `unreadable` counts those of another version.
  Result<std::vector<LoggedSlate>> Slates(size_t most, uint64_t* unreadable) const;
  // Any order. An error is one of reading the store.
  Result<Replayed> Replay(uint64_t request);
  // None for an answer that is not there or of another version, or was served to a session that was merged afterwards.
  Result<std::optional<SlateRecord>> RecordOf(uint64_t request) const;
  // What the user did after an answer and because of it: events with its request. In the order of arrival.
  Result<std::vector<schema::RawEvent>> EventsAfter(const SlateRecord& record);

 private:
  struct World;
  explicit Replayer(ReplayOptions options);
  Result<World*> WorldOf(const SlateRecord& record);
  Result<std::string> ChangedUnderState(const SlateRecord& record) const;

  const ReplayOptions options_;
  std::unique_ptr<store::SnapshotStore> store_;
  std::unique_ptr<World> world_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_REPLAY_H_
