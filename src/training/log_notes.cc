#include "training/log_notes.h"

#include <fmt/format.h>

#include "features/positive_rule.h"
#include "features/signal_options.h"
#include "training/coverage.h"
#include "training/preconditions.h"
#include "training/reference.h"
#include "training/time_information.h"

namespace upnext::training {

std::vector<std::string> NotesOnLog(const Dataset& dataset, const log::EventLog& log,
                                    const Options& options) {
  std::vector<std::string> notes =
      features::Describe(dataset.rule(), log.schema(), log.stats().by_type);
  const std::string useless = WhyTimesSayNothing(log);
  if (!useless.empty() && !options.dataset.features.Drops(kExampleAge)) {
    notes.push_back(fmt::format("the feature {} is left out: {}", kExampleAge, useless));
  }
  for (const std::string& note :
       {dataset.widened(), WhyNothingStopsEarly(dataset), WhichRequestAttributesAreAbsent(log),
        DescribeReference(dataset.statistics()), WhyStateHasNoUse(options),
        WhyTargetsAreTheSame(options)}) {
    if (!note.empty()) notes.push_back(note);
  }
  return notes;
}

}  // namespace upnext::training
