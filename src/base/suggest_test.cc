#include "base/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace upnext::base {
namespace {

const std::vector<std::string> kNames = {"user", "item", "time", "value", "learning_rate"};

TEST(Suggest, FindsTheNameMeant) {
  EXPECT_EQ(Nearest("itme", kNames), "item");  // swapped letters count as one edit: not "time"
  EXPECT_EQ(Nearest("usr", kNames), "user");
  EXPECT_EQ(Nearest("learnign_rat", kNames), "learning_rate");
  EXPECT_EQ(Nearest("user", kNames), "user");
}

TEST(Suggest, SuggestsNothingWhenNoNameIsSimilar) {
  EXPECT_EQ(Nearest("quantile", kNames), "");
  EXPECT_EQ(Nearest("xy", std::vector<std::string>{"ab"}), "");
  EXPECT_EQ(Nearest("", kNames), "");
  EXPECT_EQ(Nearest("user", {}), "");
}

TEST(Suggest, PhraseIsReadyToAppend) {
  EXPECT_EQ(DidYouMean("valeu", kNames), "; did you mean 'value'?");
  EXPECT_EQ(DidYouMean("quantile", kNames), "");
}

}  // namespace
}  // namespace upnext::base
