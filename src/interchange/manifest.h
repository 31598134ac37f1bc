// What the inputs of an exported network are, in words that need no source code: manifest.json and
// the files that it names.
//
//   const nlohmann::ordered_json inputs = DescribeInputs(graph, tables, features::Model::kRanking);
//
// Plain functions: any number of threads.
#ifndef UPNEXT_INTERCHANGE_MANIFEST_H_
#define UPNEXT_INTERCHANGE_MANIFEST_H_

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "features/block_columns.h"
#include "features/default_features.h"
#include "features/feature_plan.h"
#include "features/feature_statistics.h"
#include "nn/graph.h"

namespace upnext::interchange {

// A list: each input of the graph with its type and shape, and of which feature it is.
nlohmann::ordered_json DescribeInputs(const nn::Graph& graph,
                                      const features::FeatureStatistics& tables,
                                      features::Model model);
// {"query.NAME": [boundaries]} of the numbers by quantiles of a model; none: not learned.
nlohmann::ordered_json QuantilesJson(const features::FeatureStatistics& tables,
                                     features::Model model);
// Writes vocabulary.NAME.txt into the folder for each vocabulary of the plan: the name of row r in
// line r + 1, empty for row 0 and for names that are gone. {"NAME": {"rows": ..., "file": ...}};
// ids that are hashed have no file.
Result<nlohmann::ordered_json> WriteVocabularies(const features::FeatureStatistics& tables,
                                                 const catalogue::Catalogue& catalogue,
                                                 const std::filesystem::path& folder);

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_MANIFEST_H_
