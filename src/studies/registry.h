// The list of studies, each defined in its own file. Only this room includes it.
#ifndef UPNEXT_STUDIES_REGISTRY_H_
#define UPNEXT_STUDIES_REGISTRY_H_

#include "studies/study.h"

namespace upnext::studies {

Study CalibrationStudy();        // calibration.cc
Study ExampleAgeStudy();         // example_age.cc
Study NextWatchStudy();          // next_watch.cc
Study ClickbaitStudy();          // clickbait.cc
Study FeedbackLoopStudy();       // feedback_loop.cc
Study PositionBiasStudy();       // position_bias.cc
Study WatchTimeStudy();          // watch_time.cc
Study MultitaskStudy();          // multitask.cc
Study RankingDepthStudy();       // ranking_depth.cc
Study ChurnStudy();              // churn.cc
Study OracleShareStudy();        // oracle_share.cc
Study DriftStudy();              // drift.cc
Study CandidateAblationStudy();  // candidate_ablation.cc

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_REGISTRY_H_
