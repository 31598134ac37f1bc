// The items of a candidate model, as indexes (ann/) take them.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto index, ann::BuildIndex(options, IndexedItems(model, vocabulary),
//                                                       queries, pool, progress));
#ifndef UPNEXT_RETRIEVAL_INDEXED_ITEMS_H_
#define UPNEXT_RETRIEVAL_INDEXED_ITEMS_H_

#include "ann/vectors.h"
#include "features/vocabulary.h"
#include "nn/embedding_table.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

// Rows 1 and on of a table in fp32, under their item ids: row 0 is out of vocabulary and is no
// item. Views both arguments.
ann::Vectors IndexedItems(const nn::EmbeddingTable& vectors, const features::Vocabulary& items);
// Those that the model searches.
ann::Vectors IndexedItems(const UserItemModel& model, const features::Vocabulary& items);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_INDEXED_ITEMS_H_
