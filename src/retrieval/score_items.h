// Scores of all items for a block of users, for evaluation; an index returns only the best.
//
//   std::vector<float> scores(users * item_vectors.rows());
//   ScoreAllItems(item_vectors, user_vectors, scores.data());
//
// Works on the calling thread; any number of threads at once.
#ifndef UPNEXT_RETRIEVAL_SCORE_ITEMS_H_
#define UPNEXT_RETRIEVAL_SCORE_ITEMS_H_

#include <span>
#include <string_view>

#include "nn/embedding_table.h"

namespace upnext::retrieval {

// Inner products in fp32. users [n, dim] -> scores [n, items.rows()]; the score of row 0 is 0.
void ScoreAllItems(const nn::EmbeddingTable& items, std::span<const float> users, float* scores);

// "bf16" or "fp32": the precision of matrix products that request the fastest one on this machine.
std::string_view FastestPrecision();

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SCORE_ITEMS_H_
