// The default features of both models, written in the language of feature_expression.h: those of
// the papers. A project file adds to them, replaces or drops them by name, or leaves them all out.
#ifndef UPNEXT_FEATURES_DEFAULT_FEATURES_H_
#define UPNEXT_FEATURES_DEFAULT_FEATURES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "schema/schema.h"

namespace upnext::features {

enum class Model : uint8_t { kRetrieval, kRanking };
inline constexpr size_t kModels = 2;

// A feature as it is declared.
struct Declaration {
  std::string name, from;  // "brand_watches", "count(watch, item.brand)"
  std::string help;        // one line for reports
  friend bool operator==(const Declaration&, const Declaration&) = default;
};

// In the order in which the model reads them.
const std::vector<Declaration>& DefaultFeatures(Model model);

// What the candidate model reads of an item with [retrieval] items = "content".
const std::vector<Declaration>& ContentFeatures();

// More features of the ranker, for labels of objectives that the default features do not cover: of
// "rating", the mean ratings of user and item; of event types and "unwanted", their rates; of
// "completion", the mean share of the item; of others none.
std::vector<Declaration> LabelFeatures(std::span<const std::string> labels,
                                       const schema::Schema& schema);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_DEFAULT_FEATURES_H_
