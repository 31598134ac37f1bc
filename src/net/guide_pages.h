// The guides as Markdown over HTTP: /llms.txt, their index for assistants, and /guides/NAME.md.
#ifndef UPNEXT_NET_GUIDE_PAGES_H_
#define UPNEXT_NET_GUIDE_PAGES_H_

#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

namespace upnext::net {

HttpResponse AnswerGuideIndex();
// `name` with or without .md; kNotFound names those that there are.
Result<HttpResponse> AnswerGuide(std::string_view name);

}  // namespace upnext::net

#endif  // UPNEXT_NET_GUIDE_PAGES_H_
