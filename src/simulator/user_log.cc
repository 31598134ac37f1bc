#include "simulator/user_log.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/clock.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

using schema::EventType;

constexpr int64_t kHourMs = 3'600'000;
constexpr size_t kSeriesKept = 8, kChannelsKept = 8;
constexpr int kMaxSessionsPerDay = 12;

// Path elements other than numbers of items, pages and sessions, which are below 2^32.
enum Place : uint64_t { kBegin = uint64_t{1} << 32, kPolicy, kNextSlate, kSearching, kWanting };
// The random numbers of an item at a visit.
enum Draw : uint64_t {
  kExamined,
  kClicked,
  kLookTime,
  kDismissed,
  kBounced,
  kLength,
  kLiked,
  kShared,
  kAsked,
  kStars,
  kStarsAngle,
  kWantsNext
};

// Moves `value` to the end of a short list of distinct values, dropping the oldest beyond `limit`.
void KeepLatest(std::vector<uint32_t>& list, uint32_t value, size_t limit) {
  std::erase(list, value);
  list.push_back(value);
  if (list.size() > limit) list.erase(list.begin());
}

struct PlannedSession {
  double utc_hour, local_hour;
};

// Plans the sessions of one UTC day. Their start times do not depend on earlier events.
std::vector<PlannedSession> Plan(const SessionOptions& options, const User& user, int day,
                                 Key key) {
  base::Rng rng = key.Rng();
  const double rate = user.sessions_per_day * (day % 7 >= 5 ? options.weekend : 1.0);
  const int sessions = std::min(Poisson(rng, std::min(rate, 20.0)), kMaxSessionsPerDay);
  std::vector<PlannedSession> plan(static_cast<size_t>(sessions));
  for (PlannedSession& session : plan) {
    session.local_hour = DrawHour(options, rng);
    const double utc = session.local_hour - kRegionTable[user.region].utc_offset_hours;
    session.utc_hour = utc < 0 ? utc + 24 : utc >= 24 ? utc - 24 : utc;
  }
  std::ranges::sort(plan, {}, &PlannedSession::utc_hour);
  return plan;
}

}  // namespace

Status UserSimulator::RunDays(uint32_t user, int from, int to, Recommender& recommender,
                              UserMemory& memory, UserRows& out) {
  user_ = world_.user(user);
  recommender_ = &recommender;
  memory_ = &memory;
  out_ = &out;
  for (int day = from; day < to; ++day) UPNEXT_RETURN_IF_ERROR(RunDay(day));
  return Ok();
}

Status UserSimulator::RunDay(int day) {
  untold_.clear();
  const Key key = Key(world_.options().seed)
                      .Of(static_cast<uint64_t>(Purpose::kUserLog))
                      .Of(options_.stream)
                      .Of(user_.id)
                      .Of(static_cast<uint64_t>(day));
  const int64_t midnight_ms = world_.options().start_ms() + day * base::kDayMs;
  uint64_t number = 0;
  for (const PlannedSession& session : Plan(world_.options().sessions, user_, day, key)) {
    const auto offset = static_cast<int64_t>(session.utc_hour * static_cast<double>(kHourMs));
    UPNEXT_RETURN_IF_ERROR(Session(key.Of(number++), midnight_ms + offset, session.local_hour));
    UPNEXT_RETURN_IF_ERROR(Tell());
  }
  return Ok();
}

Status UserSimulator::Session(Key session, int64_t start_ms, double local_hour) {
  // A session starts after the one before it has ended.
  memory_->clock_ms = std::max(memory_->clock_ms + 60'000, start_ms);
  if (Over()) return Ok();
  base::Rng rng = session.Of(kBegin).Rng();
  device_ = DrawDevice(world_.options().audience, user_, local_hour, rng);
  const SessionOptions& s = world_.options().sessions;
  double x = rng.Uniform();
  if ((x -= s.search_share) < 0) return Search(session);
  if ((x -= s.off_site_share) < 0) {
    OffSite(session);
    return Ok();
  }
  if ((x -= s.continue_share) < 0 && Continue(session)) return Ok();
  return Home(session);
}

Status UserSimulator::Home(Key session) {
  std::vector<Click> clicks;
  for (uint64_t page = 0; !Over(); ++page) {
    const Key visit = session.Of(page);
    UPNEXT_RETURN_IF_ERROR(Slate(visit, kNoItem, clicks));
    for (const Click& click : clicks) {
      if (Over()) return Ok();
      UPNEXT_RETURN_IF_ERROR(WatchAndNext(click, world_.options().sessions.max_chain));
    }
    if (visit.Uniform(kWantsNext) >= world_.options().sessions.more_pages) break;
  }
  return Ok();
}

LogRow UserSimulator::Impression(const World::Visitor& visitor, const ShownItem& shown,
                                 const Context& context) const {
  LogRow row = Row(EventType::kImpression, shown.item);
  row.current_item = context.current_item;
  row.request = memory_->requests;
  row.position = static_cast<uint16_t>(context.position);
  row.source = shown.source;
  row.propensity = shown.propensity;
  row.source_score = shown.source_score;
  row.click_probability = world_.ClickProbability(visitor, shown.item, context);
  if (options_.truth) {
    row.examination =
        static_cast<float>(world_.ExaminationProbability(context.position, context.device));
    row.expected_watch_s =
        static_cast<float>(world_.ExpectedWatchSeconds(visitor, shown.item, context));
    row.satisfaction = static_cast<float>(world_.Satisfaction(visitor, shown.item, context));
  }
  return row;
}

Status UserSimulator::Slate(Key visit, uint32_t current_item, std::vector<Click>& clicks) {
  clicks.clear();
  UPNEXT_RETURN_IF_ERROR(Tell());
  const SlateRequest request{.user = user_,
                             .memory = *memory_,
                             .time_ms = memory_->clock_ms,
                             .device = device_,
                             .size = world_.options().sessions.slate_size,
                             .current_item = current_item,
                             .number = memory_->requests + 1};
  base::Rng rng = visit.Of(kPolicy).Rng();
  slate_.clear();
  UPNEXT_RETURN_IF_ERROR(recommender_->Recommend(request, rng, slate_));
  UPNEXT_RETURN_IF_ERROR(CheckSlate(request));
  ++memory_->requests;
  const World::Visitor visitor = world_.VisitorAt(user_, request.time_ms);
  reactions_.clear();
  int64_t look_ms = memory_->clock_ms;
  for (uint16_t p = 1; p <= slate_.size(); ++p) {
    const ShownItem& shown = slate_[p - 1];
    const Key key = visit.Of(shown.item);
    Context context = request.ContextOf(shown.item);
    context.position = p;
    LogRow row = Impression(visitor, shown, context);
    row.examined = key.Uniform(kExamined) < world_.ExaminationProbability(p, device_);
    Push(row);
    if (!row.examined) continue;
    look_ms += 1000 + static_cast<int64_t>(key.Uniform(kLookTime) * 1500);
    row.time_ms = look_ms;
    row.propensity = 0;
    row.source_score = schema::kAbsent;
    if (key.Uniform(kClicked) < row.click_probability) {
      row.type = EventType::kClick;
      reactions_.push_back(row);
      clicks.push_back({.item = shown.item,
                        .key = key,
                        .request = request.number,
                        .position = p,
                        .source = shown.source,
                        .current_item = current_item,
                        .context = context});
    } else if (const double content = world_.Satisfaction(visitor, shown.item, context);
               key.Uniform(kDismissed) < world_.options().response.dismiss_rate * (1 - content)) {
      row.type = EventType::kDismiss;
      reactions_.push_back(row);
    }
  }
  for (const LogRow& row : reactions_) Push(row);
  memory_->clock_ms = look_ms + 1000;
  return Ok();
}

Status UserSimulator::CheckSlate(const SlateRequest& request) const {
  if (slate_.size() > request.size) {
    return InvalidArgument("a recommender gave {} items where at most {} were asked for",
                           slate_.size(), request.size);
  }
  for (size_t i = 0; i < slate_.size(); ++i) {
    const ShownItem& shown = slate_[i];
    if (shown.item >= world_.catalogue().size() ||
        world_.catalogue().item(shown.item).created_ms > request.time_ms) {
      return InvalidArgument(
          "a recommender gave item {} at position {}, which does not exist at the time of the "
          "request",
          shown.item, i + 1);
    }
    if (!(shown.propensity >= 0 && shown.propensity <= 1)) {
      return InvalidArgument("a recommender gave item {} with propensity {}: expected 0 to 1",
                             shown.item, shown.propensity);
    }
    for (size_t j = 0; j < i; ++j) {
      if (slate_[j].item != shown.item) continue;
      return InvalidArgument("a recommender gave item {} twice, at positions {} and {}", shown.item,
                             j + 1, i + 1);
    }
  }
  return Ok();
}

Status UserSimulator::WatchAndNext(const Click& click, int depth) {
  Watch(click, /*off_site=*/false);
  if (depth == 0 || Over() ||
      click.key.Uniform(kWantsNext) >= world_.options().sessions.watch_next) {
    return Ok();
  }
  std::vector<Click> next;
  UPNEXT_RETURN_IF_ERROR(Slate(click.key.Of(kNextSlate), click.item, next));
  // Only the last tab is followed, so a session is a chain and not a tree.
  for (size_t i = 0; i < next.size() && !Over(); ++i) {
    if (i + 1 < next.size()) {
      Watch(next[i], /*off_site=*/false);
    } else {
      UPNEXT_RETURN_IF_ERROR(WatchAndNext(next[i], depth - 1));
    }
  }
  return Ok();
}

void UserSimulator::Watch(const Click& click, bool off_site) {
  LogRow row = Row(EventType::kWatch, click.item);
  row.request = click.request;
  row.position = click.position;
  row.source = click.source;
  row.current_item = click.current_item;
  row.off_site = off_site;
  const double seconds = world_.WatchSeconds(
      user_, click.item, click.context, click.key.Uniform(kBounced), click.key.Uniform(kLength));
  row.value = static_cast<float>(seconds);
  Push(row);
  memory_->clock_ms += static_cast<int64_t>(seconds * 1000) + 1000;
  if (!off_site) Feedback(click);
  Remember(click.item, seconds);
}

void UserSimulator::Feedback(const Click& click) {
  const ResponseOptions& r = world_.options().response;
  const double s = world_.Satisfaction(user_, click.item, click.context);
  const auto react = [&](EventType type, float value) {
    LogRow row = Row(type, click.item);
    row.request = click.request;
    row.position = click.position;
    row.source = click.source;
    row.current_item = click.current_item;
    row.value = value;
    Push(row);
    memory_->clock_ms += 500;
  };
  const Key& key = click.key;
  const double x = key.Uniform(kLiked);
  if (x < r.like_rate * s * s) {
    react(EventType::kLike, schema::kAbsent);
  } else if (x > 1 - r.dislike_rate * (1 - s) * (1 - s)) {
    react(EventType::kDislike, schema::kAbsent);
  }
  if (key.Uniform(kShared) < r.share_rate * s * s) react(EventType::kShare, schema::kAbsent);
  if (key.Uniform(kAsked) < r.survey_rate) {
    const double noise = std::sqrt(-2 * std::log(1 - key.Uniform(kStars))) *
                         std::cos(2 * std::numbers::pi * key.Uniform(kStarsAngle));
    const double stars = std::round(1 + 4 * s + user_.leniency + 0.6 * noise);
    react(EventType::kRating, static_cast<float>(std::clamp(stars, 1.0, 5.0)));
  }
}

void UserSimulator::Remember(uint32_t item_id, double watched_s) {
  const Item& item = world_.catalogue().item(item_id);
  memory_->watched.insert(item_id);
  KeepLatest(memory_->channels, item.channel, kChannelsKept);
  if (watched_s < world_.options().sessions.followed * static_cast<double>(item.duration_s)) return;
  std::erase(memory_->expected, item_id);
  if (item.next != kNoItem) KeepLatest(memory_->expected, item.next, kSeriesKept);
}

// The context of a watch outside of slates, started by the user.
Context UserSimulator::ContextOf(uint32_t item) const {
  return SlateRequest{
      .user = user_, .memory = *memory_, .time_ms = memory_->clock_ms, .device = device_}
      .ContextOf(item);
}

uint32_t UserSimulator::ExistingItems() const {
  const Popularity& popularity = world_.popularity();
  return popularity.CountAt(popularity.SliceAt(memory_->clock_ms));
}

uint32_t UserSimulator::DrawWanted(double any_topic_share, base::Rng& rng) const {
  const Popularity& popularity = world_.popularity();
  const SessionOptions& s = world_.options().sessions;
  const size_t slice = popularity.SliceAt(memory_->clock_ms);
  const std::array<double, kMaxInterests> weight = user_.InterestsAt(memory_->clock_ms);
  uint32_t item = kNoItem;
  for (int attempt = 0; attempt < s.wanted_tries; ++attempt) {
    uint32_t topic = user_.topic[PickWeighted<double>(rng, weight)];
    if (rng.Uniform() < any_topic_share)
      topic = static_cast<uint32_t>(rng.Below(world_.options().catalogue.topics));
    const bool second =
        user_.second_language != kNoLanguage && rng.Uniform() < s.wanted_second_language;
    const uint8_t language = second ? user_.second_language : user_.language;
    const uint32_t drawn = popularity.Draw(popularity.TopicRange(language, topic), slice, rng);
    if (drawn == kNoItem) continue;
    item = drawn;
    if (rng.Uniform() < s.wanted_pull * world_.ClickProbability(user_, item, ContextOf(item)))
      break;
  }
  return item;
}

Status UserSimulator::Search(Key session) {
  const Catalogue& catalogue = world_.catalogue();
  const SessionOptions& s = world_.options().sessions;
  base::Rng rng = session.Of(kSearching).Rng();
  const int searches = 1 + (rng.Uniform() < s.search_again ? 1 : 0);
  for (int n = 0; n < searches && !Over(); ++n) {
    uint32_t target = kNoItem;
    if (!memory_->expected.empty() && memory_->expected.back() < ExistingItems() &&
        rng.Uniform() < s.search_episode) {
      target = memory_->expected.back();
    }
    const bool episode = target != kNoItem;
    if (!episode) target = DrawWanted(s.search_any_topic, rng);
    if (target == kNoItem) return Ok();
    const Item& item = catalogue.item(target);
    const auto variant = static_cast<uint32_t>(rng.Below(1u << 16));
    LogRow row = Row(EventType::kSearch, kNoItem);
    row.query = static_cast<uint32_t>(untold_.queries.size());
    untold_.queries.push_back(
        episode ? EpisodeQuery(item.topic, item.subject, item.title_variant, item.episode)
        : rng.Uniform() < s.search_channel ? ChannelQuery(catalogue.channels()[item.channel].name())
                                           : SubjectQuery(item.topic, item.subject, variant));
    Push(row);
    memory_->clock_ms += 3000 + static_cast<int64_t>(rng.Uniform() * 10'000);
    if (Over() || rng.Uniform() < s.search_in_vain) continue;  // found nothing
    UPNEXT_RETURN_IF_ERROR(
        WatchAndNext({.item = target,
                      .key = session.Of(kSearching).Of(static_cast<uint64_t>(n)).Of(target),
                      .source = Source::kSearch,
                      .context = ContextOf(target)},
                     s.max_chain));
  }
  return Ok();
}

void UserSimulator::OffSite(Key session) {
  base::Rng rng = session.Of(kWanting).Rng();
  const uint32_t item = DrawWanted(world_.options().sessions.off_site_any_topic, rng);
  if (item == kNoItem) return;
  Watch({.item = item, .key = session.Of(item), .context = ContextOf(item)}, /*off_site=*/true);
}

bool UserSimulator::Continue(Key session) {
  const SessionOptions& s = world_.options().sessions;
  const uint32_t existing = ExistingItems();
  base::Rng rng = session.Of(kWanting).Rng();
  bool any = false;
  // Up to the available number of episodes, with falling probability.
  for (int n = 0; n < s.continue_most && !Over(); ++n) {
    const std::vector<uint32_t>& expected = memory_->expected;
    if (expected.empty() || expected.back() >= existing || (any && rng.Uniform() < s.continue_stop))
      break;
    const uint32_t item = expected.back();
    Watch({.item = item,
           .key = session.Of(kWanting).Of(item),
           .source = Source::kChannel,
           .context = ContextOf(item)},
          /*off_site=*/false);
    any = true;
    if (!expected.empty() && expected.back() == item) break;  // abandoned
  }
  return any;
}

Status UserSimulator::Tell() {
  if (untold_.rows.empty()) return Ok();
  UPNEXT_RETURN_IF_ERROR(recommender_->Observe(untold_));
  const auto queries = static_cast<uint32_t>(out_->queries.size());
  for (LogRow& row : untold_.rows) {
    if (row.query != kNoQuery) row.query += queries;
  }
  out_->rows.insert(out_->rows.end(), untold_.rows.begin(), untold_.rows.end());
  out_->queries.insert(out_->queries.end(), untold_.queries.begin(), untold_.queries.end());
  untold_.clear();
  return Ok();
}

LogRow UserSimulator::Row(EventType type, uint32_t item) const {
  LogRow row;
  row.time_ms = memory_->clock_ms;
  row.user = user_.id;
  row.item = item;
  row.type = type;
  row.device = device_;
  row.region = user_.region;
  return row;
}

void UserSimulator::Push(const LogRow& row) {
  if (row.time_ms < world_.options().end_ms()) untold_.rows.push_back(row);
}

}  // namespace upnext::simulator
