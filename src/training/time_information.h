// Whether the times of a log say when something happened. Those of a file without times, such as line
// numbers, do not, and the example age that is made from them would only be the place in the file.
//
//   const std::string why = WhyTimesSayNothing(log);       // "" where they say it
//
// Functions of their arguments: any thread.
#ifndef UPNEXT_TRAINING_TIME_INFORMATION_H_
#define UPNEXT_TRAINING_TIME_INFORMATION_H_

#include <string>
#include <string_view>

#include "features/feature_spec.h"
#include "log/event_log.h"

namespace upnext::training {

inline constexpr std::string_view kExampleAge = "example_age";

// They say nothing if all are equal; if there is one event in each second, or millisecond, from the
// first to the last (line numbers); or if all are dates, of fewer than fourteen days.
std::string WhyTimesSayNothing(const log::EventLog& log);

// Drops the example age from features of a log whose times say nothing.
features::FeatureSpec WithoutUselessTimes(features::FeatureSpec spec, const log::EventLog& log);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TIME_INFORMATION_H_
