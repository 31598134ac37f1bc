#include "retrieval/indexed_items.h"

#include "kernels/embedding.h"

namespace upnext::retrieval {
namespace {

ann::Vectors FirstRows(const nn::EmbeddingTable& vectors, size_t rows,
                       const features::Vocabulary& items) {
  const kernels::ConstTableView table = vectors.view();
  return {.data = table.data + table.dim,
          .count = rows - 1,
          .dim = table.dim,
          .ids = items.ids_by_row().subspan(1, rows - 1)};
}

}  // namespace

ann::Vectors IndexedItems(const nn::EmbeddingTable& vectors, const features::Vocabulary& items) {
  return FirstRows(vectors, vectors.rows(), items);
}

ann::Vectors IndexedItems(const UserItemModel& model, const features::Vocabulary& items) {
  return FirstRows(model.item_vectors(), model.searched_rows(), items);
}

}  // namespace upnext::retrieval
