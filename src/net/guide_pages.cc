#include "net/guide_pages.h"

#include <string>

#include "guides/guides.h"

namespace upnext::net {

HttpResponse AnswerGuideIndex() {
  return {.content_type = "text/plain; charset=utf-8", .body = guides::LlmsText("/guides/")};
}

Result<HttpResponse> AnswerGuide(std::string_view name) {
  const std::string_view plain = name.ends_with(".md") ? name.substr(0, name.size() - 3) : name;
  if (const guides::Guide* const guide = guides::Find(plain)) {
    return HttpResponse{.content_type = "text/markdown; charset=utf-8",
                        .body = std::string(guide->text)};
  }
  std::string names;
  for (const guides::Guide& one : guides::All()) {
    names.append(names.empty() ? "" : ", ").append(one.name);
  }
  return NotFound("there is no guide '{}': expected one of {}", name, names);
}

}  // namespace upnext::net
