#include "report/page.h"

#include <fmt/format.h>

#include "report/svg.h"

namespace upnext::report {
namespace {

constexpr const char* kStyle = R"(<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #d5dae2; --page: #fff;
  --c0: #1f6feb; --c1: #9aa7b8; --c2: #d9822b; --c3: #2e9e6b; --c4: #a35bd0; --c5: #c94f5d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --soft: #98a2b3; --line: #344054;
  --page: #12161d; --c0: #6ea8ff; --c1: #5f6d80; --c2: #f0a860; --c3: #5cc797; --c4: #c596e8;
  --c5: #ef8a95; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
p.soft, .legend, small { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.model td { font-weight: 600; }
small { display: block; font-weight: 400; font-size: .78rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 1rem 2rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .axis { fill: var(--soft); }
.grid { stroke: var(--line); } .whisker { stroke: var(--ink); stroke-width: 1.5; }
.diagonal { stroke: var(--soft); stroke-dasharray: 4 4; }
polyline { fill: none; stroke-width: 2; }
.s0 { fill: var(--c0); color: var(--c0); } polyline.s0 { fill: none; stroke: var(--c0); }
.s1 { fill: var(--c1); color: var(--c1); } polyline.s1 { fill: none; stroke: var(--c1); }
.s2 { fill: var(--c2); color: var(--c2); } polyline.s2 { fill: none; stroke: var(--c2); }
.s3 { fill: var(--c3); color: var(--c3); } polyline.s3 { fill: none; stroke: var(--c3); }
.s4 { fill: var(--c4); color: var(--c4); } polyline.s4 { fill: none; stroke: var(--c4); }
.s5 { fill: var(--c5); color: var(--c5); } polyline.s5 { fill: none; stroke: var(--c5); }
</style>
)";

}  // namespace

std::string PageHead(std::string_view title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n{}</head><body>\n<h1>{}</h1>\n",
      Escaped(title), kStyle, Escaped(title));
}

void AddPlot(std::string_view caption, const std::string& svg, std::string* page) {
  if (svg.empty()) return;
  *page += fmt::format("<figure><figcaption>{}</figcaption>\n{}</figure>\n", Escaped(caption), svg);
}

}  // namespace upnext::report
