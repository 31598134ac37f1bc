#include "report/score_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "base/numbers.h"
#include "report/append_format.h"
#include "report/page.h"
#include "report/svg.h"

namespace upnext::report {
namespace {

using evaluation::ScoreFigure;
using evaluation::ScoreLine;
using evaluation::ScoreSearchResult;
using Json = nlohmann::ordered_json;

struct NamedLine {
  std::string name;
  const ScoreLine* line;
};

// In the order of the table.
std::vector<NamedLine> LinesOf(const ScoreSearchResult& search) {
  std::vector<NamedLine> lines = {{"present", &search.present}};
  if (search.changed) lines.push_back({"chosen", &search.chosen});
  if (search.truth) lines.push_back({"most true watch seconds", &*search.truth});
  for (size_t i = 0; i < search.front.size(); ++i) {
    lines.push_back({fmt::format("front {}", i + 1), &search.front[i]});
  }
  return lines;
}

std::string Number(const ScoreFigure& figure, double value) {
  return fmt::format("{:.{}f}", value, figure.name == evaluation::kTrueWatchSeconds ? 1 : 4);
}

// "+0.0123 (+0.0040 to +0.0201)", the difference to the present line.
std::string DifferenceText(const ScoreSearchResult& search, const ScoreLine& line, size_t f) {
  const evaluation::Interval& interval = line.differences[f];
  std::string text = fmt::format("{:+.4f}", line.values[f] - search.present.values[f]);
  if (std::isnan(interval.low)) return text;
  return text + fmt::format(" ({:+.4f} to {:+.4f})", interval.low, interval.high);
}

std::string Sentence(const ScoreReport& report) {
  const ScoreSearchResult& search = report.search;
  return fmt::format(
      "{} lines of exponents on {} pages of {} users of the {} part, in {:.1f} s after {:.1f} s of "
      "predictions; seed {}",
      base::WithThousands(search.lines), base::WithThousands(search.pages),
      base::WithThousands(search.users), report.part, report.search_seconds, report.predict_seconds,
      search.seed);
}

std::string Verdict(const ScoreSearchResult& search) {
  const std::string present = evaluation::ScoreText(search.objectives, search.present.exponents);
  if (search.changed) {
    return fmt::format("chosen: {} in place of {}",
                       evaluation::ScoreText(search.objectives, search.chosen.exponents), present);
  }
  if (search.users < evaluation::kFewestUsers) {
    return fmt::format("{} stays: too few users for intervals, {} of at least {}", present,
                       search.users, evaluation::kFewestUsers);
  }
  return fmt::format("{} stays: the target is not higher for certain with any other line", present);
}

std::vector<std::string> Explanations(const ScoreReport& report) {
  std::vector<std::string> lines = {
      "values: 0 is the worst order of every page, 1 the best, about 0.5 a random one; of what users "
      "do not want, 1 is all of it at the end. Differences to the present line have 95 % intervals, "
      "paired by user",
      "the line was chosen on these pages, so that its gain is somewhat overstated: `upnext evaluate` "
      "measures the project file's score on the test part"};
  if (!report.search.by_request) {
    lines.emplace_back(
        "pages are the impressions of a user on one UTC day, since most requests "
        "have a single impression");
  }
  lines.insert(lines.end(), report.notes.begin(), report.notes.end());
  return lines;
}

// As the text says it: 0.1, not the double next to the float.
double Decimal(float exponent) { return std::strtod(fmt::format("{}", exponent).c_str(), nullptr); }

Json LineJson(const ScoreSearchResult& search, const ScoreLine& line) {
  Json json{{"score", evaluation::ScoreText(search.objectives, line.exponents)},
            {"exponents", Json::object()},
            {"figures", Json::object()}};
  for (size_t k = 0; k < search.objectives.size(); ++k) {
    json["exponents"][search.objectives[k]] = Decimal(line.exponents[k]);
  }
  for (size_t f = 0; f < search.figures.size(); ++f) {
    const evaluation::Interval& interval = line.differences[f];
    Json figure{{"value", line.values[f]},
                {"difference", line.values[f] - search.present.values[f]}};
    // JSON has no not-a-number: nlohmann writes null.
    figure["low"] = interval.low;
    figure["high"] = interval.high;
    json["figures"][search.figures[f].name] = std::move(figure);
  }
  return json;
}

void AddLinesTable(const ScoreSearchResult& search, std::string* page) {
  *page += "<div class=\"scroll\"><table><thead><tr><th></th><th>score</th>";
  for (const ScoreFigure& figure : search.figures) {
    AppendFormat(page, "<th>{}</th>", Escaped(figure.name));
  }
  *page += "</tr></thead><tbody>\n";
  for (const auto& [name, line] : LinesOf(search)) {
    AppendFormat(page, "<tr{}><td>{}</td><td>{}</td>",
                 line == &search.chosen ? " class=\"model\"" : "", name,
                 Escaped(evaluation::ScoreText(search.objectives, line->exponents)));
    for (size_t f = 0; f < search.figures.size(); ++f) {
      AppendFormat(page, "<td>{}", Number(search.figures[f], line->values[f]));
      if (line != &search.present) {
        AppendFormat(page, "<small>{}</small>", DifferenceText(search, *line, f));
      }
      *page += "</td>";
    }
    *page += "</tr>\n";
  }
  *page += "</tbody></table></div>\n";
}

// The front, the two lines, and all that were tried.
std::string TradeOffPlot(const ScoreSearchResult& search) {
  if (search.tried.empty()) return "";
  // Only where there are both axes, which are then the first two figures.
  const auto place = [](const ScoreLine& line) {
    return std::pair(line.values[1], line.values[0]);
  };
  Line front{.label = "front", .points = {}};
  for (const ScoreLine& line : search.front) front.points.push_back(place(line));
  std::ranges::sort(front.points);
  LinePlotOptions plot{.title = "engagement against satisfaction",
                       .x_label = "satisfaction",
                       .y_label = "engagement",
                       .lines = {std::move(front)},
                       .from_zero = false};
  plot.lines.push_back({.label = "tried", .points = search.tried, .connected = false});
  plot.lines.push_back({.label = "present", .points = {place(search.present)}, .connected = false});
  if (search.changed) {
    plot.lines.push_back({.label = "chosen", .points = {place(search.chosen)}, .connected = false});
  }
  return LinePlot(plot);
}

}  // namespace

std::string RenderScoreTable(const ScoreReport& report) {
  const ScoreSearchResult& search = report.search;
  std::string out = fmt::format("{}\ntarget: {}\n\n", Sentence(report), search.target);
  size_t width = 5;
  const std::vector<NamedLine> lines = LinesOf(search);
  for (const auto& [name, line] : lines) {
    width = std::max(width, evaluation::ScoreText(search.objectives, line->exponents).size());
  }
  AppendFormat(&out, "  {:<24} {:<{}}", "", "score", width);
  for (const ScoreFigure& figure : search.figures) AppendFormat(&out, "  {:>12}", figure.name);
  out += "\n";
  for (const auto& [name, line] : lines) {
    AppendFormat(&out, "  {:<24} {:<{}}", name,
                 evaluation::ScoreText(search.objectives, line->exponents), width);
    for (size_t f = 0; f < search.figures.size(); ++f) {
      const size_t column = std::max<size_t>(12, search.figures[f].name.size());
      AppendFormat(&out, "  {:>{}}", Number(search.figures[f], line->values[f]), column);
    }
    out += "\n";
  }
  AppendFormat(&out, "\n{}\n", Verdict(search));
  for (size_t f = 0; search.changed && f < search.figures.size(); ++f) {
    AppendFormat(&out, "  {:<24} {}{}\n", search.figures[f].name,
                 DifferenceText(search, search.chosen, f),
                 search.figures[f].less_is_better ? ", less is better" : "");
  }
  for (const std::string& line : Explanations(report)) AppendFormat(&out, "{}\n", line);
  return out;
}

std::string RenderScoreJson(const ScoreReport& report) {
  const ScoreSearchResult& search = report.search;
  Json json{{"version", report.version},
            {"part", report.part},
            {"target", search.target},
            {"changed", search.changed},
            {"lines", search.lines},
            {"pages", search.pages},
            {"users", search.users},
            {"impressions", search.impressions},
            {"seed", search.seed},
            {"predict_seconds", report.predict_seconds},
            {"search_seconds", report.search_seconds},
            {"present", LineJson(search, search.present)},
            {"chosen", LineJson(search, search.chosen)},
            {"front", Json::array()}};
  for (const ScoreLine& line : search.front) json["front"].push_back(LineJson(search, line));
  if (search.truth) json["most_true_watch"] = LineJson(search, *search.truth);
  json["notes"] = report.notes;
  return json.dump(2);
}

std::string RenderScoreHtml(const ScoreReport& report) {
  const ScoreSearchResult& search = report.search;
  std::string page = PageHead("Score");
  AppendFormat(&page, "<p>{}</p>\n<p>target: {}</p>\n<p>{}</p>\n", Escaped(Sentence(report)),
               Escaped(search.target), Escaped(Verdict(search)));
  AddLinesTable(search, &page);
  page += "<div class=\"plots\">\n";
  AddPlot("engagement against satisfaction", TradeOffPlot(search), &page);
  page += "</div>\n";
  for (const std::string& line : Explanations(report)) {
    AppendFormat(&page, "<p class=\"soft\">{}</p>\n", Escaped(line));
  }
  return page += kPageEnd;
}

}  // namespace upnext::report
