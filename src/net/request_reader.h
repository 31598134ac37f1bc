// Reads one HTTP/1.1 request from bytes as they come, without sockets, in bounded memory.
//
//   RequestReader reader({.body_bytes = 8 << 20}, budget);
//   while (!reader.done() && !reader.refused()) {
//     buffer.consume(reader.Read(buffer.text()));    what is left is shown again, with more behind
//     if (reader.TakeExpectation()) ...              the client waits for "100 Continue"
//   }
//   HttpRequest request = reader.request();
//
// Refuses what exceeds a limit, and what another reader of the same bytes, such as a proxy, may
// understand differently: more than one Host, length or type, an empty Host, headers of several
// lines, a transfer coding other than chunked.
// Trailers are read and left out. One thread at a time; views of request() live as long as this.
#ifndef UPNEXT_NET_REQUEST_READER_H_
#define UPNEXT_NET_REQUEST_READER_H_

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/byte_budget.h"
#include "net/http_message.h"

namespace upnext::net {

struct RequestLimits {
  size_t header_bytes = 16 << 10;  // of request line and headers together
  size_t headers = 100;
  uint64_t body_bytes = 8 << 20;
  // Of chunk extensions and trailers. The frame of a chunk without extension, at most six bytes for
  // each byte of its body, is free.
  size_t framing_bytes = 16 << 10;
};

class RequestReader : private boost::beast::http::basic_parser<true> {
 public:
  struct Problem {
    Refusal why;
    unsigned status;
    std::string detail;
  };
  // `bodies` is what bodies of all requests share.
  RequestReader(const RequestLimits& limits, ByteBudget& bodies);

  // Takes bytes from the front; the rest is to be shown again with what follows it. Not to be
  // called when done() or refused().
  size_t Read(std::string_view bytes);
  bool done() const { return is_done() && !problem_; }
  bool refused() const { return problem_.has_value(); }
  const Problem& problem() const { return *problem_; }
  // True once when the client waits for "100 Continue" before it sends the body.
  bool TakeExpectation();

  HttpRequest request() const;
  using basic_parser::keep_alive;
  unsigned version() const { return version_; }  // 10 or 11

 private:
  using Field = boost::beast::http::field;
  using Text = boost::beast::string_view;
  using ErrorCode = boost::beast::error_code;

  void on_request_impl(boost::beast::http::verb, Text method, Text target, int version,
                       ErrorCode& error) override;
  void on_response_impl(int, Text, int, ErrorCode&) override {}
  void on_field_impl(Field field, Text name, Text value, ErrorCode& error) override;
  // Called by Boost 1.88 and newer; earlier ones give trailers to on_field_impl.
  void on_trailer_field_impl(Field, Text, Text, ErrorCode&) {}
  void on_header_impl(ErrorCode& error) override;
  void on_body_init_impl(const boost::optional<uint64_t>&, ErrorCode&) override {}
  size_t on_body_impl(Text body, ErrorCode& error) override;
  void on_chunk_header_impl(uint64_t, Text, ErrorCode&) override {}
  size_t on_chunk_body_impl(uint64_t, Text body, ErrorCode& error) override;
  void on_finish_impl(ErrorCode&) override {}

  size_t Put(std::string_view bytes);
  // The value of a field that may come once.
  void SetOnce(std::optional<std::string>* to, Text name, Text value, ErrorCode& error);
  void Refuse(Refusal why, unsigned status, std::string detail);
  void RefuseAs(const ErrorCode& error);
  void CheckSizes(size_t left);  // with `left` bytes that were shown and not taken

  const RequestLimits limits_;
  ByteBudget::Share share_;
  std::string method_, target_, accept_encoding_, accept_, traceparent_, body_;
  std::optional<std::string> host_, origin_, authorization_, content_type_, content_encoding_,
      content_length_, transfer_encoding_, expect_;
  size_t fields_ = 0;
  unsigned version_ = 11;
  bool expectation_taken_ = false;
  uint64_t header_taken_ = 0, body_taken_ = 0;  // bytes as sent; of the body with its frames
  std::optional<Problem> problem_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_REQUEST_READER_H_
