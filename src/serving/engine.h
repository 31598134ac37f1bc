// One request, two stages: sources propose hundreds, filters drop, the ranker scores, the best
// become the slate (SY-01). The same code answers the command line, the server and the evaluation
// of lists.
//
//   Engine engine(bundle, catalogue, options);
//   UPNEXT_ASSIGN_OR_RETURN(Slate slate, engine.Recommend(state, request));
//
// Immutable: any number of threads.
#ifndef UPNEXT_SERVING_ENGINE_H_
#define UPNEXT_SERVING_ENGINE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/status.h"
#include "bundle/bundle.h"
#include "catalogue/catalogue.h"
#include "features/user_state.h"
#include "ranking/objectives.h"
#include "serving/reasons.h"

namespace upnext::serving {

// [serving] of the project file.
struct EngineOptions {
  uint32_t candidates = 300;                            // from the candidate model
  uint32_t popular = 50, trending = 50, co_watch = 50;  // from the others
  bool filter_seen = true;                              // leave out items the user has watched
  static EngineOptions FromConfig(const base::ConfigTable& serving);
};

enum class Stage : uint8_t { kRetrieval, kRanking };  // where to stop

struct Request {
  std::string user = {};
  uint32_t n = 20;
  std::string device = {}, region = {},
              current_item = {};  // "" = unknown; current_item: the item being watched
  int64_t time_ms = 0;
  Stage stage = Stage::kRanking;
  std::vector<std::string> exclude = {};  // item ids never to show in this slate
};

struct Recommendation {
  uint32_t item;  // catalogue id
  std::string id, title;
  double score;                      // of the last stage that ran
  std::vector<SourceScore> sources;  // who proposed it (SY-02)
  std::vector<float> predictions;    // by objective, empty without a ranker
  std::string reason;                // "because you watched ...", for people
};
// The funnel (SY-01). Filters work inside the sources, so that what they leave out makes room for
// the next best: `proposed` counts every mention of an item by a source, left out or not,
// `distinct` the different items among them, and
//   after_filters = distinct - filtered_seen - filtered_removed - filtered_excluded.
struct StageCounts {
  uint32_t catalogue = 0, proposed = 0, distinct = 0, after_filters = 0, ranked = 0, shown = 0;
  uint32_t filtered_seen = 0, filtered_removed = 0, filtered_excluded = 0;
  uint32_t queries = 0;  // rows of query features made: 1 for any number of candidates (RK-01)
};
struct Slate {
  std::string request;                // fresh request id, to be sent back with events
  std::vector<Recommendation> items;  // best first
  StageCounts counts;
  std::vector<std::string> notes;  // e.g. "unknown user: popular items of region DE"
  double retrieval_ms = 0, ranking_ms = 0;
};

class Engine {
 public:
  Engine(const bundle::Bundle& bundle, const catalogue::Catalogue& catalogue,
         const EngineOptions& options);
  ~Engine();
  Result<Slate> Recommend(const features::UserState& state, const Request& request) const;
  const std::vector<ranking::Objective>& objectives() const;
  std::vector<std::string> objective_names() const;  // of Recommendation::predictions

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ENGINE_H_
