// What gives users and items vectors whose inner products order the items: upnext's own candidate model
// (candidate_model.h) or a network of others (onnx_encoder.h). Generators, serving and evaluation know
// this and no more, but for what only a trained model can say.
//
//   UPNEXT_RETURN_IF_ERROR(model.EncodeUsers(batch, out, scratch, {}));   // [batch.rows, dim]
//   model.item_vectors();                                   // row r is item row r; row 0 is no item
//   if (const CandidateModel* const trained = model.trained()) trained->AppendTo(graph) ...
//
// EncodeUsers is const: many threads, one scratch each.
#ifndef UPNEXT_RETRIEVAL_USER_ITEM_MODEL_H_
#define UPNEXT_RETRIEVAL_USER_ITEM_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/status.h"
#include "features/feature_block.h"
#include "nn/embedding_table.h"
#include "nn/parameter.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

class CandidateModel;

class UserItemModel {
 public:
  // Buffers of EncodeUsers, for one model and one thread at a time.
  struct Scratch {
    std::unique_ptr<EncoderScratch> encoder;
  };

  virtual ~UserItemModel() = default;

  // `batch`: features of the query side. out [batch.rows, dim].
  virtual Status EncodeUsers(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                             const nn::Compute& compute) const = 0;
  // [rows of the vocabulary of items, dim]. Only rows 1 to searched_rows() - 1 may be proposed: those
  // from there on are zeros that stand for no vector, and 0 is more than a negative product.
  virtual const nn::EmbeddingTable& item_vectors() const = 0;
  virtual size_t searched_rows() const { return item_vectors().rows(); }
  bool Knows(uint32_t row) const { return row != 0 && row < searched_rows(); }
  virtual uint32_t dim() const = 0;

  // Whether items that are not in item_vectors() have vectors too, by their content.
  virtual bool has_item_tower() const { return false; }
  // With an item tower: of these rows of `content`, a block of features of items. out [rows, dim]. Any
  // number of threads.
  virtual void EncodeNewItems(const features::FeatureBlock& /*content*/,
                              std::span<const uint32_t> /*rows*/, float* /*out*/) const {}

  // A section file; `features_digest` binds it to its vocabularies (SV-03).
  virtual Status Save(const std::filesystem::path& path, uint64_t features_digest) const = 0;
  // Of a network of others, for people: "encoder.onnx". Else "".
  virtual std::string NetworkName() const { return ""; }
  // Null for a network of others.
  virtual const CandidateModel* trained() const { return nullptr; }

 protected:
  UserItemModel() = default;
  UserItemModel(UserItemModel&&) = default;
  UserItemModel& operator=(UserItemModel&&) = default;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_USER_ITEM_MODEL_H_
