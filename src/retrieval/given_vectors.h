// Where the items' own rows start (CG-23): at vectors that were made elsewhere, an attribute of the
// catalogue, or at those of item2vec. [retrieval] pretrained = "ATTRIBUTE"
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> rows,
//                           StartRows(source, tables, options, start, &model, progress));
//
// One thread.
#ifndef UPNEXT_RETRIEVAL_GIVEN_VECTORS_H_
#define UPNEXT_RETRIEVAL_GIVEN_VECTORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_training.h"
#include "schema/schema.h"

namespace upnext::retrieval {

// kFailedPrecondition for an attribute that items do not have, that is no vector, or of another width
// than a model's `dim`.
Status CheckGiven(const std::string& attribute, const schema::Schema& schema, uint32_t dim);

// Sets the own rows of items as options.pretrained says, and returns which they are, ascending;
// others stay as they are. Of a model that continues, whose rows are learned, only those that it has
// in addition: they start at their attribute, or with item2vec at random. kFailedPrecondition, and
// nothing is set, where CheckGiven fails, and for a model that continues with a rate other than 1.
Result<std::vector<uint32_t>> StartRows(const examples::ReplaySource& source,
                                        const features::FeatureStatistics& tables,
                                        const CandidateTrainOptions& options,
                                        const CandidateStart& start, CandidateModel* model,
                                        base::Progress& progress);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_GIVEN_VECTORS_H_
