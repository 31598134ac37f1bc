// Feeds of the log of slates as pages for off-policy estimates (evaluation/off_policy.h): what was shown with which
// propensity, what another scenario would have shown in its place, and what followed.
//
//   UPNEXT_ASSIGN_OR_RETURN(const LoggedFeeds feeds, ReadLoggedFeeds(settings, {.of = "home", .scenario = "calm"}, progress));
//   const evaluation::OffPolicyReport report = evaluation::EstimateOffPolicy(feeds.pages);
//
// Reads the store next to a running server.
#ifndef UPNEXT_CLI_LOGGED_FEEDS_H_
#define UPNEXT_CLI_LOGGED_FEEDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "api/settings.h"
#include "base/progress.h"
#include "base/status.h"
#include "evaluation/off_policy.h"

namespace upnext::cli {

struct LoggedFeedsOptions {
  std::string of;        // the scenario whose answers are taken
  std::string scenario;  // the one that is estimated
  // An event type: the sum of the values of its events, 1 of one without a value.
  std::string reward = "watch";
  uint64_t last = 0;   // the newest so many answers of all scenarios; 0: all
  bool first = false;  // only the first answer of the scenario to each user
};
struct LoggedFeeds {
  std::vector<evaluation::LoggedPage> pages;
  uint64_t other_scenarios = 0;  // answers of these
  uint64_t later_pages = 0;      // with an offset, or of `after`: only first pages are taken
  uint64_t no_propensities = 0;  // the scenario did not explore, or nothing was shown
  uint64_t not_replayed = 0;  // cannot be made again, so what another scenario would do is unknown
  uint64_t not_first = 0;     // of the user, where only first answers are taken
  uint64_t shorter = 0;    // than the other scenario's list, so nothing is known of its last places
  bool has_model = false;  // there is an objective of the reward
};

// kInvalidArgument for an unknown event type or scenario.
Result<LoggedFeeds> ReadLoggedFeeds(const api::Settings& settings,
                                    const LoggedFeedsOptions& options, base::Progress& progress);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_LOGGED_FEEDS_H_
