#include "serving/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "catalogue/catalogue.h"
#include "retrieval/feed_order.h"
#include "schema/event.h"
#include "serving/stage_clock.h"

namespace upnext::serving {
namespace {

constexpr size_t kSources = 20;        // newest watches that a row can be for
constexpr uint32_t kOfSegments = 500;  // of the feed, by which segments are chosen
constexpr uint32_t kAlikeForEach = 3;  // items alike of which one is shown

// Makes the rows of one page.
class RowMaker {
 public:
  RowMaker(const Service& service, const Generation& generation, const Request& request,
           StageClock clock)
      : service_(service), generation_(generation), clock_(std::move(clock)), common_(request) {}

  Result<Row> Make(const RowRequest& row) {
    if (clock_.OutOfTime()) return Late();
    Request request = common_;
    request.scenario = row.scenario;
    request.n = row.n;
    Row made;
    switch (row.kind) {
      case RowRequest::Kind::kFeed: {
        UPNEXT_ASSIGN_OR_RETURN(made.slate, Ask(std::move(request)));
        break;
      }
      case RowRequest::Kind::kBecause: {
        UPNEXT_ASSIGN_OR_RETURN(made, Because(std::move(request)));
        break;
      }
      case RowRequest::Kind::kSegments: {
        UPNEXT_ASSIGN_OR_RETURN(made, Segments(std::move(request), row));
        break;
      }
    }
    for (const Recommendation& one : made.slate.items) common_.exclude.push_back(one.id);
    return made;
  }

 private:
  const catalogue::Catalogue& catalogue() const { return generation_.catalogue(); }

  Result<Slate> Ask(Request request, const Service::Regroup& regroup = {}) const {
    return service_.Recommend(generation_, std::move(request), "", regroup, clock_.End());
  }

  Row Empty() const {
    Row row;
    row.slate.bundle_version = generation_.bundle_version();
    row.slate.log_version = generation_.log_version();
    return row;
  }
  Row Late() const {
    Row row = Empty();
    row.slate.degraded.push_back({.stage = std::string(kGenerators),
                                  .source = {},
                                  .reason = "the rows before it took the time of the request"});
    return row;
  }

  // The first of the newest complete watches that no other row is for and that has at least half a row of items
  // alike; those that the user would have first are shown.
  Result<Row> Because(Request request) {
    UPNEXT_ASSIGN_OR_RETURN(const auto state, generation_.states().Get(request.user));
    const auto watches = state->watches();
    const std::set<std::string> taken(request.exclude.begin(), request.exclude.end());
    Row row;
    for (size_t i = watches.size(); i > 0 && watches.size() - i < kSources; --i) {
      if (clock_.OutOfTime()) return Late();
      const uint32_t source = watches[i - 1].id;
      if (catalogue().item(source).removed || !sources_.insert(source).second) continue;
      const std::string id = catalogue().Name(schema::IdSpace::kItem, source);
      UPNEXT_ASSIGN_OR_RETURN(const std::vector<Recommendation> alike,
                              generation_.Similar({.item = id,
                                                   .n = kAlikeForEach * request.n,
                                                   .filter = request.filter,
                                                   .parameters = request.parameters,
                                                   .time_ms = request.time_ms,
                                                   .user = request.user,
                                                   .pull = 0,
                                                   .close = true}));
      request.items.clear();
      for (const Recommendation& one : alike) {
        if (!taken.contains(one.id)) request.items.push_back(one.id);
      }
      if (2 * request.items.size() < request.n) continue;
      request.current_item = id;
      UPNEXT_ASSIGN_OR_RETURN(row.slate, Ask(std::move(request)));
      row.because = id;
      row.because_title = catalogue().item(source).title;
      return row;
    }
    row = Empty();
    row.slate.notes.emplace_back("nothing that the user did lately has enough items like it");
    return row;
  }

  // By the places of a long feed: a value is worth what its best items are, the second half as much as the first,
  // the third a third.
  Result<Row> Segments(Request request, const RowRequest& asked) {
    Request wide = request;
    wide.n = kOfSegments;
    UPNEXT_ASSIGN_OR_RETURN(const Slate feed, generation_.Recommend(wide, clock_.End()));
    struct Value {
      double worth = 0;
      std::vector<std::string> items = {};
    };
    std::map<uint32_t, Value> values;
    for (size_t place = 0; place < feed.items.size(); ++place) {
      const Recommendation& item = feed.items[place];
      for (const uint32_t id :
           catalogue().Categories(schema::Entity::kItem, asked.attribute, item.item)) {
        Value& value = values[id];
        value.items.push_back(item.id);
        value.worth += retrieval::WorthOfPlace(place) / static_cast<double>(value.items.size());
      }
    }
    std::vector<std::pair<uint32_t, Value>> best(values.begin(), values.end());
    std::ranges::stable_sort(best, std::ranges::greater(),
                             [](const auto& one) { return one.second.worth; });
    Row row;
    std::map<std::string, size_t> segments;  // by item the place of its value
    for (const auto& [id, value] : best) {
      if (row.segments.size() == asked.n) break;
      size_t items = 0;
      for (const std::string& item : value.items) {
        if (items < asked.each && segments.emplace(item, row.segments.size()).second) ++items;
      }
      if (items > 0) row.segments.push_back({.value = NameOf(asked.attribute, id)});
    }
    for (const auto& [item, segment] : segments) request.items.push_back(item);
    if (segments.empty()) return Empty();
    if (clock_.OutOfTime()) return Late();
    request.n = static_cast<uint32_t>(segments.size());
    const auto by_segment = [&](std::vector<Recommendation>* items) {
      std::ranges::stable_sort(*items, {},
                               [&](const Recommendation& one) { return segments.at(one.id); });
    };
    UPNEXT_ASSIGN_OR_RETURN(row.slate, Ask(std::move(request), by_segment));
    for (const Recommendation& one : row.slate.items) ++row.segments[segments.at(one.id)].items;
    std::erase_if(row.segments, [](const Segment& one) { return one.items == 0; });
    return row;
  }

  std::string NameOf(uint32_t attribute, uint32_t id) const {
    const schema::Attribute& of = generation_.schema().attributes(schema::Entity::kItem)[attribute];
    return catalogue().Name(of.space, id);
  }

  const Service& service_;
  const Generation& generation_;
  const StageClock clock_;      // of all rows
  Request common_;              // excludes what the rows before show
  std::set<uint32_t> sources_;  // that rows were tried for
};

// Of a request without an end, as one of its rows may be, no row is late.
double BudgetOf(const Engine& engine, std::span<const RowRequest> rows) {
  double most = 0;
  for (const RowRequest& row : rows) {
    const double budget = engine.BudgetMs({.scenario = row.scenario});
    if (budget <= 0) return 0;
    most = std::max(most, budget);
  }
  return most;
}

}  // namespace

Result<std::vector<Row>> MakeRows(const Service& service, const Generation& generation,
                                  const Request& request, std::span<const RowRequest> rows) {
  StageClock clock = generation.engine().StartClock();
  clock.SetBudget(BudgetOf(generation.engine(), rows));
  RowMaker maker(service, generation, request, std::move(clock));
  std::vector<Row> made;
  for (const RowRequest& row : rows) {
    Result<Row> one = maker.Make(row);
    if (!one) return WithContext(std::move(one).error(), fmt::format("rows[{}]", made.size()));
    made.push_back(*std::move(one));
  }
  return made;
}

}  // namespace upnext::serving
