// The fields of both models: what each is called, of what kind it is, and which vocabulary it is
// read with. The ranker's are the taxonomy of paper 2.1: univalent, multivalent or continuous, by
// query or by impression.
//
//   for (const Field& field : RankingFields()) fmt::print("{}: {}\n", field.name, field.help);
//
// Constants: any number of threads.
#ifndef UPNEXT_FEATURES_FIELDS_H_
#define UPNEXT_FEATURES_FIELDS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/vocabulary.h"

namespace upnext::features {

enum class Side : uint8_t { kQuery, kImpression };  // per request / per candidate
enum class FieldKind : uint8_t { kUnivalent, kMultivalent, kContinuous };
struct Field {
  std::string_view name;  // "since_channel_watch_s"
  FieldKind kind;
  Side side;
  // Of categorical fields; fields that share one share the embedding (RK-02). kItem, meaning
  // nothing, for continuous ones.
  VocabularyId vocabulary;
  std::string_view help;  // one line for reports and the console
};
// Every field of the ranker, in the order in which blocks hold them: the query side's categorical,
// then continuous ones, then the impression side's. Part of the format.
std::span<const Field> RankingFields();
size_t CategoricalFields(Side side);
size_t ContinuousFields(Side side);
// FeatureStatistics::quantiles holds the query side's first: the index of the side's first field.
size_t FirstQuantile(Side side);

// Inputs of the candidate model, by the bit that drops each.
enum class CandidateField : uint8_t {
  kWatches,
  kSearches,
  kRegion,
  kDevice,
  kAge,
  kGender,
  kLoggedIn,
  kExampleAge
};

// Drops no field but the squares and roots beside every number of the ranker (RK-06).
inline constexpr std::string_view kPowersName = "powers";

// All names that [features] drop may hold.
std::vector<std::string> FieldNames();

// Bit masks of dropped fields, by index in RankingFields() and CandidateField. Unknown names
// drop nothing; FeatureSpec::FromConfig has refused them.
uint64_t DroppedRankingFields(std::span<const std::string> names);
uint32_t DroppedCandidateFields(std::span<const std::string> names);

// ---- Slots: where each field lies in its block. ranking_extractor.cc fills them by these names.

namespace slot {

enum QueryCategorical : size_t {
  kWatchedItems,
  kLastWatched,
  kLikedItems,
  kCurrentItem,
  kQueryTokens,
  kLastQueryTokens,
  kWatchedChannels,
  kRegion,
  kDevice,
  kUserLanguage
};
enum QueryContinuous : size_t {
  kAge,
  kGender,
  kLoggedIn,
  kHourOfDay,
  kWatches,
  kSearches,
  kClickRate,
  kCompleteRate,
  kLikeRate,
  kMeanWatch,
  kUserMeanWatchShare,
  kSinceLastEvent
};
enum ImpressionCategorical : size_t { kItemId, kChannelId, kItemLanguage, kTopicIds, kSourceId };
enum ImpressionContinuous : size_t {
  kItemAge,
  kDuration,
  kChannelWatches,
  kChannelCompleteRate,
  kSinceChannelWatch,
  kChannelMeanWatch,
  kTopicWatches,
  kSinceTopicWatch,
  kTopicMeanWatch,
  kItemImpressions,
  kSinceItemImpression,
  kItemWatches,
  kSinceItemWatch,
  kItemPopularity,
  kItemClickRate,
  kItemCompleteRate,
  kItemLikeRate,
  kItemMeanWatch,
  kLanguageMatch
};

inline constexpr size_t kQueryCategoricals = kUserLanguage + 1;
inline constexpr size_t kQueryContinuouses = kSinceLastEvent + 1;
inline constexpr size_t kImpressionCategoricals = kSourceId + 1;
inline constexpr size_t kImpressionContinuouses = kLanguageMatch + 1;

}  // namespace slot

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FIELDS_H_
