// The frame of a self-contained page of figures: no scripts, no requests, light and dark.
//
//   std::string page = PageHead("Evaluation");
//   AddPlot("recall@k", LinePlot(...), &page);          svg.h; the style knows its classes
//   page += kPageEnd;
//
// Pure functions.
#ifndef UPNEXT_REPORT_PAGE_H_
#define UPNEXT_REPORT_PAGE_H_

#include <string>
#include <string_view>

namespace upnext::report {

// Up to and with a heading of the title. Tables stand in <div class="scroll">, their main row is
// <tr class="model">; plots stand together in <div class="plots">; what matters less is "soft".
std::string PageHead(std::string_view title);
// A plot with its caption; nothing for an empty plot.
void AddPlot(std::string_view caption, const std::string& svg, std::string* page);
inline constexpr std::string_view kPageEnd = "</body></html>\n";

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_PAGE_H_
