#include "simulator/words.h"

#include <gtest/gtest.h>

#include <set>

namespace upnext::simulator {
namespace {

TEST(Words, ChannelNamesAreUnique) {
  std::set<std::string> names;
  for (uint32_t topic = 0; topic < kMaxTopics; ++topic) {
    for (uint32_t n = 0; n < 500; ++n) names.insert(ChannelName(topic, n));
  }
  EXPECT_EQ(names.size(), size_t{kMaxTopics} * 500);
}

TEST(Words, TitlesContainTheSubject) {
  EXPECT_EQ(MakeTitle({.topic = 0, .subject = 0, .language = 0, .variant = 0}),
            "Sourdough for beginners");
  EXPECT_EQ(MakeTitle({.topic = 0, .subject = 0, .language = 1, .variant = 2, .episode = 3}),
            "Sourdough-Kurs, Teil 3");
  const TitleParts plain{.topic = 5, .subject = 2, .variant = 9};
  TitleParts loud = plain;
  loud.clickbait = true;
  EXPECT_NE(MakeTitle(plain), MakeTitle(loud));
  for (uint32_t topic = 0; topic < kMaxTopics; ++topic) {
    for (uint32_t subject = 0; subject < kSubjects; ++subject) {
      const std::string_view words = Topic(topic).subjects[subject];
      ASSERT_FALSE(words.empty());
      // Without the first letter, which the title may have capitalised.
      const std::string title =
          MakeTitle({.topic = topic, .subject = subject, .variant = topic * 31 + subject});
      EXPECT_NE(title.find(words.substr(1)), std::string::npos) << title;
    }
  }
}

TEST(Words, QueriesCarryTheSubjectTheChannelAndTheEpisode) {
  for (uint32_t variant = 0; variant < 12; ++variant) {
    EXPECT_NE(SubjectQuery(17, 1, variant).find("c++ templates"), std::string::npos);
  }
  EXPECT_EQ(ChannelQuery("Quiet Oven"), "quiet oven");
  EXPECT_EQ(EpisodeQuery(8, 0, 2, 4), "sicilian defence masterclass, part 4");
}

}  // namespace
}  // namespace upnext::simulator
