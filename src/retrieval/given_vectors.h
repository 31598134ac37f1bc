// Where the items' own rows start (CG-23): at vectors that were made elsewhere, an attribute of the
// catalogue, or at those of item2vec. [retrieval] pretrained = "ATTRIBUTE"
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> rows,
//                           StartFromGiven("vector", tables, catalogue, &model));
//
// One thread.
#ifndef UPNEXT_RETRIEVAL_GIVEN_VECTORS_H_
#define UPNEXT_RETRIEVAL_GIVEN_VECTORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

// Sets the own rows of the items that have the attribute, and returns which they are, ascending;
// others stay as they are. kFailedPrecondition, and nothing is set, for an attribute that items do not
// have, that is no vector, or of another width than the model's.
Result<std::vector<uint32_t>> StartFromGiven(const std::string& attribute,
                                             const features::FeatureStatistics& tables,
                                             const catalogue::Catalogue& catalogue,
                                             CandidateModel* model);

// The same for all items, with vectors learned from the log (item2vec.h).
std::vector<uint32_t> StartFromItem2vec(const examples::ReplaySource& source,
                                        const features::FeatureStatistics& tables, uint64_t seed,
                                        CandidateModel* model);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_GIVEN_VECTORS_H_
