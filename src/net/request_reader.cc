#include "net/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

namespace upnext::net {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// Bytes that the frame of a chunk takes for each byte of its body, at most: "1\r\n" before it and
// "\r\n" behind it, and one to spare.
constexpr uint64_t kFrameBytes = 6;
constexpr size_t kFirstBodyBytes = 4 << 10;
// What is left of a chunked body has at least the bytes of "0\r\n\r\n". basic_parser asserts that it
// is shown so many when it has seen the first line of these before.
constexpr size_t kLastChunkBytes = 5;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Whether a header goes on in the next line, in a head or the beginning of one. Readers that join
// the lines and readers that do not see different values (RFC 9112, 5.2).
bool HasFoldedLine(std::string_view head) {
  head = head.substr(0, head.find("\r\n\r\n"));
  return head.find("\n ") != std::string_view::npos || head.find("\n\t") != std::string_view::npos;
}

std::string_view ViewOf(beast::string_view text) { return {text.data(), text.size()}; }

std::string_view ViewOf(const std::optional<std::string>& text) {
  return text ? std::string_view(*text) : std::string_view();
}

}  // namespace

RequestReader::RequestReader(const RequestLimits& limits, ByteBudget& bodies)
    : limits_(limits), share_(bodies) {
  header_limit(static_cast<uint32_t>(limits.header_bytes));
  body_limit(limits.body_bytes);
}

size_t RequestReader::Read(std::string_view bytes) {
  size_t used = 0;
  if (!is_header_done()) {
    if (HasFoldedLine(bytes)) {
      Refuse(Refusal::kMalformed, 400,
             "expected every header on one line, found a line that begins with a blank");
      return used;
    }
    used = Put(bytes);
    header_taken_ += used;
    if (!is_header_done() || problem_) {
      CheckSizes(bytes.size() - used);
      return used;
    }
    eager(true);
  }
  if (!is_done() && bytes.size() - used >= (chunked() ? kLastChunkBytes : 1)) {
    const size_t body = Put(bytes.substr(used));
    body_taken_ += body;
    used += body;
  }
  CheckSizes(is_done() ? 0 : bytes.size() - used);
  return used;
}

size_t RequestReader::Put(std::string_view bytes) {
  ErrorCode error;
  const size_t used = put({bytes.data(), bytes.size()}, error);
  if (error && error != http::error::need_more) RefuseAs(error);
  return used;
}

void RequestReader::CheckSizes(size_t left) {
  if (problem_) return;
  if (header_taken_ + (is_header_done() ? 0 : left) > limits_.header_bytes) {
    RefuseAs(http::error::header_limit);
  } else if (is_header_done() &&
             (left > limits_.framing_bytes ||
              body_taken_ + left > limits_.framing_bytes + (kFrameBytes + 1) * body_.size())) {
    Refuse(Refusal::kFraming, 400,
           fmt::format("expected chunk extensions and trailers of at most {} bytes in all",
                       limits_.framing_bytes));
  }
}

bool RequestReader::TakeExpectation() {
  return is_header_done() && !is_done() && expect_ && body_taken_ == 0 &&
         !std::exchange(expectation_taken_, true);
}

HttpRequest RequestReader::request() const {
  return {.method = method_,
          .target = target_,
          .content_type = ViewOf(content_type_),
          .body = body_,
          .host = ViewOf(host_),
          .content_encoding = ViewOf(content_encoding_),
          .accept_encoding = accept_encoding_,
          .accept = accept_,
          .authorization = ViewOf(authorization_),
          .origin = ViewOf(origin_),
          .traceparent = traceparent_};
}

void RequestReader::Refuse(Refusal why, unsigned status, std::string detail) {
  if (!problem_) problem_ = {.why = why, .status = status, .detail = std::move(detail)};
}

void RequestReader::RefuseAs(const ErrorCode& error) {
  if (error == http::error::body_limit) {
    Refuse(Refusal::kBody, 413,
           fmt::format("expected a body of at most {} bytes; send smaller batches",
                       limits_.body_bytes));
  } else if (error == http::error::header_limit) {
    Refuse(Refusal::kHeaders, 431,
           fmt::format("expected a request line and headers of at most {} bytes in all",
                       limits_.header_bytes));
  } else {
    Refuse(Refusal::kMalformed, 400, fmt::format("expected an HTTP request: {}", error.message()));
  }
}

void RequestReader::on_request_impl(http::verb, Text method, Text target, int version, ErrorCode&) {
  method_ = method;
  target_ = target;
  version_ = static_cast<unsigned>(version);
}

void RequestReader::SetOnce(std::optional<std::string>* to, Text name, Text value,
                            ErrorCode& error) {
  if (*to) {
    Refuse(Refusal::kMalformed, 400, fmt::format("header {} is given twice", ViewOf(name)));
    error = http::error::bad_field;
  }
  *to = value;
}

void RequestReader::on_field_impl(Field field, Text name, Text value, ErrorCode& error) {
  if (is_header_done()) return;  // a trailer
  if (++fields_ > limits_.headers) {
    Refuse(Refusal::kHeaders, 431,
           fmt::format("expected at most {} headers, found more", limits_.headers));
    error = http::error::header_limit;
    return;
  }
  switch (field) {
    case Field::host:
      return SetOnce(&host_, name, value, error);
    case Field::content_type:
      return SetOnce(&content_type_, name, value, error);
    case Field::content_encoding:
      return SetOnce(&content_encoding_, name, value, error);
    case Field::accept_encoding:
      accept_encoding_ += fmt::format("{},", ViewOf(value));
      return;
    case Field::accept:
      accept_ += fmt::format("{},", ViewOf(value));
      return;
    case Field::content_length:
      return SetOnce(&content_length_, name, value, error);
    case Field::transfer_encoding:
      return SetOnce(&transfer_encoding_, name, value, error);
    case Field::origin:
      return SetOnce(&origin_, name, value, error);
    case Field::authorization:
      return SetOnce(&authorization_, name, value, error);
    case Field::expect:
      return SetOnce(&expect_, name, value, error);
    default:  // of two, none
      if (beast::iequals(name, "traceparent")) {
        traceparent_ = traceparent_.empty() ? std::string(value) : "twice";
      }
      return;
  }
}

void RequestReader::on_header_impl(ErrorCode& error) {
  if (version_ > 10 && !host_) {
    Refuse(Refusal::kMalformed, 400, "expected a Host header, found none");
  } else if (host_ && host_->empty()) {
    Refuse(Refusal::kMalformed, 400, "expected a name in the Host header, found an empty one");
  } else if (content_length_ && !std::ranges::all_of(*content_length_, IsDigit)) {
    Refuse(Refusal::kMalformed, 400,
           fmt::format("expected one Content-Length, found '{}'", *content_length_));
  } else if (transfer_encoding_ && version_ < 11) {
    Refuse(Refusal::kMalformed, 400, "expected no Transfer-Encoding in a request of HTTP/1.0");
  } else if (transfer_encoding_ && !beast::iequals(*transfer_encoding_, "chunked")) {
    Refuse(Refusal::kMalformed, 501,
           fmt::format("expected Transfer-Encoding: chunked or none, found '{}'",
                       *transfer_encoding_));
  } else if (expect_ && !beast::iequals(*expect_, "100-continue")) {
    Refuse(Refusal::kMalformed, 417,
           fmt::format("expected Expect: 100-continue or none, found '{}'", *expect_));
  }
  if (problem_) error = http::error::bad_field;
}

size_t RequestReader::on_body_impl(Text body, ErrorCode& error) {
  const size_t size = body_.size() + body.size();
  if (size > body_.capacity()) {
    const size_t capacity = std::max({size, 2 * body_.capacity(), kFirstBodyBytes});
    if (!share_.GrowTo(capacity)) {
      Refuse(Refusal::kBodies, 503, "too many bytes of request bodies are in flight; try again");
      error = http::error::body_limit;
      return 0;
    }
    body_.reserve(capacity);
  }
  body_.append(body.data(), body.size());
  return body.size();
}

size_t RequestReader::on_chunk_body_impl(uint64_t, Text body, ErrorCode& error) {
  return on_body_impl(body, error);
}

}  // namespace upnext::net
