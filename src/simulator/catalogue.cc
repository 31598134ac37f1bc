#include "simulator/catalogue.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "simulator/draws.h"
#include "simulator/words.h"

namespace upnext::simulator {
namespace {

constexpr double kMsPerDay = 86'400'000;
constexpr uint64_t kChannelSubjects = 4;
constexpr double kReferenceDuration = 300;  // seconds

// An upload before the items are sorted by time.
struct Upload {
  int64_t created_ms;
  uint32_t channel, series;  // series 0: none
  uint16_t episode;
  uint8_t subject;
};

// Uploads are uniform in the history and in the window, with the configured share in the window.
int64_t DrawUploadTime(base::Rng& rng, const WorldOptions& options) {
  const CatalogueOptions& c = options.catalogue;
  const double day = rng.Uniform() < c.window_share ? rng.Uniform() * options.days
                                                    : -rng.Uniform() * c.history_days;
  return options.start_ms() + static_cast<int64_t>(day * kMsPerDay);
}

// Cumulated Zipf-like weights, so that channels differ in size.
std::vector<double> ChannelSizes(size_t channels, const CatalogueOptions& c) {
  std::vector<double> cumulated(channels);
  double total = 0;
  for (size_t i = 0; i < channels; ++i) {
    cumulated[i] = total +=
        std::pow(static_cast<double>(i + 1) + c.channel_shift, -c.channel_exponent);
  }
  return cumulated;
}

uint32_t DrawChannel(base::Rng& rng, const std::vector<double>& cumulated) {
  const double x = rng.Uniform() * cumulated.back();
  const auto at = std::upper_bound(cumulated.begin(), cumulated.end(), x) - cumulated.begin();
  return static_cast<uint32_t>(std::min<size_t>(static_cast<size_t>(at), cumulated.size() - 1));
}

}  // namespace

std::string Channel::name() const { return ChannelName(topic, number_in_topic); }

Catalogue Catalogue::Create(const WorldOptions& options) {
  Catalogue catalogue;
  catalogue.MakeChannels(options);
  catalogue.MakeUploads(options);
  catalogue.MakeItems(options);
  catalogue.RankPopularity(options);
  return catalogue;
}

void Catalogue::MakeChannels(const WorldOptions& options) {
  const CatalogueOptions& c = options.catalogue;
  const double wanted = std::ceil(static_cast<double>(options.items) / c.items_per_channel);
  channels_.resize(std::max<size_t>(1, static_cast<size_t>(wanted)));
  std::vector<uint32_t> in_topic(c.topics, 0);
  for (uint32_t id = 0; id < channels_.size(); ++id) {
    base::Rng rng = StreamRng(options.seed, Purpose::kChannel, id);
    Channel& channel = channels_[id];
    // The first (largest) channels are assigned to the topics in turn, so that no topic is empty.
    channel.topic = static_cast<uint8_t>(id < c.topics ? id : rng.Below(c.topics));
    channel.number_in_topic = in_topic[channel.topic]++;
    channel.language = static_cast<uint8_t>(PickWeighted<double>(rng, c.languages));
    channel.quality = static_cast<float>(rng.Normal());
    channel.clickbait = static_cast<float>(rng.Normal());
    channel.log_duration = static_cast<float>(rng.Normal());
    for (float& x : channel.style) x = static_cast<float>(rng.Normal());
  }
}

void Catalogue::MakeUploads(const WorldOptions& options) {
  const CatalogueOptions& c = options.catalogue;
  base::Rng rng = StreamRng(options.seed, Purpose::kCatalogue, 0);
  const std::vector<double> sizes = ChannelSizes(channels_.size(), c);
  std::vector<Upload> uploads;
  uploads.reserve(options.items);
  uint32_t series = 0;
  while (uploads.size() < options.items) {
    const uint32_t channel = DrawChannel(rng, sizes);
    // The items of a channel are about a few neighbouring subjects of its topic.
    const auto subject =
        static_cast<uint8_t>((channel * 3 + rng.Below(kChannelSubjects)) % kSubjects);
    int64_t time = DrawUploadTime(rng, options);
    if (rng.Uniform() >= c.series_share) {
      uploads.push_back({time, channel, 0, 0, subject});
      continue;
    }
    ++series;
    const auto span = static_cast<uint64_t>(c.series_max - c.series_min) + 1;
    const auto length =
        static_cast<uint16_t>(static_cast<uint64_t>(c.series_min) + rng.Below(span));
    const double cadence_days = 0.5 + rng.Uniform() * 4.0;
    for (uint16_t e = 1; e <= length && time < options.end_ms() && uploads.size() < options.items;
         ++e) {
      uploads.push_back({time, channel, series, e, subject});
      time += static_cast<int64_t>(cadence_days * (0.8 + 0.4 * rng.Uniform()) * kMsPerDay);
    }
  }
  std::stable_sort(uploads.begin(), uploads.end(),
                   [](const Upload& a, const Upload& b) { return a.created_ms < b.created_ms; });
  items_.resize(uploads.size());
  std::vector<uint32_t> last_of_series(series + 1, kNoItem);
  for (uint32_t id = 0; id < uploads.size(); ++id) {
    const Upload& upload = uploads[id];
    Item& item = items_[id];
    item.created_ms = upload.created_ms / 1000 * 1000;
    item.channel = upload.channel;
    item.subject = upload.subject;
    item.episode = upload.episode;
    if (upload.series == 0) continue;
    // Episodes of a series use the same form of title.
    item.title_variant = upload.series * 2654435761u >> 8;
    if (last_of_series[upload.series] != kNoItem) items_[last_of_series[upload.series]].next = id;
    last_of_series[upload.series] = id;
  }
}

void Catalogue::MakeItems(const WorldOptions& options) {
  const CatalogueOptions& c = options.catalogue;
  channel_begin_.assign(channels_.size() + 1, 0);
  for (const Item& item : items_) ++channel_begin_[item.channel + 1];
  std::partial_sum(channel_begin_.begin(), channel_begin_.end(), channel_begin_.begin());
  by_channel_.resize(items_.size());
  std::vector<uint32_t> at(channel_begin_.begin(), channel_begin_.end() - 1);
  for (uint32_t id = 0; id < items_.size(); ++id) {
    base::Rng rng = StreamRng(options.seed, Purpose::kItem, id);
    Item& item = items_[id];
    const Channel& channel = channels_[item.channel];
    by_channel_[at[item.channel]++] = id;
    // 0.6^2 + 0.8^2 = 1 keeps the variance of a sum of channel and item at 1.
    const auto mix = [&rng](float of_channel) {
      return static_cast<float>(0.6 * static_cast<double>(of_channel) + 0.8 * rng.Normal());
    };
    item.topic = channel.topic;
    item.language = channel.language;
    item.quality = mix(channel.quality);
    item.clickbait = mix(channel.clickbait);
    item.worth = static_cast<float>(rng.Normal());
    const double log_duration = std::log(c.duration_median_s) +
                                c.duration_spread * static_cast<double>(mix(channel.log_duration));
    item.duration_s =
        static_cast<float>(std::clamp(std::round(std::exp(log_duration)), 15.0, 7200.0));
    item.log_duration =
        static_cast<float>(std::log(static_cast<double>(item.duration_s) / kReferenceDuration));
    for (size_t k = 0; k < kStyleDims; ++k) {
      item.style[k] =
          static_cast<float>(0.8 * static_cast<double>(channel.style[k]) + 0.6 * rng.Normal());
    }
    if (rng.Uniform() < c.second_topic_share) {
      const auto step = 1 + rng.Below(c.topics - 1);
      item.second_topic = static_cast<uint8_t>((item.topic + step) % c.topics);
    }
    const auto variant = static_cast<uint32_t>(rng.Next() >> 40);
    if (item.episode == 0) item.title_variant = variant;
  }
}

void Catalogue::RankPopularity(const WorldOptions& options) {
  const CatalogueOptions& c = options.catalogue;
  std::vector<uint32_t> order(items_.size());
  std::iota(order.begin(), order.end(), 0u);
  for (uint32_t id = 0; id < items_.size(); ++id) {
    Item& item = items_[id];
    base::Rng rng = StreamRng(options.seed, Purpose::kItem, id | uint64_t{1} << 40);
    const double own =
        0.45 * static_cast<double>(item.quality) + 0.3 * static_cast<double>(item.clickbait);
    const double rest = std::sqrt(1 - 0.45 * 0.45 - 0.3 * 0.3) * rng.Normal();
    item.appeal = static_cast<float>(own + rest);
  }
  std::stable_sort(order.begin(), order.end(),
                   [this](uint32_t a, uint32_t b) { return items_[a].appeal > items_[b].appeal; });
  double total = 0;
  std::vector<double> weight(items_.size());
  for (size_t rank = 0; rank < order.size(); ++rank) {
    total += weight[rank] =
        std::pow(static_cast<double>(rank + 1) + c.zipf_shift, -c.zipf_exponent);
  }
  const double scale = static_cast<double>(order.size()) / total;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    items_[order[rank]].base_popularity = static_cast<float>(weight[rank] * scale);
  }
}

uint32_t Catalogue::CountAt(int64_t time_ms) const {
  const auto end =
      std::upper_bound(items_.begin(), items_.end(), time_ms,
                       [](int64_t time, const Item& item) { return time < item.created_ms; });
  return static_cast<uint32_t>(end - items_.begin());
}

std::string Catalogue::Title(uint32_t id) const {
  const Item& item = items_[id];
  return MakeTitle({.topic = item.topic,
                    .subject = item.subject,
                    .language = item.language,
                    .variant = item.title_variant,
                    .episode = item.episode,
                    .clickbait = item.clickbait > 0.9f});
}

}  // namespace upnext::simulator
