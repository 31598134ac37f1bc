#include "net/slate_json.h"

namespace upnext::net {

nlohmann::json ItemsJson(std::span<const serving::Recommendation> items,
                         std::span<const std::string> objectives, bool explain) {
  nlohmann::json out = nlohmann::json::array();
  for (const serving::Recommendation& item : items) {
    nlohmann::json row = {{"item", item.id}, {"score", item.score}, {"reason", item.reason}};
    if (!item.title.empty()) row["title"] = item.title;
    if (explain) {
      row["sources"] = nlohmann::json::array();
      for (const serving::SourceScore& source : item.sources) {
        row["sources"].push_back({{"source", source.source}, {"score", source.score}});
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
                        {"items", ItemsJson(slate.items, objectives, explain)},
                        {"notes", slate.notes}};
  if (explain) {
    const serving::StageCounts& c = slate.counts;
    out["counts"] = {{"catalogue", c.catalogue},
                     {"proposed", c.proposed},
                     {"distinct", c.distinct},
                     {"after_filters", c.after_filters},
                     {"ranked", c.ranked},
                     {"shown", c.shown},
                     {"filtered_seen", c.filtered_seen},
                     {"filtered_removed", c.filtered_removed},
                     {"filtered_excluded", c.filtered_excluded}};
    out["milliseconds"] = {{"retrieval", slate.retrieval_ms}, {"ranking", slate.ranking_ms}};
  }
  return out;
}

}  // namespace upnext::net
