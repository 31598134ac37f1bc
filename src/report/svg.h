// Small plots as SVG text, for pages without scripts. Colours are CSS classes of the page: `s0` for
// the model, `s1` ... for its baselines, `axis`, `grid`, `whisker`.
//
//   const Bar bar{"candidate model", 0.18, 0.17, 0.19};
//   std::string svg = BarPlot({.title = "ndcg@10", .bars = {bar}});
//
// Pure functions.
#ifndef UPNEXT_REPORT_SVG_H_
#define UPNEXT_REPORT_SVG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace upnext::report {

// Escapes & < > " ' for HTML and SVG.
std::string Escaped(std::string_view text);

struct Bar {
  std::string label;
  double value, low, high;  // low and high NaN: no whisker
};
struct BarPlotOptions {
  std::string title;
  std::vector<Bar> bars;
  int digits = 4;  // of the values next to the bars
};
// Horizontal bars, one below the other, with whiskers.
std::string BarPlot(const BarPlotOptions& options);

struct Line {
  std::string label;
  std::vector<std::pair<double, double>> points;  // x ascending
  bool connected = true;                          // false: dots alone
};
struct LinePlotOptions {
  std::string title, x_label, y_label;
  std::vector<Line> lines;
  bool log_x = false;     // for x > 0
  bool diagonal = false;  // draws y = x, with the same range on both axes
  bool from_zero = true;  // false: both axes cover the points alone
};
std::string LinePlot(const LinePlotOptions& options);

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_SVG_H_
