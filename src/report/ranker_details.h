// What an evaluation says of the ranker beyond its metrics (evaluation/ranker_report.h), in the three
// forms of render.h. Only this room includes it.
#ifndef UPNEXT_REPORT_RANKER_DETAILS_H_
#define UPNEXT_REPORT_RANKER_DETAILS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "evaluation/report.h"

namespace upnext::report {

// "tower 256-128: 123,456 multiplications per impression", of a network of others what it is.
std::string RankerText(const evaluation::RankingReport& ranking);
// Tables, each with a heading and a blank line at its end.
std::string RankerDetailsTable(const evaluation::RankingReport& ranking);
// Sections with headings.
void AddRankerDetailsHtml(const evaluation::RankingReport& ranking, std::string* page);
// Keys of the object "ranker". ReadRankerDetails throws nlohmann::json::exception for other JSON.
void AddRankerDetailsJson(const evaluation::RankingReport& ranking, nlohmann::ordered_json* ranker);
void ReadRankerDetails(const nlohmann::ordered_json& ranker, evaluation::RankingReport* ranking);

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_RANKER_DETAILS_H_
