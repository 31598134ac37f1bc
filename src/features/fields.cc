#include "features/fields.h"

#include <algorithm>
#include <array>

namespace upnext::features {

namespace {

// A field and the slot it must lie in, so that table and enumerators cannot drift apart.
struct Row {
  size_t slot;
  Field field;
};

constexpr Row Categorical(Side side, size_t slot, std::string_view name, FieldKind kind,
                          VocabularyId vocabulary, std::string_view help) {
  return {slot, {name, kind, side, vocabulary, help}};
}
constexpr Row Number(Side side, size_t slot, std::string_view name, std::string_view help) {
  return {slot, {name, FieldKind::kContinuous, side, VocabularyId::kItem, help}};
}

constexpr Side kQ = Side::kQuery;
constexpr Side kI = Side::kImpression;
constexpr FieldKind kOne = FieldKind::kUnivalent;
constexpr FieldKind kMany = FieldKind::kMultivalent;
using V = VocabularyId;

constexpr Row kRows[] = {
    Categorical(kQ, slot::kWatchedItems, "watched_items", kMany, V::kRankedItem,
                "the newest complete watches"),
    Categorical(kQ, slot::kLastWatched, "last_watched", kOne, V::kRankedItem,
                "the newest complete watch"),
    Categorical(kQ, slot::kLikedItems, "liked_items", kMany, V::kRankedItem, "the newest likes"),
    Categorical(kQ, slot::kCurrentItem, "current_item", kOne, V::kRankedItem,
                "the item being watched"),
    Categorical(kQ, slot::kQueryTokens, "query_tokens", kMany, V::kToken,
                "words and word pairs of the newest searches"),
    Categorical(kQ, slot::kLastQueryTokens, "last_query_tokens", kMany, V::kToken,
                "words and word pairs of the newest search"),
    Categorical(kQ, slot::kWatchedChannels, "watched_channels", kMany, V::kChannel,
                "channels of the newest complete watches"),
    Categorical(kQ, slot::kRegion, "region", kOne, V::kRegion, "of the request, else of the user"),
    Categorical(kQ, slot::kDevice, "device", kOne, V::kDevice, "of the request"),
    Categorical(kQ, slot::kUserLanguage, "user_language", kOne, V::kLanguage, "of the user"),
    Number(kQ, slot::kAge, "age", "of the user, years"),
    Number(kQ, slot::kGender, "gender", "of the user, 0 to 1"),
    Number(kQ, slot::kLoggedIn, "logged_in", "0 or 1"),
    Number(kQ, slot::kHourOfDay, "hour_of_day", "of the request, UTC, 0 to 24"),
    Number(kQ, slot::kWatches, "watches", "watches of the user so far"),
    Number(kQ, slot::kSearches, "searches", "searches of the user so far"),
    Number(kQ, slot::kClickRate, "click_rate", "clicks per impression of the user, smoothed"),
    Number(kQ, slot::kCompleteRate, "complete_rate",
           "complete watches per watch of the user, smoothed"),
    Number(kQ, slot::kLikeRate, "like_rate", "likes per item met by the user, smoothed"),
    Number(kQ, slot::kMeanWatch, "mean_watch_s", "seconds per watch of the user, smoothed"),
    Number(kQ, slot::kUserMeanWatchShare, "user_mean_watch_share",
           "share of the duration that the user watches on average, smoothed"),
    Number(kQ, slot::kSinceLastEvent, "since_last_event_s",
           "seconds since the user's newest event"),
    Categorical(kI, slot::kItemId, "item", kOne, V::kRankedItem, "the candidate"),
    Categorical(kI, slot::kChannelId, "channel", kOne, V::kChannel, "of the candidate"),
    Categorical(kI, slot::kItemLanguage, "language", kOne, V::kLanguage, "of the candidate"),
    Categorical(kI, slot::kTopicIds, "topics", kMany, V::kTopic, "of the candidate"),
    Categorical(kI, slot::kSourceId, "source", kOne, V::kSource, "who nominated the candidate"),
    Number(kI, slot::kItemAge, "item_age_days", "days since the candidate was created"),
    Number(kI, slot::kDuration, "duration_s", "of the candidate, seconds"),
    Number(kI, slot::kChannelWatches, "channel_watches", "watches of this channel by the user"),
    Number(kI, slot::kChannelCompleteRate, "channel_complete_rate",
           "complete watches per watch of this channel by the user, smoothed"),
    Number(kI, slot::kSinceChannelWatch, "since_channel_watch_s",
           "seconds since the user last watched this channel"),
    Number(kI, slot::kChannelMeanWatch, "channel_mean_watch_s",
           "seconds per watch of this channel by the user"),
    Number(kI, slot::kTopicWatches, "topic_watches", "watches of these topics by the user"),
    Number(kI, slot::kSinceTopicWatch, "since_topic_watch_s",
           "seconds since the user last watched one of these topics"),
    Number(kI, slot::kTopicMeanWatch, "topic_mean_watch_s",
           "seconds per watch of these topics by the user"),
    Number(kI, slot::kItemImpressions, "item_impressions",
           "times shown to the user since the user last watched it"),
    Number(kI, slot::kSinceItemImpression, "since_item_impression_s",
           "seconds since it was last shown to the user"),
    Number(kI, slot::kItemWatches, "item_watches", "times the user watched it"),
    Number(kI, slot::kSinceItemWatch, "since_item_watch_s",
           "seconds since the user last watched it"),
    Number(kI, slot::kItemPopularity, "item_popularity",
           "impressions of the item before today, or its watches if they are more"),
    Number(kI, slot::kItemClickRate, "item_click_rate",
           "clicks per impression of the item before today, smoothed"),
    Number(kI, slot::kItemCompleteRate, "item_complete_rate",
           "complete watches per watch of the item before today, smoothed"),
    Number(kI, slot::kItemLikeRate, "item_like_rate",
           "likes per impression of the item before today, smoothed"),
    Number(kI, slot::kItemMeanWatch, "item_mean_watch_s",
           "seconds per watch of the item before today, smoothed"),
    Number(kI, slot::kLanguageMatch, "language_match",
           "1 when user and candidate share a language"),
};
constexpr size_t kFields = std::size(kRows);
static_assert(kFields <= 64, "dropped fields are a 64-bit mask");
static_assert(kFields == slot::kQueryCategoricals + slot::kQueryContinuouses +
                             slot::kImpressionCategoricals + slot::kImpressionContinuouses);

constexpr bool SlotsAreInOrder() {
  size_t next[2][2] = {};  // by side and whether continuous
  for (const Row& row : kRows) {
    const bool continuous = row.field.kind == FieldKind::kContinuous;
    if (row.slot != next[row.field.side == kI][continuous]++) return false;
  }
  return true;
}
static_assert(SlotsAreInOrder(), "kRows and the slot enumerators of fields.h differ in order");

constexpr std::array<Field, kFields> MakeFields() {
  std::array<Field, kFields> fields{};
  for (size_t i = 0; i < kFields; ++i) fields[i] = kRows[i].field;
  return fields;
}
constexpr std::array<Field, kFields> kRankingFields = MakeFields();

// In the order of CandidateField.
constexpr std::string_view kCandidateFields[] = {"watches", "searches", "region",    "device",
                                                 "age",     "gender",   "logged_in", "example_age"};

}  // namespace

std::span<const Field> RankingFields() { return kRankingFields; }

size_t CategoricalFields(Side side) {
  return side == Side::kQuery ? slot::kQueryCategoricals : slot::kImpressionCategoricals;
}

size_t ContinuousFields(Side side) {
  return side == Side::kQuery ? slot::kQueryContinuouses : slot::kImpressionContinuouses;
}

size_t FirstQuantile(Side side) { return side == Side::kQuery ? 0 : slot::kQueryContinuouses; }

std::vector<std::string> FieldNames() {
  std::vector<std::string> names;
  for (const std::string_view name : kCandidateFields) names.emplace_back(name);
  for (const Field& field : kRankingFields) {
    if (std::find(names.begin(), names.end(), field.name) == names.end()) {
      names.emplace_back(field.name);
    }
  }
  names.emplace_back(kPowersName);
  return names;
}

uint64_t DroppedRankingFields(std::span<const std::string> names) {
  uint64_t dropped = 0;
  for (size_t i = 0; i < kFields; ++i) {
    const bool named = std::find(names.begin(), names.end(), kRankingFields[i].name) != names.end();
    dropped |= uint64_t{named} << i;
  }
  return dropped;
}

uint32_t DroppedCandidateFields(std::span<const std::string> names) {
  uint32_t dropped = 0;
  for (size_t i = 0; i < std::size(kCandidateFields); ++i) {
    const bool named = std::find(names.begin(), names.end(), kCandidateFields[i]) != names.end();
    dropped |= uint32_t{named} << i;
  }
  return dropped;
}

}  // namespace upnext::features
