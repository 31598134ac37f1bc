// The items of the world and their hidden qualities: topics, channels, series, uploads, popularity.
//
//   Catalogue catalogue = Catalogue::Create(options);
//   const Item& item = catalogue.item(17);
//   if (item.next != kNoItem) { ... the next episode of its series ... }
//
// Items are numbered in the order of upload, so the items that exist at a time are a prefix.
// Immutable after Create: any number of threads. About 100 bytes per item.
#ifndef UPNEXT_SIMULATOR_CATALOGUE_H_
#define UPNEXT_SIMULATOR_CATALOGUE_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "simulator/world_options.h"

namespace upnext::simulator {

inline constexpr uint32_t kNoItem = 0xffffffffu;
inline constexpr uint8_t kNoTopic = 0xff;
inline constexpr size_t kStyleDims = 4;
using Style = std::array<float, kStyleDims>;  // a point in the space of tastes within a topic

struct Item {
  int64_t created_ms = 0;
  float duration_s = 0;       // whole seconds
  float log_duration = 0;     // ln(duration / 300 s)
  float quality = 0;          // z-value: raises watch time
  float clickbait = 0;        // z-value: raises clicks, lowers watch time; independent of quality
  float worth = 0;            // z-value: satisfaction that is not visible in engagement
  float appeal = 0;           // z-value of the base popularity's rank score
  float base_popularity = 0;  // Zipf-like over the catalogue, mean 1
  Style style{};
  uint32_t channel = 0;
  uint32_t next = kNoItem;  // the next episode of its series
  uint32_t title_variant = 0;
  uint16_t episode = 0;  // from 1; 0: not part of a series
  uint8_t topic = 0;
  uint8_t second_topic = kNoTopic;
  uint8_t subject = 0;
  uint8_t language = 0;
};

struct Channel {
  uint8_t topic = 0, language = 0;
  uint32_t number_in_topic = 0;  // for its name
  float quality = 0, clickbait = 0, log_duration = 0;
  Style style{};
  std::string name() const;
};

class Catalogue {
 public:
  static Catalogue Create(const WorldOptions& options);

  uint32_t size() const { return static_cast<uint32_t>(items_.size()); }
  const Item& item(uint32_t id) const { return items_[id]; }
  std::span<const Item> items() const { return items_; }
  std::span<const Channel> channels() const { return channels_; }
  // The items of a channel, oldest first.
  std::span<const uint32_t> channel_items(uint32_t channel) const {
    return {by_channel_.data() + channel_begin_[channel],
            channel_begin_[channel + 1] - channel_begin_[channel]};
  }
  // Number of items that exist at a time: those numbered below it.
  uint32_t CountAt(int64_t time_ms) const;
  std::string Title(uint32_t id) const;
  // The share of the item that belongs to `topic`: 1, or 0.7 and 0.3 when it has two; 0 for others.
  static double TopicShare(const Item& item, uint32_t topic) {
    if (item.topic == topic) return item.second_topic == kNoTopic ? 1.0 : 0.7;
    return item.second_topic == topic ? 0.3 : 0.0;
  }

 private:
  void MakeChannels(const WorldOptions& options);
  void MakeUploads(const WorldOptions& options);
  void MakeItems(const WorldOptions& options);
  void RankPopularity(const WorldOptions& options);
  std::vector<Item> items_;
  std::vector<Channel> channels_;
  std::vector<uint32_t> channel_begin_, by_channel_;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_CATALOGUE_H_
