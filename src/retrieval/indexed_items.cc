#include "retrieval/indexed_items.h"

#include "kernels/embedding.h"
namespace upnext::retrieval {

ann::Vectors IndexedItems(const nn::EmbeddingTable& vectors, const features::Vocabulary& items) {
  const kernels::ConstTableView table = vectors.view();
  return {.data = table.data + table.dim,
          .count = table.rows - 1,
          .dim = table.dim,
          .ids = items.ids_by_row().subspan(1)};
}

}  // namespace upnext::retrieval
