// [features] and [[feature]] of the project file: which features the models have.
//
//   FeatureSpec spec = FeatureSpec::FromConfig(config.Table("features"),
//                                              config.root().Tables("feature"), schema, labels);
#ifndef UPNEXT_FEATURES_FEATURE_SPEC_H_
#define UPNEXT_FEATURES_FEATURE_SPEC_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "features/default_features.h"
#include "schema/schema.h"

namespace upnext::features {

// Drops no feature but the squares and roots next to every number by quantiles (RK-06).
inline constexpr std::string_view kPowersName = "powers";

struct FeatureSpec {
  uint32_t max_items = 1'000'000, max_tokens = 1'000'000, max_channels = 1'000'000;
  uint32_t min_item_count = 1;
  // Names of features to leave out, for ablations: "searches", "item_age_days". Dropped features
  // keep their place and read as missing; a name that both models have is dropped from both.
  std::vector<std::string> drop = {};
  bool defaults = true;  // the default features come first
  // Declared ones, by model, those of labels and of content first. One with the name of another takes its place.
  std::vector<Declaration> retrieval = {}, ranking = {};

  // labels: of the ranker's objectives, for LabelFeatures. content: adds ContentFeatures. Mistakes fail the config's Check() with
  // the place of the expression that is wrong.
  static FeatureSpec FromConfig(const base::ConfigTable& features,
                                const std::vector<base::ConfigTable>& declared = {},
                                const schema::Schema& schema = {},
                                std::span<const std::string> labels = {}, bool content = false);
  // All features of a model, in the order in which it reads them.
  std::vector<Declaration> Features(Model model) const;
  std::vector<std::string> Names() const;  // of both models, and kPowersName
  bool Drops(std::string_view name) const;
  friend bool operator==(const FeatureSpec&, const FeatureSpec&) = default;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_SPEC_H_
