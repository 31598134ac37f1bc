#include "net/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace upnext::net {
namespace {

using testing::HasSubstr;
using testing::Not;

SiteStatus Sample() {
  SiteStatus status;
  status.service.bundle_version = "v000003";
  status.service.log_version = "v000005";
  status.service.take_ups = {.since_ms = 1'777'600'000'000,
                             .done = 2,
                             .failed = 1,
                             .failure = "bundles/v000004: <b>damaged</b>"};
  status.service.events_applied = 1234;
  status.requests = 99;
  status.started_ms = 1'777'500'000'000;
  status.now_ms = 1'777'600'060'000;
  status.steps = {{.name = "train",
                   .schedule = "at 04:00",
                   .last_start_ms = 1'777'599'000'000,
                   .last_end_ms = 1'777'599'012'500,
                   .outcome = "exit code 1",
                   .failures = 3,
                   .next_ms = 1'777'680'000'000,
                   .output = {"title <script>alert(1)</script>", "\"quoted\" & 'so on'"}},
                  {.name = "import", .schedule = "never"}};
  status.memory = {{"process", 9u << 20}, {"states", 7}};
  status.bytes = {{"log", 3u << 20}, {"free", uint64_t{5} << 30}};
  return status;
}

TEST(StatusPage, ShowsVersionsStepsCountsAndSizes) {
  const std::string page = StatusPage(Sample());
  for (const char* part :
       {"bundle <b>v000003</b> with log <b>v000005</b> since 2026-05-01 01:46:40",
        "exit code 1, 3 in a row", "<td>12 s</td>", "not run yet", "1,234", "3.0 MiB", "5.0 GiB",
        "2026-05-02 00:00:00"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }
}

TEST(StatusPage, WhatOthersWroteIsEscapedAndNoScriptRuns) {
  const std::string page = StatusPage(Sample());
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
  EXPECT_THAT(page, HasSubstr("&quot;quoted&quot; &amp; &#39;so on&#39;"));
  EXPECT_THAT(page, HasSubstr("not taken up: bundles/v000004: &lt;b&gt;damaged"));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("http://")));
}

TEST(StatusJson, HasTheSameForPrograms) {
  const nlohmann::json found = nlohmann::json::parse(StatusJson(Sample()));
  EXPECT_EQ(found["bundle_version"], "v000003");
  EXPECT_EQ(found["not_taken_up"], "bundles/v000004: <b>damaged</b>");
  EXPECT_EQ(found["events"], 1234);
  EXPECT_EQ(found["steps"][0]["seconds"], 12.5);
  EXPECT_EQ(found["steps"][0]["failures"], 3);
  EXPECT_EQ(found["steps"][0]["output"][0], "title <script>alert(1)</script>");
  EXPECT_TRUE(found["steps"][1]["last_start"].is_null());
  EXPECT_EQ(found["bytes"]["log"], 3u << 20);
  EXPECT_EQ(found["memory"]["states"], 7);
}

TEST(StepMetrics, CountFailuresInARow) {
  const std::string lines = StepMetrics(Sample().steps);
  EXPECT_THAT(lines, HasSubstr("upnext_step_failures{step=\"train\"} 3\n"));
  EXPECT_THAT(lines, HasSubstr("upnext_step_last_end_seconds{step=\"train\"} 1777599012\n"));
  EXPECT_EQ(StepMetrics({}), "");
  EXPECT_NE(MemoryMetrics(Sample().memory).find("\nupnext_memory_bytes{part=\"states\"} 7\n"),
            std::string::npos);
  EXPECT_EQ(MemoryMetrics({}), "");
}

}  // namespace
}  // namespace upnext::net
