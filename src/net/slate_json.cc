#include "net/slate_json.h"

#include <string_view>
#include <utility>

namespace upnext::net {

namespace {

// In the order of serving::PlacedBy.
constexpr std::string_view kPlacedBy[] = {"score",   "pin",       "fresh",
                                          "at_most", "diversity", "exploration"};

// How the item got its score and its place.
void AddExplanation(const serving::Recommendation& item, std::span<const std::string> objectives,
                    nlohmann::json* row) {
  if (item.boost) (*row)["boost"] = *item.boost;
  if (item.rotated) (*row)["rotated"] = *item.rotated;
  if (item.lowered) (*row)["lowered"] = *item.lowered;
  nlohmann::json sources = nlohmann::json::array();
  for (const serving::SourceScore& source : item.sources) {
    nlohmann::json one = {{"source", source.source}, {"score", source.score}};
    if (!source.from.empty()) one["from"] = source.from;
    sources.push_back(std::move(one));
  }
  (*row)["sources"] = std::move(sources);
  for (size_t k = 0; k < item.predictions.size() && k < objectives.size(); ++k) {
    (*row)["predictions"][objectives[k]] = item.predictions[k];
    if (k < item.bias_removed.size() && item.bias_removed[k] != 0) {
      (*row)["bias_removed"][objectives[k]] = item.bias_removed[k];
    }
  }
}

nlohmann::json CountsJson(const serving::StageCounts& c) {
  nlohmann::json out = {{"catalogue", c.catalogue}, {"proposed", c.proposed},
                        {"distinct", c.distinct},   {"after_filters", c.after_filters},
                        {"ranked", c.ranked},       {"shown", c.shown}};
  for (const serving::FilterReason& reason : c.filtered) {
    out["filtered_" + std::string(reason.filter)] = reason.items;
  }
  return out;
}

// How the whole list was made.
void ExplainSlate(const serving::Slate& slate, std::span<const std::string> objectives,
                  nlohmann::json* out) {
  (*out)["counts"] = CountsJson(slate.counts);
  (*out)["milliseconds"] = {{"retrieval", slate.retrieval_ms}, {"ranking", slate.ranking_ms}};
  if (slate.cold_start) {
    (*out)["cold_start"] = {{"fewer_than", slate.cold_start->fewer_than},
                            {"history", slate.cold_start->history}};
  }
  (*out)["stages"] = nlohmann::json::array();
  for (const serving::StageTime& stage : slate.stages) {
    nlohmann::json one = {
        {"stage", stage.stage}, {"ms", stage.ms}, {"in", stage.in}, {"out", stage.out}};
    if (stage.left_ms) one["left_ms"] = *stage.left_ms;
    (*out)["stages"].push_back(std::move(one));
  }
  (*out)["generators"] = nlohmann::json::array();
  for (const serving::GeneratorTime& one : slate.generators) {
    (*out)["generators"].push_back(
        {{"source", one.source}, {"ms", one.ms}, {"proposed", one.proposed}});
  }
  for (size_t k = 0; k < slate.exponents.size() && k < objectives.size(); ++k) {
    (*out)["exponents"][objectives[k]] = slate.exponents[k];
  }
  (*out)["dropped"] = nlohmann::json::array();
  for (const serving::DroppedItem& one : slate.dropped) {
    nlohmann::json row = {{"item", one.id}, {"reason", one.reason}};
    if (one.score) row["score"] = *one.score;
    (*out)["dropped"].push_back(std::move(row));
  }
  for (size_t i = 0; i < slate.items.size(); ++i) {  // those of similar items have no places
    (*out)["items"][i]["place_by_score"] = slate.items[i].place_by_score + 1;
    (*out)["items"][i]["placed_by"] = kPlacedBy[static_cast<size_t>(slate.items[i].by)];
  }
}

}  // namespace

nlohmann::json ItemsJson(std::span<const serving::Recommendation> items,
                         std::span<const std::string> objectives, bool explain) {
  nlohmann::json out = nlohmann::json::array();
  for (const serving::Recommendation& item : items) {
    nlohmann::json row = {{"item", item.id}, {"score", item.score}, {"reason", item.reason}};
    if (!item.title.empty()) row["title"] = item.title;
    if (!item.sources.empty()) {
      row["source"] = item.sources.front().source;
      row["source_score"] = item.sources.front().score;
    }
    if (item.propensity) row["propensity"] = *item.propensity;
    if (explain) AddExplanation(item, objectives, &row);
    out.push_back(std::move(row));
  }
  return out;
}

nlohmann::json SlateJson(const serving::Slate& slate, std::span<const std::string> objectives,
                         const std::string& user, bool explain) {
  nlohmann::json out = {{"user", user},
                        {"request", slate.request},
                        {"bundle_version", slate.bundle_version},
                        {"log_version", slate.log_version},
                        {"items", ItemsJson(slate.items, objectives, explain)},
                        {"notes", slate.notes},
                        {"degraded", nlohmann::json::array()},
                        {"missing", nlohmann::json::object()}};
  for (const serving::Degradation& one : slate.degraded) {
    nlohmann::json row = {{"stage", one.stage}, {"reason", one.reason}};
    if (!one.source.empty()) row["source"] = one.source;
    out["degraded"].push_back(std::move(row));
  }
  for (const serving::MissingNames& one : slate.missing) {
    out["missing"][std::string(one.parameter)] = one.names;
  }
  if (explain) ExplainSlate(slate, objectives, &out);
  return out;
}

}  // namespace upnext::net
