#include "studies/registry.h"

#include <vector>

namespace upnext::studies {

std::span<const Study> Studies() {
  static const std::vector<Study> kStudies = {
      CalibrationStudy(),      ExampleAgeStudy(),   NextWatchStudy(),   ClickbaitStudy(),
      FeedbackLoopStudy(),     PositionBiasStudy(), WatchTimeStudy(),   MultitaskStudy(),
      RankingDepthStudy(),     ChurnStudy(),        OracleShareStudy(), DriftStudy(),
      CandidateAblationStudy()};
  return kStudies;
}

}  // namespace upnext::studies
