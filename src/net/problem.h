// Answers of one JSON value: results, and problem details (RFC 9457) of errors.
//
//   return ProblemOf(415, "expected Content-Type: application/json, found none");
//
// Pure functions.
#ifndef UPNEXT_NET_PROBLEM_H_
#define UPNEXT_NET_PROBLEM_H_

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

namespace upnext::net {

// A message may quote what the client sent: what is no UTF-8 in it is replaced.
HttpResponse ProblemOf(unsigned status, std::string_view detail);
HttpResponse ProblemOf(const Error& error);
HttpResponse JsonOf(const nlohmann::json& body);

}  // namespace upnext::net

#endif  // UPNEXT_NET_PROBLEM_H_
