// What the report says of retrieval beyond its table: what the generators reach, and slices. Only
// this room includes it.
#ifndef UPNEXT_REPORT_RETRIEVAL_DETAILS_H_
#define UPNEXT_REPORT_RETRIEVAL_DETAILS_H_

#include <nlohmann/json.hpp>
#include <string>

#include "evaluation/report.h"

namespace upnext::report {

// "; encoder.onnx (ONNX)", or "" for upnext's own candidate model.
std::string NetworkText(const evaluation::RetrievalReport& retrieval);
std::string RetrievalDetailsTable(const evaluation::RetrievalReport& retrieval);
void AddRetrievalDetailsHtml(const evaluation::RetrievalReport& retrieval, std::string* out);
// The keys "reach" and "slices"; absent where there are none.
void AddRetrievalDetailsJson(const evaluation::RetrievalReport& retrieval,
                             nlohmann::ordered_json* json);
void ReadRetrievalDetails(const nlohmann::ordered_json& json,
                          evaluation::RetrievalReport* retrieval);

// Every metric of a row with its interval: {"hr@10": [value, low, high]}, and back.
nlohmann::ordered_json AllFigures(const evaluation::ModelMetrics& row);
evaluation::ModelMetrics ReadModel(const nlohmann::ordered_json& json);
// "0.2144 ±0.0103": the value and half the width of its interval; "-" where it is missing.
std::string CellOf(const evaluation::ModelMetrics& row, const std::string& key);

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_RETRIEVAL_DETAILS_H_
