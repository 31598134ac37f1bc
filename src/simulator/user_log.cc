#include "simulator/user_log.h"

#include <algorithm>
#include <cmath>

#include "simulator/draws.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

using events::EventType;

constexpr int64_t kHourMs = 3'600'000, kDayMs = 86'400'000;
constexpr size_t kSeriesKept = 8, kChannelsKept = 8;
constexpr int kMaxChain = 6;  // watch-next slates in a row
constexpr int kMaxSessionsPerDay = 12;
constexpr double kFollowed = 0.4;  // watched share of an episode after which the next is expected
constexpr double kWeekend = 1.25;  // activity on days 6 and 7 of the window's weeks

// Moves `value` to the end of a short list of distinct values, dropping the oldest beyond `limit`.
void KeepLatest(std::vector<uint32_t>& list, uint32_t value, size_t limit) {
  std::erase(list, value);
  list.push_back(value);
  if (list.size() > limit) list.erase(list.begin());
}

}  // namespace

UserSimulator::UserSimulator(const World& world, const LoggingPolicy& policy)
    : world_(world), policy_(policy), watched_in_(world.catalogue().size(), 0), rng_(0) {}

void UserSimulator::Run(uint32_t user, UserRows& out) {
  const WorldOptions& options = world_.options();
  user_ = world_.user(user);
  rng_ = StreamRng(options.seed, Purpose::kUserLog, user);
  out_ = &out;
  clock_ms_ = options.start_ms();
  requests_ = 0;
  ++run_;
  expected_.clear();
  recent_channels_.clear();
  for (int day = 0; day < options.days; ++day) {
    const double rate = user_.sessions_per_day * (day % 7 >= 5 ? kWeekend : 1.0);
    const int sessions = std::min(Poisson(rng_, std::min(rate, 20.0)), kMaxSessionsPerDay);
    std::vector<double> hours(static_cast<size_t>(sessions));
    for (double& hour : hours) hour = DrawHour(rng_);
    std::sort(hours.begin(), hours.end());
    for (double hour : hours) {
      const double utc = hour - kRegionTable[user_.region].utc_offset_hours;
      Session(options.start_ms() + day * kDayMs +
                  static_cast<int64_t>(utc * static_cast<double>(kHourMs)),
              hour);
    }
  }
}

void UserSimulator::Session(int64_t start_ms, double local_hour) {
  // The local day begins before or ends after the window's; and a session waits for the one before
  // it.
  if (start_ms < world_.options().start_ms()) start_ms += kDayMs;
  clock_ms_ = std::max(clock_ms_ + 60'000, start_ms);
  if (Over()) return;
  device_ = DrawDevice(user_, local_hour, rng_);
  const SessionOptions& s = world_.options().sessions;
  double x = rng_.Uniform();
  if ((x -= s.search_share) < 0) return Search();
  if ((x -= s.off_site_share) < 0) return OffSite();
  if ((x -= s.continue_share) < 0 && Continue()) return;
  Home();
}

void UserSimulator::Home() {
  do {
    for (const Click& click : Slate(kNoItem)) {
      if (Over()) return;
      WatchAndNext(click, kMaxChain);
    }
  } while (!Over() && rng_.Uniform() < world_.options().sessions.more_pages);
}

std::vector<UserSimulator::Click> UserSimulator::Slate(uint32_t seed) {
  const ResponseOptions& response = world_.options().response;
  policy_.Draw(
      {.user = user_, .time_ms = clock_ms_, .seed = seed, .recent_channels = recent_channels_},
      rng_, slate_);
  const uint32_t request = ++requests_;
  std::vector<Click> clicks;
  std::vector<LogRow> reactions;
  int64_t look_ms = clock_ms_;
  for (uint16_t p = 1; p <= slate_.size(); ++p) {
    const ShownItem& shown = slate_[p - 1];
    const Context context = ContextOf(shown.item, seed);
    LogRow row = Row(EventType::kImpression, shown.item);
    row.seed = seed;
    row.request = request;
    row.position = p;
    row.source = shown.source;
    row.click_probability = world_.ClickProbability(user_, shown.item, context);
    // Examination and click are drawn apart, and always both, so that a change in one leaves the
    // other.
    row.examined = rng_.Uniform() < world_.ExaminationProbability(p, device_);
    const bool clicked = rng_.Uniform() < row.click_probability;
    row.propensity = shown.propensity;
    Push(row);
    if (!row.examined) continue;
    look_ms += 1000 + static_cast<int64_t>(rng_.Uniform() * 1500);
    row.time_ms = look_ms;
    row.propensity = 0;
    if (clicked) {
      row.type = EventType::kClick;
      reactions.push_back(row);
      clicks.push_back({shown.item, request, p, shown.source, seed, context});
    } else if (rng_.Uniform() <
               response.dismiss_rate * (1 - world_.Satisfaction(user_, shown.item, context))) {
      row.type = EventType::kDismiss;
      reactions.push_back(row);
    }
  }
  for (const LogRow& row : reactions) Push(row);
  clock_ms_ = look_ms + 1000;
  return clicks;
}

void UserSimulator::WatchAndNext(Click click, int depth) {
  Watch(click, /*off_site=*/false);
  if (depth == 0 || Over() || rng_.Uniform() >= world_.options().sessions.watch_next) return;
  const std::vector<Click> next = Slate(click.item);
  // Only the last tab leads further, so a session stays a chain and not a tree.
  for (size_t i = 0; i < next.size() && !Over(); ++i) {
    if (i + 1 < next.size()) {
      Watch(next[i], /*off_site=*/false);
    } else {
      WatchAndNext(next[i], depth - 1);
    }
  }
}

double UserSimulator::Watch(const Click& click, bool off_site) {
  LogRow row = Row(EventType::kWatch, click.item);
  row.request = click.request;
  row.position = click.position;
  row.source = click.source;
  row.seed = click.seed;
  row.off_site = off_site;
  const double seconds = world_.DrawWatchSeconds(user_, click.item, click.context, rng_);
  row.value = static_cast<float>(seconds);
  Push(row);
  clock_ms_ += static_cast<int64_t>(seconds * 1000) + 1000;
  if (!off_site) Feedback(click);
  Remember(click.item, seconds);
  return seconds;
}

void UserSimulator::Feedback(const Click& click) {
  const ResponseOptions& r = world_.options().response;
  const double s = world_.Satisfaction(user_, click.item, click.context);
  const auto react = [&](EventType type, float value) {
    LogRow row = Row(type, click.item);
    row.request = click.request;
    row.position = click.position;
    row.source = click.source;
    row.seed = click.seed;
    row.value = value;
    Push(row);
    clock_ms_ += 500;
  };
  const double x = rng_.Uniform();
  if (x < r.like_rate * s * s) {
    react(EventType::kLike, events::kAbsent);
  } else if (x > 1 - r.dislike_rate * (1 - s) * (1 - s)) {
    react(EventType::kDislike, events::kAbsent);
  }
  if (rng_.Uniform() < r.share_rate * s * s) react(EventType::kShare, events::kAbsent);
  if (rng_.Uniform() < r.survey_rate) {
    const double stars = std::round(1 + 4 * s + 0.6 * rng_.Normal());
    react(EventType::kRating, static_cast<float>(std::clamp(stars, 1.0, 5.0)));
  }
}

void UserSimulator::Remember(uint32_t item_id, double watched_s) {
  const Item& item = world_.catalogue().item(item_id);
  watched_in_[item_id] = run_;
  KeepLatest(recent_channels_, item.channel, kChannelsKept);
  if (watched_s < kFollowed * static_cast<double>(item.duration_s)) return;
  std::erase(expected_, item_id);
  if (item.next != kNoItem) KeepLatest(expected_, item.next, kSeriesKept);
}

Context UserSimulator::ContextOf(uint32_t item, uint32_t seed) const {
  return {.time_ms = clock_ms_,
          .device = device_,
          .seed = seed,
          .watched_before = watched_in_[item] == run_,
          .next_episode = std::find(expected_.begin(), expected_.end(), item) != expected_.end()};
}

uint32_t UserSimulator::DrawWanted(double any_topic_share) {
  const Popularity& popularity = world_.popularity();
  const size_t slice = popularity.SliceAt(clock_ms_);
  const std::array<double, kMaxInterests> weight = user_.InterestsAt(clock_ms_);
  uint32_t item = kNoItem;
  for (int attempt = 0; attempt < 6; ++attempt) {
    uint32_t topic = user_.topic[PickWeighted<double>(rng_, weight)];
    if (rng_.Uniform() < any_topic_share)
      topic = static_cast<uint32_t>(rng_.Below(world_.options().catalogue.topics));
    const bool second = user_.second_language != kNoLanguage && rng_.Uniform() < 0.25;
    const uint8_t language = second ? user_.second_language : user_.language;
    const uint32_t drawn = popularity.Draw(popularity.TopicRange(language, topic), slice, rng_);
    if (drawn == kNoItem) continue;
    item = drawn;
    if (rng_.Uniform() < 1.5 * world_.ClickProbability(user_, item, ContextOf(item, kNoItem)))
      break;
  }
  return item;
}

void UserSimulator::Search() {
  const Catalogue& catalogue = world_.catalogue();
  const int searches = 1 + (rng_.Uniform() < 0.4 ? 1 : 0);
  for (int n = 0; n < searches && !Over(); ++n) {
    // One search in four is for the next episode of a series begun.
    uint32_t target = kNoItem;
    const uint32_t existing = world_.popularity().CountAt(world_.popularity().SliceAt(clock_ms_));
    if (!expected_.empty() && expected_.back() < existing && rng_.Uniform() < 0.25)
      target = expected_.back();
    const bool episode = target != kNoItem;
    if (!episode) target = DrawWanted(0.05);
    if (target == kNoItem) return;
    const Item& item = catalogue.item(target);
    const auto variant = static_cast<uint32_t>(rng_.Below(1u << 16));
    const std::string query =
        episode ? EpisodeQuery(item.topic, item.subject, item.title_variant, item.episode)
        : rng_.Uniform() < 0.2 ? ChannelQuery(catalogue.channels()[item.channel].name())
                               : SubjectQuery(item.topic, item.subject, variant);
    LogRow row = Row(EventType::kSearch, kNoItem);
    row.query = static_cast<uint32_t>(out_->queries.size());
    out_->queries.push_back(query);
    Push(row);
    clock_ms_ += 3000 + static_cast<int64_t>(rng_.Uniform() * 10'000);
    if (Over() || rng_.Uniform() < 0.15) continue;  // found nothing to their liking
    WatchAndNext({.item = target,
                  .request = 0,
                  .position = 0,
                  .source = Source::kSearch,
                  .seed = kNoItem,
                  .context = ContextOf(target, kNoItem)},
                 kMaxChain);
  }
}

void UserSimulator::OffSite() {
  const uint32_t item = DrawWanted(0.1);
  if (item == kNoItem) return;
  Watch({.item = item,
         .request = 0,
         .position = 0,
         .source = Source::kNone,
         .seed = kNoItem,
         .context = ContextOf(item, kNoItem)},
        /*off_site=*/true);
}

bool UserSimulator::Continue() {
  const uint32_t existing = world_.popularity().CountAt(world_.popularity().SliceAt(clock_ms_));
  bool any = false;
  // As many episodes as there are, with less and less appetite.
  for (int n = 0; n < 4 && !Over(); ++n) {
    if (expected_.empty() || expected_.back() >= existing || (any && rng_.Uniform() < 0.4)) break;
    const uint32_t item = expected_.back();
    Watch({.item = item,
           .request = 0,
           .position = 0,
           .source = Source::kChannel,
           .seed = kNoItem,
           .context = ContextOf(item, kNoItem)},
          /*off_site=*/false);
    any = true;
    if (!expected_.empty() && expected_.back() == item) break;  // abandoned: another time
  }
  return any;
}

LogRow UserSimulator::Row(EventType type, uint32_t item) const {
  LogRow row;
  row.time_ms = clock_ms_;
  row.user = user_.id;
  row.item = item;
  row.type = type;
  row.device = device_;
  row.region = user_.region;
  return row;
}

void UserSimulator::Push(const LogRow& row) {
  if (row.time_ms < world_.options().end_ms()) out_->rows.push_back(row);
}

}  // namespace upnext::simulator
