#include "retrieval/given_vectors.h"

#include <fmt/format.h>

#include <numeric>
#include <optional>
#include <span>

#include "catalogue/catalogue.h"
#include "nn/embedding_table.h"
#include "retrieval/item2vec.h"
#include "schema/attribute.h"

namespace upnext::retrieval {
namespace {

// From row `first` on.
std::vector<uint32_t> StartFromGiven(uint32_t attribute, const features::FeatureStatistics& tables,
                                     const catalogue::Catalogue& catalogue, uint32_t first,
                                     CandidateModel* model) {
  std::vector<uint32_t> rows;
  const std::span<const uint32_t> items = tables.vocabulary(features::kItemVocabulary).ids_by_row();
  for (uint32_t row = first; row < items.size(); ++row) {
    const std::span<const float> vector =
        catalogue.Vector(schema::Entity::kItem, attribute, items[row]);
    if (vector.empty()) continue;
    model->SetOwnRow(row, vector);
    rows.push_back(row);
  }
  return rows;
}

// All of them.
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

}  // namespace

Status CheckGiven(const std::string& attribute, const schema::Schema& schema, uint32_t dim) {
  constexpr auto kItem = schema::Entity::kItem;
  const std::optional<uint32_t> number = schema.FindAttribute(kItem, attribute);
  if (!number || schema.attributes(kItem)[*number].kind != schema::Kind::kVector) {
    return FailedPrecondition(
        "expected an attribute of items that is a vector, found '{0}', which is {1}; declare it in "
        "[schema.items] ({0} = \"vector({2})\") and import it",
        attribute, number ? "another kind of attribute" : "no attribute", dim);
  }
  const uint32_t width = schema.attributes(kItem)[*number].width;
  if (width != dim) {
    return FailedPrecondition(
        "expected vectors as wide as retrieval.dim = {}, found '{}' with {} numbers; set "
        "retrieval.dim = {}, or import vectors of the other width",
        dim, attribute, width, width);
  }
  return Ok();
}

Result<std::vector<uint32_t>> StartRows(const examples::ReplaySource& source,
                                        const features::FeatureStatistics& tables,
                                        const CandidateTrainOptions& options,
                                        const CandidateStart& start, CandidateModel* model,
                                        base::Progress& progress) {
  if (options.pretrained.empty()) return std::vector<uint32_t>();
  const bool continues = start.model != nullptr;
  if (continues && options.pretrained_rate != 1) {
    return FailedPrecondition(
        "a training whose pretrained rows move slowly ([retrieval] pretrained_rate = {:g}) cannot "
        "continue: which rows these are is not kept; train without --continue",
        options.pretrained_rate);
  }
  const uint32_t first = continues ? start.model->shape().items : 1;
  const uint32_t fresh = model->shape().items - first;
  if (options.pretrained == kItem2vec) {
    if (!continues) {
      progress.Note("items start at vectors of item2vec, made of the training part");
      return StartFromItem2vec(source, tables, options.seed, model);
    }
    if (fresh > 0) {
      progress.Note(fmt::format(
          "{} new items start at random: item2vec is for trainings without --continue", fresh));
    }
    return std::vector<uint32_t>();
  }
  const schema::Schema& schema = source.catalogue.schema();
  if (const Status fits = CheckGiven(options.pretrained, schema, model->dim()); !fits) {
    return FailedPrecondition("retrieval.pretrained: {}", fits.error().message);
  }
  std::vector<uint32_t> given =
      StartFromGiven(*schema.FindAttribute(schema::Entity::kItem, options.pretrained), tables,
                     source.catalogue, first, model);
  if (fresh > 0) {
    progress.Note(fmt::format("{} of {} {}items start at their '{}', the others at random",
                              given.size(), fresh, continues ? "new " : "", options.pretrained));
  }
  return given;
}

}  // namespace upnext::retrieval
