#include "serving/engine_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/config.h"
#include "base/status.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

TEST(EngineOptionsTest, ContinuingNeedsAFeedThatShowsWhatWasBegun) {
  const auto mistake = [](std::string serving) {
    const auto config = base::Config::Parse(
        "[generators.continue]\ncandidates = 5\n[serving]\n" + serving, "options");
    EngineOptions::FromConfig(*config);
    const Status checked = config->Check();
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(mistake(""), HasSubstr("set [serving] filter_started = false"));
  EXPECT_EQ(mistake("filter_started = false"), "");
  EXPECT_EQ(mistake("filter_seen = false"), "");
}

}  // namespace
}  // namespace upnext::serving
