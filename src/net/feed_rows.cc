#include "net/feed_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/suggest.h"
#include "net/feed_request.h"
#include "net/item_json.h"
#include "net/json_values.h"
#include "net/problem.h"
#include "net/slate_json.h"
#include "schema/attribute.h"

namespace upnext::net {
namespace {

namespace dom = simdjson::dom;
using nlohmann::json;
using serving::RowRequest;

constexpr uint32_t kMaxOfRow = 100, kMaxOfSegment = 50;

Result<uint32_t> RowCount(const dom::element& value, uint32_t most) {
  int64_t count = 0;
  if (!value.is_int64() || value.get(count) != simdjson::SUCCESS || count < 1 || count > most) {
    return InvalidArgument(
        "expected a whole number from 1 to {}, found {}", most,
        value.is_number() ? std::string(simdjson::minify(value)) : std::string(KindOf(value)));
  }
  return static_cast<uint32_t>(count);
}

Result<uint32_t> SegmentAttribute(const schema::Schema& schema, const dom::element& value) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string name, TextOf(value));
  const auto attributes = schema.attributes(schema::Entity::kItem);
  std::vector<std::string> known;
  for (size_t i = 0; i < attributes.size(); ++i) {
    const schema::Attribute& one = attributes[i];
    const bool is_category =
        one.kind == schema::Kind::kCategory || one.kind == schema::Kind::kCategories;
    if (is_category && one.name == name) return static_cast<uint32_t>(i);
    if (is_category) known.push_back(one.name);
  }
  return InvalidArgument("expected an attribute of items that is a category ({}), found '{}'{}",
                         fmt::join(known, ", "), name.substr(0, kShownBytes),
                         base::DidYouMean(name.substr(0, kShownBytes), known));
}

Status SetRowKey(const schema::Schema& schema, std::string_view key, const dom::element& value,
                 RowRequest* row) {
  if (key == "scenario") {
    UPNEXT_ASSIGN_OR_RETURN(row->scenario, TextOf(value));
  } else if (key == "n") {
    UPNEXT_ASSIGN_OR_RETURN(row->n, RowCount(value, kMaxOfRow));
  } else if (key == "items") {
    UPNEXT_ASSIGN_OR_RETURN(row->each, RowCount(value, kMaxOfSegment));
  } else if (key == "because") {
    UPNEXT_ASSIGN_OR_RETURN(const bool because, FlagOf(value));
    if (because) row->kind = RowRequest::Kind::kBecause;
  } else {
    UPNEXT_ASSIGN_OR_RETURN(row->attribute, SegmentAttribute(schema, value));
    row->kind = RowRequest::Kind::kSegments;
  }
  return Ok();
}

Result<RowRequest> ParseFeedRow(const schema::Schema& schema, const dom::element& element) {
  static const std::vector<std::string> keys = {"scenario", "n", "because", "segment", "items"};
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) {
    return InvalidArgument("expected an object, found {}", KindOf(element));
  }
  RowRequest row;
  std::vector<std::string_view> given;
  for (const auto& [key, value] : object) {
    const std::string_view shown = key.substr(0, kShownBytes);
    if (std::ranges::find(keys, key) == keys.end()) {
      return InvalidArgument("{}: there is no such key{}", shown, base::DidYouMean(shown, keys));
    }
    if (std::ranges::find(given, key) != given.end()) {
      return InvalidArgument("{}: the key is given twice", shown);
    }
    if (value.is_null()) continue;
    given.push_back(key);
    if (Status set = SetRowKey(schema, key, value, &row); !set) {
      return WithContext(std::move(set).error(), shown);
    }
  }
  const auto has = [&](std::string_view key) {
    return std::ranges::find(given, key) != given.end();
  };
  if (has("because") && has("segment")) {
    return InvalidArgument("expected either because or segment, found both");
  }
  if (has("items") && !has("segment")) {
    return InvalidArgument("items: expected none without segment, whose items it counts");
  }
  return row;
}

json RowJson(const serving::Generation& generation, const FeedRequest& asked,
             const serving::Row& row) {
  json out = SlateJson(row.slate, generation.engine().objective_names(), "", asked.explain);
  for (const char* common : {"user", "bundle_version", "log_version"}) out.erase(common);
  if (row.slate.request.empty()) out.erase("request");
  if (!asked.session.empty() && out["missing"].erase("user") > 0) {
    out["missing"]["session"] = {asked.session};
  }
  AddAttributes(generation, row.slate.items, asked.returned, &out["items"]);
  if (!row.because.empty()) {
    out["because"] = {{"item", row.because}};
    if (!row.because_title.empty()) out["because"]["title"] = row.because_title;
  }
  if (row.segments.empty()) return out;
  size_t at = 0;
  for (const serving::Segment& segment : row.segments) {
    json items = json::array();
    for (size_t i = 0; i < segment.items; ++i) items.push_back(std::move(out["items"][at++]));
    out["segments"].push_back({{"value", segment.value}, {"items", std::move(items)}});
  }
  out.erase("items");
  return out;
}

}  // namespace

Result<std::vector<RowRequest>> ParseFeedRows(const schema::Schema& schema,
                                              const dom::element& value) {
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS || list.size() == 0 || list.size() > kMaxFeedRows) {
    return InvalidArgument(
        "expected a list of 1 to {} rows, found {}", kMaxFeedRows,
        value.is_array() ? fmt::format("{}", list.size()) : std::string(KindOf(value)));
  }
  std::vector<RowRequest> rows;
  uint64_t all = 0;
  for (const dom::element element : list) {
    auto row = ParseFeedRow(schema, element);
    if (!row) return WithContext(std::move(row).error(), fmt::format("[{}]", rows.size()));
    rows.push_back(*std::move(row));
    all += uint64_t{rows.back().n} *
           (rows.back().kind == RowRequest::Kind::kSegments ? rows.back().each : 1);
  }
  if (all > kMaxFeedItems) {
    return InvalidArgument(
        "expected at most {} items in all rows (n of each, of a segment times items), found {}",
        kMaxFeedItems, all);
  }
  return rows;
}

Result<HttpResponse> AnswerFeedRows(serving::Service& service,
                                    const serving::Generation& generation,
                                    const FeedRequest& asked) {
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<serving::Row> rows,
                          serving::MakeRows(service, generation, asked.request, asked.rows));
  json list = json::array();
  std::vector<FeedReport> feeds;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].slate.request.empty() || !rows[i].slate.degraded.empty()) {
      feeds.push_back(FeedReport::Of(rows[i].slate, asked.rows[i].scenario,
                                     generation.engine().objective_names()));
    }
    list.push_back(RowJson(generation, asked, rows[i]));
    if (!asked.rows[i].scenario.empty()) list.back()["scenario"] = asked.rows[i].scenario;
  }
  json body = {{"rows", std::move(list)},
               {"bundle_version", generation.bundle_version()},
               {"log_version", generation.log_version()}};
  if (asked.session.empty()) {
    body["user"] = asked.request.user;
  } else {
    body["session"] = asked.session;
  }
  HttpResponse answer = JsonOf(body);
  answer.feeds = std::move(feeds);
  return answer;
}

}  // namespace upnext::net
