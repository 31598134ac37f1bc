// Feeds and vectors as a program gets them: JSON of one, tables of many.
//
//   FeedColumns columns(recommender.catalogue(), wanted.request.offset);
//   recommender.MakeFeeds(users, wanted, columns.Taker(), progress);
//   ArrowResult table = std::move(columns).Table();
//
// One thread, but for what MakeFeeds calls.
#ifndef UPNEXT_API_FEEDS_H_
#define UPNEXT_API_FEEDS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/arrow_export.h"
#include "api/recommender.h"
#include "base/progress.h"
#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"
#include "serving/slate.h"

namespace upnext::api {

nlohmann::json SimilarJson(const std::string& item, std::span<const serving::Recommendation> items,
                           bool explain);

// The columns user, item, rank and score of feeds. Users and items are numbers of lists of their names.
class FeedColumns {
 public:
  FeedColumns(const catalogue::Catalogue& catalogue, uint32_t offset);
  FeedsTaker Taker();
  uint64_t users() const { return feeds_ - empty_; }  // with a feed
  uint64_t empty() const { return empty_; }           // who have nothing left to recommend
  // {"feeds": of which a stage was late or failed, "first": {"user", "stage", "source", "reason"}}; `first` only if there are
  // any, `source` only of generators.
  nlohmann::json Degraded() const;
  ArrowResult Table() &&;

 private:
  struct Feed {
    std::string user;
    std::vector<uint32_t> items;
    std::vector<double> scores;
    std::vector<serving::Degradation> degraded;
  };
  void Append(const Feed& feed);

  const catalogue::Catalogue& catalogue_;
  const int32_t first_rank_;
  std::vector<Feed> block_;
  uint64_t feeds_ = 0, empty_ = 0, degraded_ = 0;
  std::string degraded_user_;  // the first
  serving::Degradation degradation_;
  std::vector<int32_t> user_, item_, rank_;
  std::vector<double> score_;
  std::unordered_map<std::string, int32_t> user_numbers_;
  std::vector<std::string> user_names_, item_names_;
  std::vector<int32_t> item_numbers_;  // by id; -1: not in a feed yet
};

// What is known of a visitor: a list of items, each of which counts as an event of the type that says most for an item,
// or of events as POST /v1/events takes them, without user, whose type may be left out likewise. Events without a time
// came one second after another, the last one now.
Result<std::vector<schema::RawEvent>> VisitorEvents(const Recommender& recommender,
                                                    const nlohmann::json& session);

// The columns name and vector of the items that the candidate model knows. The vectors are the model's own memory.
Result<ArrowResult> ItemVectors(const Recommender& recommender);
// The same of these users, as they are now.
Result<ArrowResult> UserVectors(Recommender& recommender, std::span<const std::string> users,
                                base::Progress& progress);

}  // namespace upnext::api

#endif  // UPNEXT_API_FEEDS_H_
