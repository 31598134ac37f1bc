// The feature statistics of a bundle, with the reference candidate model that they name (RK-16).
//
//   UPNEXT_ASSIGN_OR_RETURN(features::FeatureStatistics tables,
//                           OpenStatistics(folder, manifest, FeaturesType()));
//
// A function of its arguments: any thread.
#ifndef UPNEXT_BUNDLE_BUNDLE_STATISTICS_H_
#define UPNEXT_BUNDLE_BUNDLE_STATISTICS_H_

#include <filesystem>

#include "base/status.h"
#include "bundle/manifest.h"
#include "bundle/part.h"
#include "features/feature_statistics.h"

namespace upnext::bundle {

// `type`: FeaturesType or ValidatedFeaturesType. Fails as FeatureStatistics::Load and
// retrieval::LoadReference. kDataLoss when there is a ranker whose features read a reference that the
// manifest does not list; kFailedPrecondition when the one that it lists is another.
Result<features::FeatureStatistics> OpenStatistics(const std::filesystem::path& folder,
                                                   const Manifest& manifest, const PartType& type);

}  // namespace upnext::bundle

#endif  // UPNEXT_BUNDLE_BUNDLE_STATISTICS_H_
