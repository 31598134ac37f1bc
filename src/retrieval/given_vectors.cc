#include "retrieval/given_vectors.h"

#include <numeric>
#include <optional>
#include <span>

#include "nn/embedding_table.h"
#include "retrieval/item2vec.h"
#include "schema/attribute.h"
#include "schema/schema.h"

namespace upnext::retrieval {

Result<std::vector<uint32_t>> StartFromGiven(const std::string& attribute,
                                             const features::FeatureStatistics& tables,
                                             const catalogue::Catalogue& catalogue,
                                             CandidateModel* model) {
  constexpr auto kItem = schema::Entity::kItem;
  const schema::Schema& schema = catalogue.schema();
  const std::optional<uint32_t> number = schema.FindAttribute(kItem, attribute);
  if (!number || schema.attributes(kItem)[*number].kind != schema::Kind::kVector) {
    return FailedPrecondition(
        "retrieval.pretrained: expected an attribute of items that is a vector, found '{}', which is "
        "{}; declare it in [schema.items] (vector = \"vector({})\") and import it",
        attribute, number ? "another kind of attribute" : "no attribute", model->dim());
  }
  const uint32_t width = schema.attributes(kItem)[*number].width;
  if (width != model->dim()) {
    return FailedPrecondition(
        "retrieval.pretrained: expected vectors as wide as retrieval.dim = {}, found '{}' with {} "
        "numbers; set retrieval.dim = {}, or import vectors of the other width",
        model->dim(), attribute, width, width);
  }
  std::vector<uint32_t> rows;
  const std::span<const uint32_t> items = tables.vocabulary(features::kItemVocabulary).ids_by_row();
  for (uint32_t row = 1; row < items.size(); ++row) {
    const std::span<const float> vector = catalogue.Vector(kItem, *number, items[row]);
    if (vector.empty()) continue;
    model->SetOwnRow(row, vector);
    rows.push_back(row);
  }
  return rows;
}

std::vector<uint32_t> StartFromItem2vec(const examples::ReplaySource& source,
                                        const features::FeatureStatistics& tables, uint64_t seed,
                                        CandidateModel* model) {
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  const nn::EmbeddingTable vectors =
      TrainItem2vec(source, items, {.dim = model->dim(), .seed = seed});
  std::vector<uint32_t> rows(items.rows() - 1);
  std::iota(rows.begin(), rows.end(), 1u);
  for (const uint32_t row : rows) model->SetOwnRow(row, vectors.Row(row));
  return rows;
}

}  // namespace upnext::retrieval
