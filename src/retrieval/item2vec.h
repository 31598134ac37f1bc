// item2vec (Barkan and Koenigstein 2016): skip-gram with negative sampling over the positive events of
// each user. Items that are near each other in histories get near vectors: a start for the rows of
// the candidate model (CG-23), [retrieval] pretrained = "item2vec".
//
//   const nn::EmbeddingTable vectors = TrainItem2vec(source, items, {.dim = 64});   // by item row
//
// One thread; the same seed gives the same bytes. Time is proportional to positive events x window
// x epochs.
#ifndef UPNEXT_RETRIEVAL_ITEM2VEC_H_
#define UPNEXT_RETRIEVAL_ITEM2VEC_H_

#include <cstdint>
#include <string_view>

#include "examples/replay.h"
#include "features/vocabulary.h"
#include "nn/embedding_table.h"

namespace upnext::retrieval {

inline constexpr std::string_view kItem2vec = "item2vec";

struct Item2vecOptions {
  uint32_t dim = 64;
  uint32_t window = 5;     // at most this many events before and after; drawn for each event
  uint32_t negatives = 5;  // for each pair, by count^0.75
  uint32_t epochs = 5;
  float learning_rate = 0.05f;  // of the first pair; falls to a hundredth of it
  uint64_t seed = 1;
};

// Of the training part. [items.rows(), dim]; row 0 is zero.
nn::EmbeddingTable TrainItem2vec(const examples::ReplaySource& source,
                                 const features::Vocabulary& items, const Item2vecOptions& options);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ITEM2VEC_H_
