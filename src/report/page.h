// The frame of a self-contained HTML page: no scripts, no requests, light and dark mode.
//
//   std::string page = PageHead("Evaluation");
//   AddPlot("recall@k", LinePlot(...), &page);          // svg.h; uses the page's style classes
//   page += kPageEnd;
//
// Pure functions.
#ifndef UPNEXT_REPORT_PAGE_H_
#define UPNEXT_REPORT_PAGE_H_

#include <string>
#include <string_view>

namespace upnext::report {

// The document up to and including a heading with the title. Tables belong in <div class="scroll">,
// with <tr class="model"> for the main row, plots in <div class="plots">; class "soft" marks
// secondary text.
std::string PageHead(std::string_view title);
// A plot with its caption; nothing for an empty plot.
void AddPlot(std::string_view caption, const std::string& svg, std::string* page);
inline constexpr std::string_view kPageEnd = "</body></html>\n";

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_PAGE_H_
