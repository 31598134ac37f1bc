// What is asked of the engine and what it answers. Plain values.
#ifndef UPNEXT_SERVING_SLATE_H_
#define UPNEXT_SERVING_SLATE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "expression/bound_expression.h"
#include "retrieval/generator.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "serving/arrange.h"
#include "serving/slate_memory.h"

namespace upnext::serving {

enum class Stage : uint8_t { kRetrieval, kRanking };  // where to stop

struct Request {
  std::string user = {};
  uint32_t n = 20;
  uint32_t offset = 0;  // how many of the best to leave out: those of earlier pages
  // "" = unknown; current_item: the item being watched
  std::string device = {}, region = {}, current_item = {};
  schema::RawAttributes attributes = {};  // of requests, checked by schema::CheckDeclared
  int64_t time_ms = 0;
  Stage stage = Stage::kRanking;
  std::vector<std::string> exclude = {};  // item ids never to show in this slate
  // Ids to rank in place of what generators find (given_items.h); empty: a feed.
  std::vector<std::string> items = {};
  bool keeps_seen = false;                // what the user has seen or was against is not left out
  std::optional<std::string> score = {};  // NAME:EXPONENT, ... (ranking/score.h); else the bundle's
  // In the expression language, beside those of the project file; "" for none. A boost is for the
  // stage kRanking.
  std::string filter = {}, boost = {};
  expression::Arguments parameters = {};  // of these and of the project file's
  std::string scenario = {};              // of the project file; "": what [serving] says
  bool explain = false;                   // fill what Slate has for explanations
  bool explores = false;                  // as far as the scenario says: of requests of people
  uint32_t places_before = 0;             // of the pages before this one
  std::vector<ShownItem> shown = {};      // what the user was served a short time ago, for rotation
  std::optional<uint64_t> id =
      {};  // that the answer has, and seed of exploration; Service::Recommend draws one
  uint32_t last() const { return offset + n; }
};

// For items like an item.
struct SimilarRequest {
  std::string item;
  uint32_t n = 20;
  std::string filter = {};                // as above
  expression::Arguments parameters = {};  // likewise
  int64_t time_ms = 0;
  // "": for nobody in particular. Else what the user has seen or was against is left out, and `pull`, in
  // [0, 1], says how far the order is the user's (similar_for_user.h).
  std::string user = {};
  double pull = 0;
  bool close = false;  // without what is popular or new, on the item's topics and channel or at all
};

// That a generator proposed an item, with the score it gave.
struct SourceScore {
  std::string source;  // its name
  double score = 0;
  std::string from = {};  // id of the item of the user's that it was found by; "" without one
};

struct Recommendation {
  uint32_t item;  // catalogue id
  std::string id, title;
  double score;                      // of the last stage that ran
  std::vector<SourceScore> sources;  // who proposed it (SY-02)
  std::vector<float> predictions;    // by objective, empty without a ranker
  // With which the item got its place, of a scenario that explores.
  std::optional<double> propensity = {};
  std::string reason;  // "because you watched ...", for people
  // What the score was multiplied by, by boosts, because the user was served the item a short time ago, and because he did
  // not want others like it; none where there was nothing of the kind.
  std::optional<double> boost = {}, rotated = {}, lowered = {};
  uint32_t place_by_score = 0;     // from 0, before the scenario's rules
  PlacedBy by = PlacedBy::kScore;  // what gave it its place
  // Of explained requests, by objective: the logit that the ranker learned for this place of a page and leaves out of the
  // prediction. Empty: its position bias is no tower.
  std::vector<float> bias_removed = {};
};

// A candidate that is not shown.
struct DroppedItem {
  std::string id;
  std::string reason;                // in words for people
  std::optional<double> score = {};  // of those that got one
};
// Names of a request that the catalogue does not have, by its parameter.
struct MissingNames {
  std::string_view parameter;
  std::vector<std::string> names;
};

// Why items were left out, and how many.
struct FilterReason {
  std::string_view filter;  // its name
  uint32_t items = 0;
};
// The funnel (SY-01). Filters work inside the generators, so that what they leave out makes room for
// the next best: `proposed` counts every mention of an item by a generator, left out or not,
// `distinct` the different items among them, and
//   after_filters = distinct - the sum of `filtered`.
struct StageCounts {
  uint32_t catalogue = 0, proposed = 0, distinct = 0, after_filters = 0, ranked = 0, shown = 0;
  std::vector<FilterReason> filtered = {};  // by filter; of several, the first one counts the item
  uint32_t queries = 0;  // rows of query features made: 1 for any number of candidates (RK-01)
  // What generators that follow live counts proposed, best first.
  std::vector<retrieval::Candidate> live = {};
};
// What a generator that follows live counts proposed. The name is that of an item that the log does not have.
struct LiveProposal {
  uint32_t item = schema::kNone;
  std::string name = {};
  float score = 0;
};
// What an answer depends on, apart from the request, for the log of slates (slate_record.h).
struct SlateBasis {
  uint64_t state = 0;  // up to this number of the store the user's events are in his state
  uint64_t items = 0;  // up to this one changes of items and users count
  bool mixed =
      false;  // items or users were changed meanwhile, a stage was late or failed, or regrouped
  uint64_t options = 0;  // EngineOptions::digest
  std::vector<LiveProposal> live = {};
  std::vector<schema::RawEvent> open = {};  // watches that went on, in the user's state
};
// A stage of the request (stage_clock.h): its time, and what went in and out.
struct StageTime {
  std::string_view stage;
  double ms = 0;
  uint32_t in = 0, out = 0;
  std::optional<double> left_ms = {};  // of the time budget after it; none without a budget
};
struct GeneratorTime {
  std::string_view source;
  double ms = 0;
  uint32_t proposed = 0;
};
// That a stage was late or failed, and what was done instead.
struct Degradation {
  std::string stage;
  std::string source;  // of generators: which one
  std::string reason;
};
// That the list is by the [....cold_start] of the scenario, since the history has fewer items.
struct ColdStart {
  uint32_t fewer_than = 0, history = 0;
};
struct Slate {
  std::string request;                // Request::id, to be sent back with events
  std::vector<Recommendation> items;  // best first
  StageCounts counts;
  std::vector<std::string> notes;  // e.g. "unknown user: popular items of region DE"
  double retrieval_ms = 0, ranking_ms = 0;
  std::vector<StageTime> stages = {};  // in their order
  std::vector<GeneratorTime> generators = {};
  std::vector<Degradation> degraded = {};  // empty: every stage did all it should
  std::vector<MissingNames> missing = {};
  std::optional<ColdStart> cold_start = {};  // none: by the scenario itself
  // Of explained requests:
  std::vector<float> exponents = {};  // by objective; empty where nothing was ranked
  std::vector<DroppedItem> dropped = {};
  std::string bundle_version = {}, log_version = {};  // set by Generation
  SlateBasis basis = {};  // likewise, but `items` and `mixed`, of Service
};

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_SLATE_H_
