#include "guides/guides.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::guides {

const Guide* Find(std::string_view name) {
  const auto found = std::ranges::find(All(), name, &Guide::name);
  return found == All().end() ? nullptr : &*found;
}

std::string SummaryOf(const Guide& guide) {
  const size_t title_end = std::min(guide.text.find('\n'), guide.text.size());
  const size_t begin = guide.text.find_first_not_of('\n', title_end);
  if (begin == std::string_view::npos) return "";
  const size_t end = std::min(guide.text.find("\n\n", begin), guide.text.size());
  std::string out(guide.text.substr(begin, end - begin));
  std::ranges::replace(out, '\n', ' ');
  return out;
}

std::string LlmsText(std::string_view base) {
  std::string out =
      "# upnext\n\n"
      "> A recommender engine: from event log to ranked feed in one binary. Candidate generation by a "
      "deep softmax model and nearest-neighbour retrieval, then ranking by a multitask model without "
      "position bias.\n\n"
      "The project file is TOML; `upnext VERB --help` describes each verb; /openapi.json of a server "
      "describes its HTTP API for the site's own attributes and event types.\n\n"
      "## Guides\n\n";
  for (const Guide& guide : All()) {
    out += fmt::format("- [{}]({}{}.md): {}\n", guide.title, base, guide.name, SummaryOf(guide));
  }
  return out;
}

}  // namespace upnext::guides
