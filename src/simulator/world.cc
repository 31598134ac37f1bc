#include "simulator/world.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "simulator/draws.h"

namespace upnext::simulator {
namespace {

// At an age of this many burst_days the burst is below the rounding of a double.
constexpr double kBurstIsOver = 40;
// Approximately the standard deviation of Engagement over clicked items.
constexpr double kEngagementSpread = 1.3;

double MeanOfCut(double mean, double cut) { return mean * -std::expm1(-cut / mean); }

}  // namespace

Result<World> World::Create(const WorldOptions& options) {
  UPNEXT_RETURN_IF_ERROR(options.Validate());
  World world;
  world.options_ = options;
  world.catalogue_ = std::make_unique<const Catalogue>(Catalogue::Create(options));
  world.popularity_ =
      std::make_unique<const Popularity>(Popularity::Create(*world.catalogue_, options));
  world.tastes_ = TopicTastes::Of(options);
  return world;
}

double World::ExaminationProbability(uint32_t position, Device device) const {
  const auto d = static_cast<size_t>(device);
  const double floor = options_.examination.floor[d];
  return floor + (1 - floor) *
                     std::exp(-(static_cast<double>(position) - 1) / options_.examination.scale[d]);
}

double World::Trust(uint32_t position) const {
  const ExaminationOptions& e = options_.examination;
  return e.trust * std::exp(-(static_cast<double>(position) - 1) / e.trust_scale);
}

World::Visitor World::VisitorAt(const User& user, int64_t time_ms) const {
  // The root gives minor interests more weight: weights of 1/4 and 1 become 1/2 and 1.
  Visitor visitor{.user = user};
  const std::array<double, kMaxInterests> weight = user.InterestsAt(time_ms);
  for (size_t k = 0; k < static_cast<size_t>(user.interests); ++k) {
    visitor.affinity[user.topic[k]] = std::sqrt(weight[k]);
  }
  return visitor;
}

double World::TopicMatch(const Visitor& visitor, const Item& item) const {
  double match = Catalogue::TopicShare(item, item.topic) * visitor.affinity[item.topic];
  if (item.second_topic != kNoTopic) {
    match += Catalogue::TopicShare(item, item.second_topic) * visitor.affinity[item.second_topic];
  }
  return std::min(match, 1.0);
}

double World::StyleMatch(const User& user, const Item& item) const {
  double dot = 0;
  for (size_t k = 0; k < kStyleDims; ++k) {
    dot += static_cast<double>(user.style[k]) * static_cast<double>(item.style[k]);
  }
  return dot / std::sqrt(static_cast<double>(kStyleDims));
}

double World::ClickProbability(const Visitor& visitor, uint32_t item_id,
                               const Context& context) const {
  const User& user = visitor.user;
  const Item& item = catalogue_->item(item_id);
  const ResponseOptions& r = options_.response;
  const auto device = static_cast<size_t>(context.device);
  double z = r.click_base + r.click_topic * TopicMatch(visitor, item) +
             r.click_style * StyleMatch(user, item) +
             r.click_quality * static_cast<double>(item.quality) +
             r.click_clickbait * static_cast<double>(item.clickbait) +
             r.click_popular * static_cast<double>(item.appeal) +
             r.click_region * tastes_.OfRegion(user.region, item.topic) +
             r.click_length * r.length_leaning[device] * static_cast<double>(item.log_duration);
  const double age_days = static_cast<double>(context.time_ms - item.created_ms) / 86'400'000;
  const double bursts = std::max(age_days, 0.0) / options_.catalogue.burst_days;
  if (bursts < kBurstIsOver) z += r.click_fresh * std::exp(-bursts);
  if (!user.Speaks(item.language)) z += r.click_language;
  if (context.current_item != kNoItem) {
    const Item& current = catalogue_->item(context.current_item);
    if (current.topic == item.topic) z += r.click_current_topic;
    if (current.channel == item.channel) z += r.click_current_channel;
  }
  if (context.next_episode) {
    z += r.click_next_episode;
  } else if (item.episode > 1) {
    z += r.click_mid_series;
  }
  if (context.watched_before) z += r.click_watched;
  if (context.position > 0) z += Trust(context.position);
  return Sigmoid(z);
}

double World::Engagement(const Visitor& visitor, const Item& item, const Context& context) const {
  const User& user = visitor.user;
  const ResponseOptions& r = options_.response;
  double z = r.watch_topic * (TopicMatch(visitor, item) - 0.35) +
             r.watch_style * StyleMatch(user, item) +
             r.watch_quality * static_cast<double>(item.quality) +
             r.watch_clickbait * static_cast<double>(item.clickbait);
  if (!user.Speaks(item.language)) z += r.watch_language;
  if (context.next_episode) z += r.watch_next_episode;
  return z;
}

World::Watch World::WatchOf(const Visitor& visitor, const Item& item,
                            const Context& context) const {
  const ResponseOptions& r = options_.response;
  const double z = Engagement(visitor, item, context);
  const double duration = static_cast<double>(item.duration_s);
  const double fraction = r.hold * r.stay[static_cast<size_t>(context.device)] *
                          std::exp(r.hold_duration * static_cast<double>(item.log_duration) + z);
  return {.bounce = Sigmoid(r.bounce_base - z), .mean_s = std::max(fraction * duration, 1e-3)};
}

double World::ExpectedWatchSeconds(const Visitor& visitor, uint32_t item_id,
                                   const Context& context) const {
  const Item& item = catalogue_->item(item_id);
  const Watch watch = WatchOf(visitor, item, context);
  const double duration = static_cast<double>(item.duration_s);
  return watch.bounce * MeanOfCut(options_.response.bounce_s, duration) +
         (1 - watch.bounce) * MeanOfCut(watch.mean_s, duration);
}

double World::WatchSeconds(const Visitor& visitor, uint32_t item_id, const Context& context,
                           double u_bounce, double u_length) const {
  const Item& item = catalogue_->item(item_id);
  const Watch watch = WatchOf(visitor, item, context);
  const double mean = u_bounce < watch.bounce ? options_.response.bounce_s : watch.mean_s;
  const double uncut = -mean * std::log(1.0 - u_length);
  return std::round(std::min(uncut, static_cast<double>(item.duration_s)) * 1000) / 1000;
}

double World::Satisfaction(const Visitor& visitor, uint32_t item_id, const Context& context) const {
  const Item& item = catalogue_->item(item_id);
  const ResponseOptions& r = options_.response;
  const double c = r.satisfaction_correlation;
  const double z = c * Engagement(visitor, item, context) / kEngagementSpread +
                   std::sqrt(1 - c * c) * static_cast<double>(item.worth);
  return Sigmoid(r.satisfaction_base + r.satisfaction_gain * z);
}

}  // namespace upnext::simulator
