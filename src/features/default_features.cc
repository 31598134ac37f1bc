#include "features/default_features.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

#include "features/feature_expression.h"
#include "features/low_rating.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

// NAME = EXPRESSION # help

constexpr std::string_view kRetrieval = R"(
watches     = history(interest, item, 50)                # the user's history, oldest first
searches    = tokens(sorted(history(search, query, 50))) # words and word pairs of the newest searches, in no order
region      = request.region else user.region            # of the request, else of the user
device      = request.device                             # of the request
age         = plain(limit(user.age, 100))                # of the user, as a share of 100 years
gender      = plain(limit(user.gender, 1))               # of the user, 0 to 1
logged_in   = plain(limit(user.logged_in, 1))            # 0 or 1
example_age = hats(example_age, 32)                      # share of the training window from the example to its end; 0 when serving
)";

constexpr std::string_view kContent = R"(
item_channel  = item.channel               # of the item
item_topics   = item.topics                # of the item
item_language = item.language              # of the item
item_title    = tokens(item.title, 50000)  # words and word pairs of the title
)";

constexpr std::string_view kRanking = R"(
watched_items     = history(interest, item, 50)                     # the user's history
last_watched      = last(interest, item)                            # the newest item of the history
liked_items       = history(like unless dislike or dismiss, item, 50) # the newest likes
current_item      = request.current_item                            # the item being watched
query_tokens      = tokens(history(search, query, 50))              # words and word pairs of the newest searches
last_query_tokens = tokens(last(search, query))                     # words and word pairs of the newest search
watched_channels  = history(interest, item.channel, 50)             # channels of the history
region            = request.region else user.region                 # of the request, else of the user
device            = request.device                                  # of the request
user_language     = user.language                                   # of the user
age               = limit(user.age, 100)                            # of the user, years
gender            = limit(user.gender, 1)                           # of the user, 0 to 1
logged_in         = limit(user.logged_in, 1)                        # 0 or 1
hour_of_day       = hour(request.time)                              # of the request, UTC, 0 to 24
watches           = count(watch or positive)                        # watches of the user so far
searches          = count(search)                                   # searches of the user so far
click_rate        = rate(click, impression, 10)                     # clicks per impression of the user, smoothed
complete_rate     = rate(positive, watch or positive, 10)           # complete watches per watch of the user, smoothed
like_rate         = rate(like, impression or watch or positive, 10) # likes per item met by the user, smoothed
mean_watch_s      = mean(watch.value, 10)                           # seconds per watch of the user, smoothed
user_mean_watch_share = mean(watch.share, 10, 0.5)                  # share of the duration that the user watches on average, smoothed
since_last_event_s = since(any)                                     # seconds since the user's newest event

item              = item                                            # the candidate
channel           = item.channel                                    # of the candidate
language          = item.language                                   # of the candidate
topics            = item.topics                                     # of the candidate
source            = request.source                                  # the generator that proposed the candidate
item_age_days     = age(item.created)                               # days since the candidate was created
duration_s        = item.duration                                   # of the candidate, seconds
channel_watches   = count(watch or positive, item.channel)          # watches of this channel by the user
channel_complete_rate = rate(positive, watch or positive, item.channel, 3) # complete watches per watch of this channel by the user, smoothed
since_channel_watch_s = since(watch or positive, item.channel)      # seconds since the user last watched this channel
channel_mean_watch_s = mean(watch.value, item.channel)              # seconds per watch of this channel by the user
topic_watches     = count(watch or positive, item.topics)           # watches of these topics by the user
since_topic_watch_s = since(watch or positive, item.topics)         # seconds since the user last watched one of these topics
topic_mean_watch_s = mean(watch.value, item.topics)                 # seconds per watch of these topics by the user
item_impressions  = count(impression after watch or positive, item) # times shown to the user since the user last watched it
since_item_impression_s = since(impression, item)                   # seconds since it was last shown to the user
item_watches      = count(watch or positive, item)                  # times the user watched it
since_item_watch_s = since(watch or positive, item)                 # seconds since the user last watched it
item_popularity   = everybody(count(impression or watch or positive, item)) # impressions of the item before today, or its watches if they are more
item_click_rate   = everybody(rate(click, impression, item, 20))    # clicks per impression of the item before today, smoothed
item_complete_rate = everybody(rate(positive, watch or positive, item, 20)) # complete watches per watch of the item before today, smoothed
item_like_rate    = everybody(rate(like, impression or watch or positive, item, 20)) # likes per impression of the item before today, smoothed
item_mean_watch_s = everybody(mean(watch.value, item, 20))          # seconds per watch of the item before today, smoothed
language_match    = match(user.language, item.language)             # 1 when user and candidate share a language
)";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

std::vector<Declaration> Read(std::string_view lines) {
  std::vector<Declaration> features;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(line.size() + 1);
    const size_t equals = line.find('='), hash = line.find('#');
    if (equals == std::string_view::npos || hash == std::string_view::npos) continue;
    features.push_back({std::string(Trimmed(line.substr(0, equals))),
                        std::string(Trimmed(line.substr(equals + 1, hash - equals - 1))),
                        std::string(Trimmed(line.substr(hash + 1)))});
  }
  return features;
}

// The same of a user, and of an item by everybody's events before today.
void AddOfUserAndItem(const std::string& name, std::string_view of_user, std::string_view of_item,
                      std::string_view help, std::vector<Declaration>* features) {
  features->push_back(
      {"user_" + name, std::string(of_user), fmt::format("{} of the user, smoothed", help)});
  features->push_back({"item_" + name, fmt::format("everybody({})", of_item),
                       fmt::format("{} of the item before today, smoothed", help)});
}

// The types against an item, as an expression has them.
std::string EventsAgainst(const schema::Schema& schema) {
  const schema::EventTypeSet against = TypesAgainst(schema);
  std::vector<std::string_view> names;
  for (size_t number = 1; number <= schema.event_types().size(); ++number) {
    const auto type = static_cast<schema::EventType>(number);
    if (against.Has(type) && names.size() < kMaxTerms) names.push_back(schema.info(type).name);
  }
  return fmt::format("{}", fmt::join(names, " or "));
}

}  // namespace

std::vector<Declaration> LabelFeatures(std::span<const std::string> labels,
                                       const schema::Schema& schema) {
  constexpr std::string_view kMet = "impression or watch or positive";
  std::vector<Declaration> features;
  std::vector<std::string> done = {"click", "complete", "like"};  // the default features have them
  for (const std::string& label : labels) {
    if (std::ranges::find(done, label) != done.end()) continue;
    done.push_back(label);
    if (label == "rating") {
      AddOfUserAndItem("mean_rating", "mean(rating.value, 5)", "mean(rating.value, item, 5)",
                       "mean rating", &features);
    } else if (label == "completion") {
      features.push_back({"item_mean_watch_share", "everybody(mean(watch.share, item, 20, 0.5))",
                          "mean share of the item that is watched, before today, smoothed"});
    } else if (label == "unwanted" || schema.FindEventType(label)) {
      const std::string events = label == "unwanted" ? EventsAgainst(schema) : label;
      AddOfUserAndItem(label + "_rate", fmt::format("rate({}, {}, 10)", events, kMet),
                       fmt::format("rate({}, {}, item, 20)", events, kMet), label + " rate",
                       &features);
    }
  }
  return features;
}

const std::vector<Declaration>& DefaultFeatures(Model model) {
  static const std::vector<Declaration> retrieval = Read(kRetrieval), ranking = Read(kRanking);
  return model == Model::kRetrieval ? retrieval : ranking;
}

const std::vector<Declaration>& ContentFeatures() {
  static const std::vector<Declaration> content = Read(kContent);
  return content;
}

}  // namespace upnext::features
