// The guides of this version as Markdown, by name.
//
//   const Guide* guide = Find("http_api");
//   std::string index = LlmsText("http://127.0.0.1:8080/guides/");
//
// Constants; any number of threads.
#ifndef UPNEXT_GUIDES_GUIDES_H_
#define UPNEXT_GUIDES_GUIDES_H_

#include <span>
#include <string>
#include <string_view>

namespace upnext::guides {

struct Guide {
  std::string_view name, title, text;  // name: "http_api" for docs/guides/http_api.md
};
std::span<const Guide> All();              // by name
const Guide* Find(std::string_view name);  // null: there is none

// The first paragraph below the title, on one line.
std::string SummaryOf(const Guide& guide);
// What upnext is and where its guides are, in the form that llmstxt.org describes; links are
// `base`NAME.md.
std::string LlmsText(std::string_view base);

}  // namespace upnext::guides

#endif  // UPNEXT_GUIDES_GUIDES_H_
