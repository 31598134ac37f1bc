#include "retrieval/site_verb.h"

#include <gtest/gtest.h>

namespace upnext::retrieval {
namespace {

SiteVerb From(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  const SiteVerb verb = SiteVerb::FromConfig(config->Table("site"));
  EXPECT_TRUE(config->Check()) << config->Check().error().message;
  return verb;
}

TEST(SiteVerb, FormsFollowFromTheVerbOrAreGiven) {
  EXPECT_EQ(From(""), (SiteVerb{"watch", "watched", "watching"}));
  EXPECT_EQ(From("[site]\nverb = 'read'"), (SiteVerb{"read", "read", "reading"}));
  EXPECT_EQ(From("[site]\nverb = 'buy'"), (SiteVerb{"buy", "bought", "buying"}));
  EXPECT_EQ(From("[site]\nverb = 'use'"), (SiteVerb{"use", "used", "using"}));
  EXPECT_EQ(From("[site]\nverb = 'listen to'"),
            (SiteVerb{"listen to", "listened to", "listening to"}));
  EXPECT_EQ(From("[site]\nverb = 'get'\nverb_past = 'got'\nverb_present = 'getting'"),
            (SiteVerb{"get", "got", "getting"}));
}

TEST(SiteVerb, AnEmptyVerbIsAMistake) {
  const auto config = base::Config::Parse("[site]\nverb = ''", "upnext.toml");
  SiteVerb::FromConfig(config->Table("site"));
  EXPECT_FALSE(config->Check());
}

}  // namespace
}  // namespace upnext::retrieval
