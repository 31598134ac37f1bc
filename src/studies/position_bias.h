// What the two parts of study position-bias share: rankers on given logs (position_bias.cc), and on
// the logs of their own slates (position_bias_live.cc).
//
//   for (const LiveBias& live : kLiveBias) UPNEXT_RETURN_IF_ERROR(RunLiveBias(run, live, &measured));
//   measured.Get(ArmOf(kLiveBias[0], BiasMethod::kTower), "live_watch_s");
//
// Pure functions, but for RunLiveBias, which writes below the run's folder.
#ifndef UPNEXT_STUDIES_POSITION_BIAS_H_
#define UPNEXT_STUDIES_POSITION_BIAS_H_

#include <array>
#include <string>

#include "base/status.h"
#include "ranking/bias_features.h"
#include "simulator/world_options.h"
#include "studies/retraining.h"
#include "studies/study.h"
#include "training/options.h"

namespace upnext::studies {

// How strongly P(examined) falls with the position.
struct BiasStrength {
  const char* name;
  double floor, scale;  // factors of the defaults
};
inline constexpr std::array<BiasStrength, 3> kBiasStrengths = {
    {{"weak", 2.0, 1.5}, {"usual", 1, 1}, {"strong", 0.3, 0.8}}};
inline constexpr std::array<ranking::BiasMethod, 4> kBiasArms = {
    ranking::BiasMethod::kNone, ranking::BiasMethod::kInput, ranking::BiasMethod::kAdversarial,
    ranking::BiasMethod::kTower};

simulator::WorldOptions BiasWorld(Scale scale, const BiasStrength& strength);
// Models that predict clicks.
training::Options BiasStudyOptions(const StudyRun& run);

// A bias, and how an engine lives with it.
struct LiveBias {
  BiasStrength strength;
  double explore;  // share of requests that are answered at random
  const char* name;
};
inline constexpr std::array<LiveBias, 4> kLiveBias = {
    {{kBiasStrengths[1], 0, "usual bias, live"},
     {kBiasStrengths[1], 0.1, "usual bias, live with 10 % random"},
     {kBiasStrengths[2], 0, "strong bias, live"},
     {kBiasStrengths[2], 0.1, "strong bias, live with 10 % random"}}};
std::string ArmOf(const LiveBias& live, ranking::BiasMethod method);
Rounds BiasRounds(Scale scale, const BiasStrength& strength);
// Metrics "live_watch_s", "live_mean_s" and "separable" of each treatment, and a line of the plot.
inline constexpr char kLiveBiasPlot[] = "watch seconds per slate by round";
Status RunLiveBias(const StudyRun& run, const LiveBias& live, Measurements* out);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_POSITION_BIAS_H_
