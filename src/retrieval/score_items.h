// Scans of all item vectors: scores of every item for a block of users, where an index keeps only
// the best, and the items that are most similar to one.
//
//   std::vector<float> scores(users * item_vectors.rows());
//   ScoreAllItems(item_vectors, user_vectors, scores.data());
//   for (const kernels::Scored& near : NearestByCosine(item_vectors, row, 10)) ...
//
// Works in the calling thread alone; any number of threads at once.
#ifndef UPNEXT_RETRIEVAL_SCORE_ITEMS_H_
#define UPNEXT_RETRIEVAL_SCORE_ITEMS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/vector_ops.h"
#include "nn/embedding_table.h"

namespace upnext::retrieval {

// Inner products in fp32. users [n, dim] -> scores [n, items.rows()]; row 0 scores too, as 0.
void ScoreAllItems(const nn::EmbeddingTable& items, std::span<const float> users, float* scores);

// The k rows with the largest cosine to `row`, best first, without `row` itself and rows that are
// zero. By cosine, because an inner product prefers long vectors, which are those of popular items.
std::vector<kernels::Scored> NearestByCosine(const nn::EmbeddingTable& items, uint32_t row,
                                             size_t k);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SCORE_ITEMS_H_
