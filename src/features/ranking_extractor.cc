#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/checksum.h"
#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "features/extract.h"
#include "schema/event.h"

namespace upnext::features {

namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
constexpr double kDaySeconds = 86'400;

// Bit of a side's first field of a kind in RankingFields().
constexpr size_t FirstField(Side side, bool continuous) {
  if (side == Side::kQuery) return continuous ? slot::kQueryCategoricals : 0;
  const size_t query = slot::kQueryCategoricals + slot::kQueryContinuouses;
  return continuous ? query + slot::kImpressionCategoricals : query;
}

// Seconds between two times, at least 0; missing when there was none. Through doubles, which hold
// every millisecond of our era and cannot overflow.
float Since(int64_t now_ms, int64_t then_ms) {
  if (then_ms == schema::kNoTime) return kMissing;
  const double seconds = (static_cast<double>(now_ms) - static_cast<double>(then_ms)) * 1e-3;
  return static_cast<float>(std::max(0.0, seconds));
}

double Ratio(float part, float whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                   : std::numeric_limits<double>::quiet_NaN();
}

float Smooth(double successes, double trials, double rate, double weight) {
  return static_cast<float>((successes + weight * rate) / (trials + weight));
}

// A source sends watches, complete events, or both; how often the user watched is the larger count.
template <typename T>
double Watches(const T& history) {
  return static_cast<double>(std::max(history.watches, history.complete));
}

double HourOfDay(int64_t time_ms) {
  const int64_t in_day = (time_ms % base::kDayMs + base::kDayMs) % base::kDayMs;
  return static_cast<double>(in_day) / 3'600'000.0;
}

float Share(float value, float high) {
  return std::isnan(value) ? kMissing : std::clamp(value, 0.0f, high);
}

}  // namespace

void RankingBlock::Clear() {
  for (Bags& bags : categorical) bags.Clear();
  raw.clear();
  dense.clear();
  rows = 0;
}

RankingExtractor::RankingExtractor(const FeatureStatistics& tables,
                                   const catalogue::Catalogue& catalogue)
    : tables_(tables),
      catalogue_(catalogue),
      dropped_(DroppedRankingFields(tables.spec.drop)),
      powers_(std::ranges::find(tables.spec.drop, kPowersName) == tables.spec.drop.end()) {
  const ItemCounts mean = tables.item_statistics.Prior();
  const float watches = std::max(mean.watches, mean.complete);
  prior_ = {.click = Ratio(mean.clicks, mean.impressions),
            .complete = Ratio(mean.complete, watches),
            .like = Ratio(mean.likes, std::max(mean.impressions, watches)),
            .mean_watch_s = Ratio(mean.watch_s, mean.watches)};
}

bool RankingExtractor::Dropped(Side side, FieldKind kind, size_t slot) const {
  return (dropped_ >> (FirstField(side, kind == FieldKind::kContinuous) + slot) & 1) != 0;
}

void RankingExtractor::AppendQuery(const UserState& state, const schema::User& user,
                                   const Context& context, RankingBlock* queries) const {
  const Vocabulary& items = tables_.vocabulary(VocabularyId::kRankedItem);
  const auto fill = [&](size_t slot, auto&& append) {
    Bags& bags = queries->categorical[slot];
    if (!Dropped(Side::kQuery, FieldKind::kUnivalent, slot)) append(bags.ids);
    bags.Close();
  };
  const auto one = [&](size_t slot, VocabularyId vocabulary, uint32_t id) {
    fill(slot, [&](std::vector<uint32_t>& ids) {
      if (id != schema::kNone) ids.push_back(tables_.vocabulary(vocabulary).Row(id));
    });
  };
  const auto many = [&](size_t slot, std::span<const TimedId> entries) {
    fill(slot, [&](std::vector<uint32_t>& ids) {
      for (const TimedId& entry : entries) ids.push_back(items.Row(entry.id));
    });
  };
  const auto newest = [](std::span<const TimedId> entries) {
    return entries.empty() ? schema::kNone : entries.back().id;
  };
  many(slot::kWatchedItems, state.watches());
  one(slot::kLastWatched, VocabularyId::kRankedItem, newest(state.watches()));
  many(slot::kLikedItems, state.likes());
  one(slot::kCurrentItem, VocabularyId::kRankedItem, context.current_item);
  fill(slot::kQueryTokens, [&](std::vector<uint32_t>& ids) {
    for (const TimedId& search : state.searches()) {
      tables_.tokens.AppendRows(search.id, catalogue_, &ids);
    }
  });
  fill(slot::kLastQueryTokens, [&](std::vector<uint32_t>& ids) {
    tables_.tokens.AppendRows(newest(state.searches()), catalogue_, &ids);
  });
  fill(slot::kWatchedChannels, [&](std::vector<uint32_t>& ids) {
    const Vocabulary& channels = tables_.vocabulary(VocabularyId::kChannel);
    for (const TimedId& watch : state.watches()) {
      const uint32_t channel = catalogue_.item(watch.id).channel;
      if (channel != schema::kNone) ids.push_back(channels.Row(channel));
    }
  });
  one(slot::kRegion, VocabularyId::kRegion,
      context.region != schema::kNone ? context.region : user.region);
  one(slot::kDevice, VocabularyId::kDevice, context.device);
  one(slot::kUserLanguage, VocabularyId::kLanguage, user.language);

  std::array<float, slot::kQueryContinuouses> raw;
  raw[slot::kAge] = Share(user.age, kMaxAgeYears);
  raw[slot::kGender] = Share(user.gender, 1);
  raw[slot::kLoggedIn] = Share(user.logged_in, 1);
  FillUserNumbers(state, context, raw);
  AppendDense(Side::kQuery, raw, queries);
}

void RankingExtractor::FillUserNumbers(const UserState& state, const Context& context,
                                       std::span<float> raw) const {
  const UserState::Totals& totals = state.totals();
  const double watches = Watches(totals);
  const double impressions = static_cast<double>(totals.impressions);
  raw[slot::kHourOfDay] = static_cast<float>(HourOfDay(context.time_ms));
  raw[slot::kWatches] = static_cast<float>(watches);
  raw[slot::kSearches] = static_cast<float>(totals.searches);
  raw[slot::kClickRate] =
      Smooth(static_cast<double>(totals.clicks), impressions, prior_.click, kUserPriorWeight);
  raw[slot::kCompleteRate] =
      Smooth(static_cast<double>(totals.complete), watches, prior_.complete, kUserPriorWeight);
  raw[slot::kLikeRate] = Smooth(static_cast<double>(totals.likes), std::max(impressions, watches),
                                prior_.like, kUserPriorWeight);
  raw[slot::kMeanWatch] = Smooth(totals.watch_s, static_cast<double>(totals.watches),
                                 prior_.mean_watch_s, kUserPriorWeight);
  raw[slot::kUserMeanWatchShare] =
      Smooth(totals.watch_share, static_cast<double>(totals.share_watches), kPriorWatchShare,
             kUserPriorWeight);
  raw[slot::kSinceLastEvent] = Since(context.time_ms, totals.last_ms);
}

void RankingExtractor::AppendImpression(const UserState& state, const schema::User& user,
                                        const Context& context, const Candidate& candidate,
                                        RankingBlock* impressions) const {
  const schema::Item item = catalogue_.item(candidate.item);
  const auto many = [&](size_t slot, VocabularyId vocabulary, std::span<const uint32_t> list) {
    Bags& bags = impressions->categorical[slot];
    if (!Dropped(Side::kImpression, FieldKind::kUnivalent, slot)) {
      const Vocabulary& rows = tables_.vocabulary(vocabulary);
      for (const uint32_t id : list) bags.ids.push_back(rows.Row(id));
    }
    bags.Close();
  };
  const auto one = [&](size_t slot, VocabularyId vocabulary, const uint32_t& id) {
    many(slot, vocabulary, std::span(&id, id == schema::kNone ? 0 : 1));
  };
  one(slot::kItemId, VocabularyId::kRankedItem, candidate.item);
  one(slot::kChannelId, VocabularyId::kChannel, item.channel);
  one(slot::kItemLanguage, VocabularyId::kLanguage, item.language);
  many(slot::kTopicIds, VocabularyId::kTopic, item.topics);
  one(slot::kSourceId, VocabularyId::kSource, candidate.source);

  std::array<float, slot::kImpressionContinuouses> raw;
  raw[slot::kItemAge] = Since(context.time_ms, item.created_ms) / static_cast<float>(kDaySeconds);
  raw[slot::kDuration] = item.duration_s;
  const bool both = user.language != schema::kNone && item.language != schema::kNone;
  raw[slot::kLanguageMatch] = !both ? kMissing : user.language == item.language ? 1.0f : 0.0f;
  FillAffinity(state, context, item, raw);
  FillItemHistory(state, context, candidate.item, raw);
  FillItemStatistics(context, candidate.item, raw);
  AppendDense(Side::kImpression, raw, impressions);
}

void RankingExtractor::FillAffinity(const UserState& state, const Context& context,
                                    const schema::Item& item, std::span<float> raw) const {
  const AffinityHistory never{schema::kNone};
  const bool has_channel = item.channel != schema::kNone;
  const AffinityHistory* met = has_channel ? state.channel(item.channel) : nullptr;
  const AffinityHistory& channel = met != nullptr ? *met : never;
  raw[slot::kChannelWatches] = has_channel ? static_cast<float>(Watches(channel)) : kMissing;
  raw[slot::kChannelCompleteRate] = has_channel ? Smooth(channel.complete, Watches(channel),
                                                         prior_.complete, kAffinityPriorWeight)
                                                : kMissing;
  raw[slot::kSinceChannelWatch] = Since(context.time_ms, channel.last_watch_ms);
  raw[slot::kChannelMeanWatch] =
      static_cast<float>(Ratio(channel.watch_s, static_cast<float>(channel.watches)));

  double watches = 0;
  float topic_watches = 0, seconds = 0;
  int64_t last_ms = schema::kNoTime;
  for (const uint32_t id : item.topics) {
    const AffinityHistory* topic = state.topic(id);
    if (topic == nullptr) continue;
    watches += Watches(*topic);
    topic_watches += static_cast<float>(topic->watches);
    seconds += topic->watch_s;
    last_ms = std::max(last_ms, topic->last_watch_ms);
  }
  raw[slot::kTopicWatches] = item.topics.empty() ? kMissing : static_cast<float>(watches);
  raw[slot::kSinceTopicWatch] = Since(context.time_ms, last_ms);
  raw[slot::kTopicMeanWatch] = static_cast<float>(Ratio(seconds, topic_watches));
}

void RankingExtractor::FillItemHistory(const UserState& state, const Context& context,
                                       uint32_t item, std::span<float> raw) const {
  const ItemHistory never{schema::kNone};
  const ItemHistory* met = state.item(item);
  const ItemHistory& history = met != nullptr ? *met : never;
  raw[slot::kItemImpressions] = static_cast<float>(history.impressions);
  raw[slot::kSinceItemImpression] = Since(context.time_ms, history.last_impression_ms);
  raw[slot::kItemWatches] = static_cast<float>(Watches(history));
  raw[slot::kSinceItemWatch] = Since(context.time_ms, history.last_watch_ms);
}

void RankingExtractor::FillItemStatistics(const Context& context, uint32_t item,
                                          std::span<float> raw) const {
  const ItemCounts counts = tables_.item_statistics.At(item, context.time_ms);
  const float watches = std::max(counts.watches, counts.complete);
  const float met = std::max(counts.impressions, watches);
  raw[slot::kItemPopularity] = met;
  raw[slot::kItemClickRate] =
      Smooth(counts.clicks, counts.impressions, prior_.click, kItemPriorWeight);
  raw[slot::kItemCompleteRate] =
      Smooth(counts.complete, watches, prior_.complete, kItemPriorWeight);
  raw[slot::kItemLikeRate] = Smooth(counts.likes, met, prior_.like, kItemPriorWeight);
  raw[slot::kItemMeanWatch] =
      Smooth(counts.watch_s, counts.watches, prior_.mean_watch_s, kItemPriorWeight);
}

void RankingExtractor::AppendDense(Side side, std::span<const float> raw,
                                   RankingBlock* block) const {
  const size_t first = FirstQuantile(side);
  const bool learned = tables_.quantiles.size() >= first + raw.size();
  const size_t raw_size = block->raw.size(), dense_size = block->dense.size();
  block->raw.resize(raw_size + raw.size());
  block->dense.resize(dense_size + kPowers * raw.size());
  float* dense = block->dense.data() + dense_size;
  for (size_t i = 0; i < raw.size(); ++i, dense += kPowers) {
    const float value = Dropped(side, FieldKind::kContinuous, i) ? kMissing : raw[i];
    block->raw[raw_size + i] = value;
    const float x = learned ? tables_.quantiles[first + i].Normalize(value) : kMissing;
    const bool missing = std::isnan(x), powers = powers_ && !missing;
    dense[0] = missing ? 0.0f : x;
    dense[1] = powers ? x * x : 0.0f;
    dense[2] = powers ? std::sqrt(x) : 0.0f;
    dense[3] = missing ? 1.0f : 0.0f;
  }
  ++block->rows;
}

uint64_t Digest(const RankingBlock& block) {
  base::ChecksumStream stream;
  const auto add = [&](const auto& values) {
    const uint64_t size = values.size();
    stream.Append(std::as_bytes(std::span(&size, 1)));
    stream.Append(std::as_bytes(std::span(values)));
  };
  for (const Bags& bags : block.categorical) {
    add(bags.ids);
    add(bags.offsets);
  }
  add(block.raw);
  add(block.dense);
  return stream.digest();
}

}  // namespace upnext::features
