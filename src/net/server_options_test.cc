#include "net/server_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::net {
namespace {

Result<ServerOptions> Parsed(const std::string& lines) {
  UPNEXT_ASSIGN_OR_RETURN(const base::Config config, base::Config::Parse(lines, "p.toml"));
  ServerOptions options = ServerOptions::FromConfig(config);
  UPNEXT_RETURN_IF_ERROR(config.Check());
  return options;
}

TEST(ServerOptions, ComeFromTheProjectFile) {
  const auto options = Parsed(
      "[server]\nhosts = ['a.example', 'b.example']\nallow_origins = ['https://a.example']\nmax_connections = 7\nmax_body_mib = 2\n"
      "max_bodies_mib = 5\ntimeout = 9\nstop_delay = 0\nmax_clock_ahead = 60\n"
      "request_log = 'requests.log'\nrequest_log_mib = 3\notlp = 'http://127.0.0.1:4318'\notlp_share = 0.5\n");
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_THAT(options->hosts, testing::ElementsAre("a.example", "b.example"));
  EXPECT_THAT(options->allow_origins, testing::ElementsAre("https://a.example"));
  EXPECT_EQ(options->max_connections, 7u);
  EXPECT_EQ(options->max_body_bytes, 2u << 20);
  EXPECT_EQ(options->max_bodies_bytes, 5u << 20);
  EXPECT_EQ(options->timeout_s, 9);
  EXPECT_EQ(options->stop_delay_s, 0);
  EXPECT_EQ(options->max_clock_ahead_s, 60);
  EXPECT_EQ(options->request_log, "requests.log");
  EXPECT_EQ(options->request_log_bytes, 3u << 20);
  EXPECT_EQ(options->otlp, "http://127.0.0.1:4318");
  EXPECT_EQ(options->otlp_share, 0.5);
  EXPECT_EQ(Parsed("")->max_connections, ServerOptions().max_connections);
}

TEST(ServerOptions, MistakesNameTheirLine) {
  const auto why = [](const std::string& lines) {
    return Parsed("[server]\n" + lines).error().message;
  };
  EXPECT_THAT(why("max_connections = 0"), testing::StartsWith("p.toml:2"));
  EXPECT_THAT(why("max_body_mib = 9\nmax_bodies_mib = 8"), testing::HasSubstr("room for one body"));
  EXPECT_THAT(why("allow_origins = ['https://a.example/']"),
              testing::AllOf(testing::HasSubstr("expected what browsers send as Origin"),
                             testing::HasSubstr("found 'https://a.example/'")));
  EXPECT_THAT(why("memory = \"2GB\""), testing::HasSubstr("such as 512MiB"));
  EXPECT_EQ(Parsed("[server]\nmemory = \"2GiB\"\n")->memory_bytes, uint64_t{2} << 30);
  EXPECT_THAT(why("stop_dela = 1"), testing::HasSubstr("stop_delay"));
}

}  // namespace
}  // namespace upnext::net
