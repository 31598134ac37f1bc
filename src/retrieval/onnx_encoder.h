// A user encoder of others in the place of the candidate model (decision 0096): an ONNX network, with a
// manifest that says which columns of the examples it reads, and the items' vectors as a file. ONNX
// Runtime runs it, once for each request.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto encoder, OnnxEncoder::Open(parts, tables));
//   UPNEXT_ASSIGN_OR_RETURN(const auto same, OnnxEncoder::Load(file, features_digest, tables));
//
// Immutable: any number of threads share one network.
#ifndef UPNEXT_RETRIEVAL_ONNX_ENCODER_H_
#define UPNEXT_RETRIEVAL_ONNX_ENCODER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/npy.h"
#include "base/status.h"
#include "features/feature_statistics.h"
#include "nn/embedding_table.h"
#include "nn/parameter.h"
#include "onnx/given_network.h"
#include "onnx/inputs.h"
#include "onnx/manifest.h"
#include "onnx/tensor_model.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

// Of its section file.
inline constexpr std::string_view kOnnxEncoderKind = "onnx-encoder";
inline constexpr uint32_t kOnnxEncoderVersion = 1;

struct OnnxEncoderParts {
  onnx::GivenNetwork network;
  // [rows of the vocabulary of items in the examples, dim]; row 0 is no item.
  base::NpyMatrix items;
};

class OnnxEncoder : public UserItemModel {
 public:
  // `tables`: of the bundle; their items begin with those of the examples. kInvalidArgument with what is
  // wrong: a manifest that is none or does not fit the network or the features, vectors of items of
  // another number or width, or that are not finite.
  static Result<std::unique_ptr<OnnxEncoder>> Make(const OnnxEncoderParts& parts,
                                                   std::unique_ptr<const onnx::TensorModel> network,
                                                   const features::FeatureStatistics& tables);
  // Make with the network of the parts, by ONNX Runtime; fails as onnx::Open too.
  static Result<std::unique_ptr<OnnxEncoder>> Open(const OnnxEncoderParts& parts,
                                                   const features::FeatureStatistics& tables);

  // kInternal when the network fails, gives another shape than it said, or a number that is not finite.
  Status EncodeUsers(const features::FeatureBlock& batch, float* out, Scratch& scratch,
                     const nn::Compute& compute) const override;
  const nn::EmbeddingTable& item_vectors() const override { return items_; }
  size_t searched_rows() const override { return searched_rows_; }
  uint32_t dim() const override { return static_cast<uint32_t>(items_.dim()); }
  std::string NetworkName() const override { return given_.name; }

  // A section file of kind "onnx-encoder" (docs/formats/onnx_encoder.md). ReadParts and Load:
  // kFailedPrecondition when the file was written with other tables, kDataLoss when it holds anything
  // that Save could not have written.
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const override;
  static Result<OnnxEncoderParts> ReadParts(const std::filesystem::path& path,
                                            uint64_t features_digest);
  static Result<std::unique_ptr<OnnxEncoder>> Load(const std::filesystem::path& path,
                                                   uint64_t features_digest,
                                                   const features::FeatureStatistics& tables);

 private:
  OnnxEncoder(onnx::GivenNetwork given, std::unique_ptr<const onnx::TensorModel> network,
              nn::EmbeddingTable items, size_t searched_rows);
  Status Bind(const onnx::Manifest& manifest, const features::FeaturePlan& plan);
  Status TakeOutput(const onnx::Tensor& tensor, size_t rows, float* out) const;

  onnx::GivenNetwork given_;
  std::unique_ptr<const onnx::TensorModel> network_;
  onnx::Inputs inputs_;
  size_t output_ = 0;  // of the network
  nn::EmbeddingTable items_;
  size_t searched_rows_;  // those of the examples
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_ONNX_ENCODER_H_
