// Writes a study's report as text, as JSON and as an HTML page.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "report/page.h"
#include "report/svg.h"
#include "studies/study.h"

namespace upnext::studies {
namespace {

using report::Escaped;

template <typename... Args>
void Add(std::string* out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(*out), format, std::forward<Args>(args)...);
}

int DigitsOf(const Study& study, const std::string& metric) {
  for (const MetricInfo& info : study.metrics) {
    if (info.name == metric) return info.digits;
  }
  return 4;
}

// "0.9123 ±0.0041"; "-" when there is none.
std::string Short(const Estimate* e, int digits) {
  if (e == nullptr || std::isnan(e->mean)) return "-";
  std::string text = fmt::format("{:.{}f}", e->mean, digits);
  if (!std::isnan(e->low)) text += fmt::format(" ±{:.{}f}", (e->high - e->low) / 2, digits);
  return text;
}

const Estimate* Find(const ArmReport& arm, const std::string& metric) {
  const auto found = arm.metrics.find(metric);
  return found == arm.metrics.end() ? nullptr : &found->second;
}

// The expected range of a claim: "above 0.9", "0.9 to 1.1", "below 0".
std::string Expected(const Claim& claim) {
  if (std::isinf(claim.low) && std::isinf(claim.high)) return "any value";
  if (std::isinf(claim.high)) return fmt::format("above {:.4g}", claim.low);
  if (std::isinf(claim.low)) return fmt::format("below {:.4g}", claim.high);
  return fmt::format("{:.4g} to {:.4g}", claim.low, claim.high);
}

std::string WhatOf(const Claim& claim) {
  return claim.than.empty() ? fmt::format("{} of {}", claim.metric, claim.arm)
                            : fmt::format("{}: {} - {}", claim.metric, claim.arm, claim.than);
}

std::string Found(const StudyReport& report, const ClaimReport& c) {
  const int digits = DigitsOf(*report.study, c.claim.metric);
  std::string text = fmt::format("{:.{}f}", c.found.mean, digits);
  if (!std::isnan(c.found.low)) {
    text += fmt::format(" ({:.{}f} to {:.{}f})", c.found.low, digits, c.found.high, digits);
  }
  return text;
}

std::string SeedsText(const StudyReport& report) {
  const StudyOptions& o = report.options;
  const uint64_t last = o.first_seed + static_cast<uint64_t>(o.seeds) - 1;
  return fmt::format("{} seed{} ({}{}), {} size", o.seeds, o.seeds == 1 ? "" : "s", o.first_seed,
                     o.seeds == 1 ? "" : fmt::format(" to {}", last),
                     o.scale == Scale::kTiny ? "tiny" : "full");
}

std::string SettingsText(const StudyReport& report) {
  std::string text;
  for (const auto& [name, value] : report.study->settings(report.options.scale)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  }
  return text;
}

// Width in code points: the sign ± is one column wide and two bytes long.
size_t Width(const std::string& text) {
  size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

// Metrics in rows, arms in columns, since names of metrics are long; the other way round for a study
// with more arms than metrics.
std::vector<std::vector<std::string>> Cells(const StudyReport& report) {
  std::vector<std::vector<std::string>> rows(1, {""});
  for (const ArmReport& arm : report.arms) rows[0].push_back(arm.name);
  for (const MetricInfo& metric : report.study->metrics) {
    std::vector<std::string> row = {metric.name};
    for (const ArmReport& arm : report.arms) {
      row.push_back(Short(Find(arm, metric.name), metric.digits));
    }
    rows.push_back(std::move(row));
  }
  if (report.arms.size() <= report.study->metrics.size()) return rows;
  std::vector<std::vector<std::string>> turned(rows[0].size());
  for (const std::vector<std::string>& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) turned[c].push_back(row[c]);
  }
  return turned;
}

nlohmann::ordered_json Number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json ToJson(const Estimate& e) {
  return {{"mean", Number(e.mean)}, {"low", Number(e.low)}, {"high", Number(e.high)}};
}

void AddPlots(const StudyReport& report, std::string* page) {
  *page += "<div class=\"plots\">\n";
  for (const PlotInfo& info : report.study->plots) {
    report::LinePlotOptions plot{.title = info.name,
                                 .x_label = info.x_label,
                                 .y_label = info.y_label,
                                 .lines = {},
                                 .log_x = false,
                                 .diagonal = info.diagonal};
    for (const CurveReport& curve : report.curves) {
      if (curve.plot == info.name) plot.lines.push_back({curve.line, curve.points});
    }
    report::AddPlot(info.name, report::LinePlot(plot), page);
  }
  for (const MetricInfo& metric : report.study->metrics) {
    report::BarPlotOptions plot{.title = metric.name, .bars = {}, .digits = metric.digits};
    for (const ArmReport& arm : report.arms) {
      const Estimate* e = Find(arm, metric.name);
      if (e != nullptr) plot.bars.push_back({arm.name, e->mean, e->low, e->high});
    }
    if (plot.bars.size() > 1) report::AddPlot(metric.name, report::BarPlot(plot), page);
  }
  *page += "</div>\n";
}

}  // namespace

std::string RenderTable(const StudyReport& report) {
  const Study& study = *report.study;
  std::string out = fmt::format("{}: {}\n{}\nsettings: {}\n\n", study.name, study.question,
                                study.method, SettingsText(report));
  const std::vector<std::vector<std::string>> rows = Cells(report);
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], Width(row[c]));
  }
  for (const auto& row : rows) {
    out += "  ";
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - Width(row[c]), ' ');
      out += c == 0 ? row[c] + padding : "   " + padding + row[c];
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += "\n";
  }
  out += "\n";
  for (const MetricInfo& metric : study.metrics) Add(&out, "  {}: {}\n", metric.name, metric.help);
  out += "\nexpected and found\n";
  for (const ClaimReport& c : report.claims) {
    Add(&out, "  {:<8}  {}\n            {}: expected {}, found {}\n", VerdictName(c.verdict),
        c.claim.text, WhatOf(c.claim), Expected(c.claim), Found(report, c));
  }
  Add(&out,
      "\n{}; ± is half of a 95 % interval over seeds (Student's t); differences are between arms "
      "with the "
      "same seed\n{:.0f} s per seed; {}\n",
      SeedsText(report), report.seconds_per_seed, report.machine);
  return out;
}

std::string RenderJson(const StudyReport& report) {
  using Json = nlohmann::ordered_json;
  Json out{{"study", report.study->name},
           {"question", report.study->question},
           {"seeds", report.options.seeds},
           {"first_seed", report.options.first_seed},
           {"scale", report.options.scale == Scale::kTiny ? "tiny" : "full"},
           {"settings", Json::object()},
           {"arms", Json::object()},
           {"claims", Json::array()},
           {"curves", Json::array()},
           {"seconds_per_seed", report.seconds_per_seed},
           {"machine", report.machine}};
  for (const auto& [name, value] : report.study->settings(report.options.scale)) {
    out["settings"][name] = value;
  }
  for (const ArmReport& arm : report.arms) {
    Json metrics = Json::object();
    for (const MetricInfo& info : report.study->metrics) {
      const Estimate* e = Find(arm, info.name);
      if (e == nullptr) continue;
      Json metric = ToJson(*e);
      for (const double value : arm.values.at(info.name)) metric["values"].push_back(Number(value));
      metrics[info.name] = std::move(metric);
    }
    out["arms"][arm.name] = std::move(metrics);
  }
  for (const ClaimReport& c : report.claims) {
    Json claim{{"text", c.claim.text}, {"figure", c.claim.metric}, {"arm", c.claim.arm}};
    if (!c.claim.than.empty()) claim["than"] = c.claim.than;
    claim["expected"] = {Number(c.claim.low), Number(c.claim.high)};
    claim["found"] = ToJson(c.found);
    claim["verdict"] = VerdictName(c.verdict);
    out["claims"].push_back(std::move(claim));
  }
  for (const CurveReport& curve : report.curves) {
    Json points = Json::array();
    for (const auto& [x, y] : curve.points) points.push_back({Number(x), Number(y)});
    out["curves"].push_back(
        {{"plot", curve.plot}, {"line", curve.line}, {"points", std::move(points)}});
  }
  return out.dump(2);
}

std::string RenderHtml(const StudyReport& report) {
  const Study& study = *report.study;
  std::string out = report::PageHead("Study: " + study.name);
  Add(&out, "<p><b>{}</b></p>\n<p>{}</p>\n<p class=\"soft\">Settings: {}.<br>{}. {}</p>\n",
      Escaped(study.question), Escaped(study.method), Escaped(SettingsText(report)),
      Escaped(SeedsText(report)), Escaped(report.machine));
  out +=
      "<h2>Expected and found</h2>\n<div class=\"scroll\"><table><thead><tr><th></th><th>of</th>"
      "<th>expected</th><th>found</th><th></th></tr></thead><tbody>\n";
  for (const ClaimReport& c : report.claims) {
    Add(&out, "<tr{}><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        c.verdict == Verdict::kHeld ? "" : " class=\"model\"", Escaped(c.claim.text),
        Escaped(WhatOf(c.claim)), Expected(c.claim), Found(report, c), VerdictName(c.verdict));
  }
  out += "</tbody></table></div>\n<h2>Metrics</h2>\n<div class=\"scroll\"><table>\n";
  const std::vector<std::vector<std::string>> rows = Cells(report);
  for (size_t r = 0; r < rows.size(); ++r) {
    out += r == 0 ? "<thead><tr>" : "<tr>";
    for (const std::string& cell : rows[r]) {
      const char* tag = r == 0 ? "th" : "td";
      Add(&out, "<{}>{}</{}>", tag, Escaped(cell), tag);
    }
    out += r == 0 ? "</tr></thead><tbody>\n" : "</tr>\n";
  }
  out += "</tbody></table></div>\n<p class=\"soft\">";
  for (const MetricInfo& metric : study.metrics) {
    Add(&out, "{}: {}.<br>\n", Escaped(metric.name), Escaped(metric.help));
  }
  out += "± is half of a 95 % interval over seeds (Student's t).</p>\n";
  AddPlots(report, &out);
  return out + std::string(report::kPageEnd);
}

}  // namespace upnext::studies
