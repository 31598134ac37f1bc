#include "net/cross_origin.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace upnext::net {
namespace {

bool Has(const std::vector<std::string>& origins, std::string_view origin) {
  return std::ranges::find(origins, origin) != origins.end();
}

}  // namespace

bool IsOriginRule(std::string_view text) {
  if (text == "*") return true;
  const size_t scheme = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  // Browsers send names in lower case and in ASCII.
  return scheme > 0 && text.size() > scheme &&
         std::ranges::all_of(text.substr(scheme), [](unsigned char c) {
           return std::isdigit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == ':' ||
                  c == '[' || c == ']';
         });
}

CrossOrigin::CrossOrigin(std::vector<std::string> origins)
    : origins_(std::move(origins)), any_(Has(origins_, "*")) {}

bool CrossOrigin::Allows(std::string_view origin) const {
  return !origin.empty() && (any_ || Has(origins_, origin));
}

HttpResponse CrossOrigin::Preflight(std::string_view methods) {
  HttpResponse answer = {.status = 204, .content_type = "", .body = ""};
  answer.allow_methods = methods;
  return answer;
}

void CrossOrigin::Mark(const HttpRequest& request, HttpResponse* answer) const {
  if (!enabled()) return;
  answer->varies_by_origin = !any_;
  if (Allows(request.origin)) answer->allow_origin = any_ ? "*" : std::string(request.origin);
}

}  // namespace upnext::net
