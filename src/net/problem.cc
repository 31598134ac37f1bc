#include "net/problem.h"

namespace upnext::net {

using nlohmann::json;

namespace {

std::string_view TitleOf(unsigned status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 507:
      return "Insufficient Storage";
    default:
      return "Internal Server Error";
  }
}

unsigned StatusOf(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kResourceExhausted:
      return 507;
    case Code::kUnavailable:
    case Code::kAborted:
    case Code::kCancelled:
      return 503;
    default:
      return 500;
  }
}

// A disk is full for longer than a queue is.
int RetryAfterOf(unsigned status) {
  return status == 429 || status == 503 ? 1 : status == 507 ? 10 : 0;
}

}  // namespace

HttpResponse ProblemOf(unsigned status, std::string_view detail) {
  const json body = {
      {"type", "about:blank"}, {"title", TitleOf(status)}, {"status", status}, {"detail", detail}};
  // A message may quote what the client sent; replace what is no UTF-8.
  return {.status = status,
          .content_type = "application/problem+json",
          .body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n",
          .retry_after_s = RetryAfterOf(status)};
}

HttpResponse ProblemOf(const Error& error) {
  return ProblemOf(StatusOf(error.code), error.message);
}

HttpResponse JsonOf(const json& body) {
  return {.body = body.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"};
}

}  // namespace upnext::net
