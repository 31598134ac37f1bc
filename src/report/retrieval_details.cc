#include "report/retrieval_details.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/numbers.h"
#include "report/append_format.h"
#include "report/json_number.h"
#include "report/metric_names.h"
#include "report/page.h"
#include "report/svg.h"
#include "report/text_table.h"

namespace upnext::report {
namespace {

using Json = nlohmann::ordered_json;
using TextRows = std::vector<std::vector<std::string>>;

constexpr const char* kReachKeys[] = {"recall@10", "recall@100", "recall", "adds"};
constexpr char kReachTitle[] =
    "candidates: the share of targets among the first 10, the first 100 and all of a generator, the "
    "share that no other generator has, and how many a user has";

// The first row is the heading.
TextRows ReachRows(const std::vector<evaluation::ModelMetrics>& reach) {
  TextRows rows(1, {""});
  rows[0].insert(rows[0].end(), std::begin(kReachKeys), std::end(kReachKeys));
  rows[0].emplace_back("candidates");
  for (const evaluation::ModelMetrics& row : reach) {
    std::vector<std::string>& cells = rows.emplace_back(1, row.name);
    for (const char* key : kReachKeys) cells.push_back(CellOf(row, key));
    cells.push_back(fmt::format("{:.0f}", row.metrics.at("candidates").value));
  }
  return rows;
}

// What the first stage loses; empty where it was not measured.
std::string LostText(const std::vector<evaluation::ModelMetrics>& reach) {
  if (reach.empty() || !reach.back().metrics.contains("lost@20")) return "";
  return fmt::format(
      "of the 20 items that the ranker places first among all items, this share is not among the "
      "candidates: {}",
      CellOf(reach.back(), "lost@20"));
}

// The slices by one thing, from `begin` on; [begin, end of the result's slices).
TextRows SliceRows(const std::vector<evaluation::RetrievalSlice>& slices, size_t begin, size_t* end,
                   const std::vector<std::string>& models) {
  TextRows rows(1, {slices[begin].by, slices[begin].of});
  for (const std::string& model : models) {
    for (const char* key : {"recall@10", "recall@100"}) {
      rows[0].push_back(fmt::format("{} {}", model, key));
    }
  }
  *end = begin;
  for (; *end < slices.size() && slices[*end].by == slices[begin].by; ++*end) {
    const evaluation::RetrievalSlice& slice = slices[*end];
    std::vector<std::string>& cells =
        rows.emplace_back(std::vector<std::string>{slice.name, base::WithThousands(slice.size)});
    for (const std::string& model : models) {
      const auto row = std::ranges::find(slice.rows, model, &evaluation::ModelMetrics::name);
      for (const char* key : {"recall@10", "recall@100"}) {
        cells.push_back(row == slice.rows.end() ? "-" : CellOf(*row, key));
      }
    }
  }
  return rows;
}

void AddHtmlRows(const TextRows& rows, std::string* out) {
  *out += "<div class=\"scroll\"><table>\n";
  for (size_t r = 0; r < rows.size(); ++r) {
    *out += "<tr>";
    for (const std::string& cell : rows[r]) {
      AppendFormat(out, "<{0}>{1}</{0}>", r == 0 ? "th" : "td", Escaped(cell));
    }
    *out += "</tr>\n";
  }
  *out += "</table></div>\n";
}

}  // namespace

std::string CellOf(const evaluation::ModelMetrics& row, const std::string& key) {
  const auto found = row.metrics.find(key);
  if (found == row.metrics.end() || std::isnan(found->second.value)) return "-";
  const int digits = IsSeconds(key) ? 2 : 4;
  const std::string value = fmt::format("{:.{}f}", found->second.value, digits);
  const evaluation::Interval& interval = found->second.interval;
  if (std::isnan(interval.low)) return value;
  return fmt::format("{} ±{:.{}f}", value, (interval.high - interval.low) / 2, digits);
}

std::string NetworkText(const evaluation::RetrievalReport& retrieval) {
  return retrieval.network.empty() ? "" : fmt::format("; {} (ONNX)", retrieval.network);
}

std::string RetrievalDetailsTable(const evaluation::RetrievalReport& retrieval) {
  std::string text;
  if (!retrieval.reach.empty()) {
    text += std::string(kReachTitle) + "\n";
    AppendTextTable(ReachRows(retrieval.reach), &text);
    const std::string lost = LostText(retrieval.reach);
    text += lost.empty() ? "\n" : lost + "\n\n";
  }
  // A terminal has room for two models; the page and the JSON have all.
  const std::vector<std::string> models = {retrieval.model.name, "popularity"};
  for (size_t begin = 0, end = 0; begin < retrieval.slices.size(); begin = end) {
    AppendTextTable(SliceRows(retrieval.slices, begin, &end, models), &text);
    text += "\n";
  }
  return text;
}

void AddRetrievalDetailsHtml(const evaluation::RetrievalReport& retrieval, std::string* out) {
  if (!retrieval.reach.empty()) {
    AppendFormat(out, "<h3>Generators</h3>\n<p class=\"soft\">{}</p>\n", Escaped(kReachTitle));
    AddHtmlRows(ReachRows(retrieval.reach), out);
    AppendFormat(out, "<p>{}</p>\n", Escaped(LostText(retrieval.reach)));
  }
  for (size_t begin = 0, end = 0; begin < retrieval.slices.size(); begin = end) {
    std::vector<std::string> models;
    for (const auto& row : retrieval.slices[begin].rows) models.push_back(row.name);
    AppendFormat(out, "<h3>By {}</h3>\n", Escaped(retrieval.slices[begin].by));
    AddHtmlRows(SliceRows(retrieval.slices, begin, &end, models), out);
  }
}

Json AllFigures(const evaluation::ModelMetrics& row) {
  Json json = Json::object();
  for (const auto& [key, metric] : row.metrics) {
    json[key] = {NumberJson(metric.value), NumberJson(metric.interval.low),
                 NumberJson(metric.interval.high)};
  }
  return json;
}

evaluation::ModelMetrics ReadModel(const Json& json) {
  evaluation::ModelMetrics row{json.at("name").get<std::string>(), {}};
  for (const auto& [key, metric] : json.at("figures").items()) {
    row.metrics[key] = {ReadNumber(metric.at(0)),
                        {ReadNumber(metric.at(1)), ReadNumber(metric.at(2))}};
  }
  return row;
}

void AddRetrievalDetailsJson(const evaluation::RetrievalReport& retrieval, Json* json) {
  const auto add = [](const std::vector<evaluation::ModelMetrics>& rows, Json& to) {
    for (const evaluation::ModelMetrics& row : rows) {
      to.push_back({{"name", row.name}, {"figures", AllFigures(row)}});
    }
  };
  if (!retrieval.reach.empty()) add(retrieval.reach, (*json)["reach"]);
  for (const evaluation::RetrievalSlice& slice : retrieval.slices) {
    Json one = {{"by", slice.by}, {"name", slice.name}, {"of", slice.of}, {"size", slice.size}};
    add(slice.rows, one["models"]);
    (*json)["slices"].push_back(std::move(one));
  }
}

void ReadRetrievalDetails(const Json& json, evaluation::RetrievalReport* retrieval) {
  if (json.contains("reach")) {
    for (const Json& row : json.at("reach")) retrieval->reach.push_back(ReadModel(row));
  }
  if (!json.contains("slices")) return;
  for (const Json& one : json.at("slices")) {
    evaluation::RetrievalSlice& slice = retrieval->slices.emplace_back();
    slice.by = one.at("by").get<std::string>();
    slice.name = one.at("name").get<std::string>();
    slice.of = one.at("of").get<std::string>();
    slice.size = one.at("size").get<uint64_t>();
    for (const Json& row : one.at("models")) slice.rows.push_back(ReadModel(row));
  }
}

}  // namespace upnext::report
