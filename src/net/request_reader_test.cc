#include "net/request_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace upnext::net {
namespace {

using testing::HasSubstr;

constexpr uint64_t kPlenty = 1 << 30;

// Shows `bytes` to the reader, `step` at a time as a socket would. Returns what is left.
std::string Feed(RequestReader& reader, std::string_view bytes, size_t step) {
  std::string held;
  while (!bytes.empty() && !reader.done() && !reader.refused()) {
    held += bytes.substr(0, step);
    bytes.remove_prefix(std::min(step, bytes.size()));
    held.erase(0, reader.Read(held));
  }
  return held + std::string(bytes);
}

std::string Chunk(std::string_view text, std::string_view extension = "") {
  return fmt::format("{:x}{}\r\n{}\r\n", text.size(), extension, text);
}

std::string Head(std::string_view headers) {
  return fmt::format("POST /v1/events HTTP/1.1\r\nHost: localhost\r\n{}\r\n", headers);
}

std::string Chunked(std::string_view chunks) {
  return Head("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n") +
         std::string(chunks);
}

// Why a request is refused; fails when it is not.
RequestReader::Problem ProblemOf(const std::string& bytes, size_t step = 1000,
                                 const RequestLimits& limits = {}) {
  ByteBudget budget(kPlenty);
  RequestReader reader(limits, budget);
  const std::string left = Feed(reader, bytes, step);
  EXPECT_TRUE(reader.refused()) << bytes.substr(0, 300);
  EXPECT_FALSE(reader.done());
  return reader.refused() ? reader.problem() : RequestReader::Problem{};
}

TEST(RequestReader, ReadsARequestHoweverItsBytesAreSplit) {
  const std::string next = "GET /next";
  for (const std::string& request :
       {Head("Content-Type: application/json\r\nContent-Length: 5\r\n") + "hello",
        Chunked(Chunk("hel") + Chunk("lo") + "0\r\n\r\n"),
        Chunked(Chunk("hello", ";a=b;c=\"d;\"") + "0;last\r\nX-Sum: 7\r\n\r\n")}) {
    for (size_t step = 1; step < 80; ++step) {
      ByteBudget budget(kPlenty);
      RequestReader reader({}, budget);
      const std::string left = Feed(reader, request + next, step);
      ASSERT_TRUE(reader.done()) << step << (reader.refused() ? reader.problem().detail : "");
      EXPECT_EQ(left, next) << "the next request is left for its reader";
      EXPECT_EQ(reader.request().method, "POST");
      EXPECT_EQ(reader.request().target, "/v1/events");
      EXPECT_EQ(reader.request().host, "localhost");
      EXPECT_EQ(reader.request().content_type, "application/json");
      EXPECT_EQ(reader.request().body, "hello");
      EXPECT_EQ(reader.version(), 11u);
      EXPECT_TRUE(reader.keep_alive());
    }
  }
}

TEST(RequestReader, ATraceOfTheCallerIsReadUnlessThereAreTwo) {
  for (const auto& [headers, expected] :
       {std::pair("", ""), std::pair("TraceParent: 00-ab-cd-01\r\n", "00-ab-cd-01"),
        std::pair("traceparent: 00-ab-cd-01\r\ntraceparent: 00-ab-cd-01\r\n", "twice")}) {
    ByteBudget budget(kPlenty);
    RequestReader reader({}, budget);
    Feed(reader, Head(std::string("Content-Length: 0\r\n") + headers), 1000);
    ASSERT_TRUE(reader.done());
    EXPECT_EQ(reader.request().traceparent, expected);
  }
}

// With assertions, as in the presets dev and asan, the parser of Boost.Beast would abort.
TEST(RequestReader, AChunkedBodyWithoutBytesIsReadHoweverItIsSplit) {
  for (const char* end : {"0\r\n\r\n", "0;last\r\nX-Sum: 7\r\n\r\n"}) {
    for (size_t step = 1; step < 8; ++step) {
      ByteBudget budget(kPlenty);
      RequestReader reader({}, budget);
      EXPECT_EQ(Feed(reader, Chunked(end), step), "") << step;
      EXPECT_TRUE(reader.done()) << step;
      EXPECT_EQ(reader.request().body, "");
    }
  }
}

TEST(RequestReader, TrailersChangeNothing) {
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  Feed(reader, Chunked(Chunk("x") + "0\r\nContent-Type: text/plain\r\nHost: other\r\n\r\n"), 1000);
  ASSERT_TRUE(reader.done());
  EXPECT_EQ(reader.request().content_type, "application/json");
  EXPECT_EQ(reader.request().host, "localhost");
}

TEST(RequestReader, ChunkExtensionsAndTrailersHaveALimit) {
  const std::string more(20'000, 'x');
  std::string many, trailers = "0\r\n";
  for (int i = 0; i < 2000; ++i) many += Chunk("y", ";name=" + std::string(20, 'x'));
  for (int i = 0; i < 2000; ++i) trailers += "X-Name: value\r\n";
  for (const std::string& chunks : {"1;" + more, "0;" + more, "0\r\nX: " + more, many, trailers,
                                    "1" + std::string(20'000, ' ')}) {
    const RequestReader::Problem problem = ProblemOf(Chunked(chunks));
    EXPECT_EQ(problem.status, 400u) << chunks.substr(0, 20) << problem.detail;
  }
  EXPECT_EQ(ProblemOf(Chunked("1;" + more)).why, Refusal::kFraming);
  EXPECT_EQ(ProblemOf(Chunked(many)).why, Refusal::kFraming);
}

TEST(RequestReader, AnEndlessExtensionIsNotHeld) {
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  std::string extension = "1;";
  extension.resize(10'000'000, 'x');
  const std::string endless = Chunked(extension);
  EXPECT_GT(Feed(reader, endless, 1000).size(), endless.size() - 20'000);
  EXPECT_TRUE(reader.refused());

  RequestReader after(RequestLimits{}, budget);
  const std::string body = Chunk(std::string(1'000'000, 'x'));
  const std::string later = Chunked(body + "1;" + std::string(6'000'000, 'x'));
  EXPECT_GT(Feed(after, later, 1000).size(), later.size() - body.size() - 20'000)
      << "a large body gives no right to a large extension";
}

TEST(RequestReader, ChunksOfOneByteAreFine) {
  std::string chunks, body;
  for (int i = 0; i < 20'000; ++i) {
    body += static_cast<char>('a' + i % 26);
    chunks += Chunk(body.substr(body.size() - 1));
  }
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  Feed(reader, Chunked(chunks + "0\r\n\r\n"), 777);
  ASSERT_TRUE(reader.done());
  EXPECT_EQ(reader.request().body, body);
}

TEST(RequestReader, HeadersHaveLimitsOfBytesAndNumber) {
  std::string many;
  for (int i = 0; i < 120; ++i) many += "a:\r\n";
  const std::string long_target = "GET /" + std::string(17'000, 'x') + " HTTP/1.1\r\n";
  const std::string half = "X: " + std::string(9'000, 'x') + "\r\n";
  for (const std::string& request :
       {Head(many), Head("X: " + std::string(17'000, 'x')), long_target,
        "GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n" + half + "\r\n",
        Head(half + half), Head("X:" + std::string(17'000, ' '))}) {
    for (const size_t step : {1, 1000, 100'000}) {
      const RequestReader::Problem problem = ProblemOf(request, step);
      EXPECT_EQ(problem.why, Refusal::kHeaders) << problem.detail;
      EXPECT_EQ(problem.status, 431u);
    }
  }
}

TEST(RequestReader, OneBodyHasALimitAndAllTogether) {
  const RequestLimits small{.body_bytes = 10'000};
  EXPECT_EQ(ProblemOf(Head("Content-Length: 10001\r\n"), 1000, small).why, Refusal::kBody)
      << "before the body comes";
  EXPECT_EQ(ProblemOf(Chunked("2711\r\n"), 1000, small).status, 413u);
  const std::string request = Head("Content-Length: 9000\r\n") + std::string(9000, ' ');
  ByteBudget budget(20'000);
  {
    RequestReader first(small, budget), second(small, budget);
    Feed(first, request, 1000);
    EXPECT_TRUE(first.done());
    Feed(second, request, 1000);
    ASSERT_TRUE(second.refused());
    EXPECT_EQ(second.problem().why, Refusal::kBodies);
    EXPECT_EQ(second.problem().status, 503u);
    EXPECT_LE(budget.used(), 20'000u);
  }
  EXPECT_EQ(budget.used(), 0u);
  RequestReader third(small, budget);
  Feed(third, request, 1000);
  EXPECT_TRUE(third.done());
}

TEST(RequestReader, ALengthThatIsOnlyAnnouncedTakesNoRoom) {
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  Feed(reader, Head("Content-Length: 8000000\r\n") + "{", 1000);
  EXPECT_FALSE(reader.done());
  EXPECT_LE(budget.used(), 4096u);
}

TEST(RequestReader, RefusesWhatAProxyMayReadInAnotherWay) {
  const std::string body = "hello", chunks = Chunk(body) + "0\r\n\r\n";
  const std::string start = "POST / HTTP/1.1\r\n", host = "Host: localhost\r\n";
  const std::pair<std::string, unsigned> cases[] = {
      {start + host + host + "\r\n", 400},
      {start + host + "Host: other\r\n\r\n", 400},
      {start + "\r\n", 400},
      {start + "Host:\r\n\r\n", 400},
      {start + "Host: \r\n\r\n", 400},
      {"GET / HTTP/1.0\r\nHost:\r\n\r\n", 400},
      {Head("Transfer-Encoding: chunked\r\n , identity\r\n") + chunks, 400},
      {Head("Transfer-Encoding:\r\n chunked\r\n") + chunks, 400},
      {Head("X: 1\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 5\r\n") + body, 400},
      {Head("X: 1\n Content-Length: 5\r\n") + body, 400},
      {Head("Content-Length: 5\r\nContent-Length: 5\r\n") + body, 400},
      {Head("Content-Length: 5\r\nContent-Length: 6\r\n") + body, 400},
      {Head("Content-Length: 5, 5\r\n") + body, 400},
      {Head("Content-Length: +5\r\n") + body, 400},
      {Head("Content-Length : 5\r\n") + body, 400},
      {Head("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") + chunks, 400},
      {Head("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") + chunks, 400},
      {Head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + chunks, 400},
      {Head("Transfer-Encoding: gzip\r\n") + chunks, 501},
      {Head("Transfer-Encoding: identity\r\n") + chunks, 501},
      {Head("Transfer-Encoding: gzip, chunked\r\n") + chunks, 501},
      {Head("Transfer-Encoding: chunked, gzip\r\n") + chunks, 501},
      {Head("Transfer-Encoding: xchunked\r\n") + chunks, 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400},
      {Head("Content-Type: text/plain\r\nContent-Type: application/json\r\n"), 400},
      {Head("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 5\r\n"), 400},
      {Head("Expect: more\r\nContent-Length: 5\r\n"), 417},
      {Chunked("5\nhello\r\n0\r\n\r\n"), 400},
      {Chunked("-5\r\nhello\r\n0\r\n\r\n"), 400},
      {Chunked("5\r\nhelloX\r\n0\r\n\r\n"), 400},
      {Chunked("ffffffffffffffff1\r\nhello"), 400}};
  for (const auto& [request, status] : cases) {
    const RequestReader::Problem problem = ProblemOf(request);
    EXPECT_EQ(problem.status, status) << request << problem.detail;
    EXPECT_EQ(problem.why, Refusal::kMalformed) << request;
  }
  EXPECT_THAT(ProblemOf(start + host + host + "\r\n").detail, HasSubstr("Host is given twice"));
  for (const size_t step : {1, 7, 1000}) {
    EXPECT_THAT(ProblemOf(Head("Transfer-Encoding:\r\n chunked\r\n") + chunks, step).detail,
                HasSubstr("every header on one line"));
  }
  // Lines of a body may begin with a blank.
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  Feed(reader, Head("Content-Length: 6\r\n") + "{\r\n }\n", 1000);
  EXPECT_TRUE(reader.done());
}

TEST(RequestReader, OldRequestsNeedNoHost) {
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  Feed(reader, "GET /healthz HTTP/1.0\r\n\r\n", 1000);
  ASSERT_TRUE(reader.done());
  EXPECT_EQ(reader.request().host, "");
  EXPECT_FALSE(reader.keep_alive());
}

TEST(RequestReader, TheClientThatWaitsForTheBodyToBeWantedIsSeenOnce) {
  ByteBudget budget(kPlenty);
  RequestReader reader({}, budget);
  Feed(reader, Head("Expect: 100-Continue\r\nContent-Length: 5\r\n"), 1000);
  EXPECT_TRUE(reader.TakeExpectation());
  EXPECT_FALSE(reader.TakeExpectation());
  Feed(reader, "hello", 1000);
  EXPECT_TRUE(reader.done());

  RequestReader other({}, budget);
  Feed(other, Head("Expect: 100-continue\r\nContent-Length: 5\r\n") + "h", 1000);
  EXPECT_FALSE(other.TakeExpectation()) << "the body is on its way";
}

}  // namespace
}  // namespace upnext::net
