// The difference between a new model and the current bundle's as a line of text. Only this room
// includes it.
#ifndef UPNEXT_REPORT_DIFFERENCE_TEXT_H_
#define UPNEXT_REPORT_DIFFERENCE_TEXT_H_

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "evaluation/report.h"
#include "report/metric_names.h"

namespace upnext::report {

// "retrieval ndcg@10 less that of the current bundle: +0.0031 (95 % interval -0.0020 to +0.0082,
// 812 users, paired)".
inline std::string DifferenceText(const evaluation::PairedDifference& difference) {
  const int digits = IsSeconds(difference.metric) ? 2 : 4;
  const std::string interval =
      std::isnan(difference.interval.low)
          ? std::string("too few users for an interval")
          : fmt::format("95 % interval {:+.{}f} to {:+.{}f}", difference.interval.low, digits,
                        difference.interval.high, digits);
  return fmt::format("{} {} less that of the current bundle: {:+.{}f} ({}, {} users, paired)",
                     difference.stage, difference.metric, difference.next - difference.current,
                     digits, interval, difference.users);
}

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_DIFFERENCE_TEXT_H_
