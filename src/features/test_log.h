// The small event log of catalogue/test_log.h, and what a user's events fold into.
//
//   const TestLog log({Watch("u", "i1", Minutes(3), 50)}, {{.item = "i1", .duration_s = 60}}, {});
//   UserState state = Fold(log, "u");
#ifndef UPNEXT_FEATURES_TEST_LOG_H_
#define UPNEXT_FEATURES_TEST_LOG_H_

#include <string_view>

#include "catalogue/test_log.h"
#include "features/user_state.h"
#include "schema/event.h"

namespace upnext::features {

using catalogue::AppendToLog;
using catalogue::ItemOf;
using catalogue::kStartMs;
using catalogue::Minutes;
using catalogue::Numbered;
using catalogue::Of;
using catalogue::RandomHistory;
using catalogue::Search;
using catalogue::TestLog;
using catalogue::Watch;

inline UserState Fold(const TestLog& log, std::string_view user,
                      UserState::Parts parts = UserState::Parts::kAll) {
  UserState state(parts);
  for (const schema::Event& event : log.Events(user)) state.Apply(event, log.catalogue(), {});
  return state;
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TEST_LOG_H_
