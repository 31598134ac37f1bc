// The vocabulary of the world: topics with their subjects, channel names, titles and queries.
//
//   std::string title = MakeTitle({.topic = 0, .subject = 3, .variant = 17, .episode = 2});
//
// Pure functions of their arguments; any thread.
#ifndef UPNEXT_SIMULATOR_WORDS_H_
#define UPNEXT_SIMULATOR_WORDS_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace upnext::simulator {

inline constexpr uint32_t kMaxTopics = 24;
inline constexpr uint32_t kSubjects = 10;  // subjects per topic
inline constexpr uint32_t kLanguages = 5;  // en, de, es, fr, pt
inline constexpr std::array<std::string_view, kLanguages> kLanguageNames = {"en", "de", "es", "fr",
                                                                            "pt"};

struct TopicWords {
  std::string_view name;                             // "baking"
  std::array<std::string_view, kSubjects> subjects;  // "sourdough", "rye bread"
  std::array<std::string_view, 4> makers;            // second word of channel names: "Oven"
};
const TopicWords& Topic(uint32_t topic);  // topic < kMaxTopics

// The name of the n-th channel of a topic, e.g. "Quiet Oven". Unique over topics and n.
std::string ChannelName(uint32_t topic, uint32_t n);

struct TitleParts {
  uint32_t topic = 0, subject = 0, language = 0;
  uint32_t variant = 0;  // any number: selects the wording
  uint32_t episode = 0;  // from 1; 0: not part of a series
  bool clickbait = false;
};
std::string MakeTitle(const TitleParts& parts);

// Queries in lower case: about a subject, for a channel, for an episode of a series.
std::string SubjectQuery(uint32_t topic, uint32_t subject, uint32_t variant);
std::string ChannelQuery(std::string_view channel_name);
std::string EpisodeQuery(uint32_t topic, uint32_t subject, uint32_t variant, uint32_t episode);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_WORDS_H_
