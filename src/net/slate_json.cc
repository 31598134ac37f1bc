#include "net/slate_json.h"

namespace upnext::net {

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
    if (explain) {
      if (item.boost) row["boost"] = *item.boost;
      row["sources"] = nlohmann::json::array();
      for (const serving::SourceScore& source : item.sources) {
        nlohmann::json one = {{"source", source.source}, {"score", source.score}};
        if (!source.from.empty()) one["from"] = source.from;
        row["sources"].push_back(std::move(one));
      }
      for (size_t k = 0; k < item.predictions.size() && k < objectives.size(); ++k) {
        row["predictions"][objectives[k]] = item.predictions[k];
      }
    }
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
                        {"notes", slate.notes}};
  if (explain) {
    const serving::StageCounts& c = slate.counts;
    out["counts"] = {{"catalogue", c.catalogue}, {"proposed", c.proposed},
                     {"distinct", c.distinct},   {"after_filters", c.after_filters},
                     {"ranked", c.ranked},       {"shown", c.shown}};
    for (const serving::FilterReason& reason : c.filtered) {
      out["counts"]["filtered_" + std::string(reason.filter)] = reason.items;
    }
    out["milliseconds"] = {{"retrieval", slate.retrieval_ms}, {"ranking", slate.ranking_ms}};
  }
  return out;
}

}  // namespace upnext::net
