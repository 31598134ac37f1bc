// Writes an evaluation as a table for a terminal, as JSON for programs, and as a page with plots.
//
//   fmt::print("{}", RenderTable(report));
//
// Pure functions.
#ifndef UPNEXT_REPORT_RENDER_H_
#define UPNEXT_REPORT_RENDER_H_

#include <string>
#include <string_view>

#include "base/status.h"
#include "evaluation/report.h"

namespace upnext::report {

std::string RenderTable(const evaluation::Report& report);
std::string RenderJson(const evaluation::Report& report);
// Reads the output of RenderJson; kInvalidArgument for anything else.
Result<evaluation::Report> ParseJson(std::string_view json);
// One self-contained page.
std::string RenderHtml(const evaluation::Report& report);

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_RENDER_H_
