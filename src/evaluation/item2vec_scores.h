// A baseline of the retrieval table: the mean of item2vec vectors (retrieval/item2vec.h) of the user's
// newest items, and the items that are nearest to it by cosine (CG-23). Users without such items have
// the order of popularity. Only this room includes it.
#ifndef UPNEXT_EVALUATION_ITEM2VEC_SCORES_H_
#define UPNEXT_EVALUATION_ITEM2VEC_SCORES_H_

#include <cstdint>
#include <memory>

#include "evaluation/evaluate.h"
#include "evaluation/retrieval_models.h"

namespace upnext::evaluation {

// Learned from the training part. `order`: which of equal scores comes first.
std::unique_ptr<RetrievalModel> Item2vecScores(const Subject& subject,
                                               std::shared_ptr<const ItemOrder> order,
                                               uint64_t seed);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_ITEM2VEC_SCORES_H_
