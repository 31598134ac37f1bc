// The report as one page.
#include "evaluation/report.h"

namespace upnext::evaluation {

std::string RenderHtml(const Report& report) {
  return "<!doctype html><meta charset=\"utf-8\"><title>Evaluation</title><pre>" +
         RenderTable(report) + "</pre>\n";
}

}  // namespace upnext::evaluation
