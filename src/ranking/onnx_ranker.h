// A network of others in the place of the trained ranker (decision 0094): ONNX, with a manifest that
// says which columns of the examples it reads and what its outputs predict. ONNX Runtime runs it, once
// for all candidates of a request.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto ranker, OnnxRanker::Open(std::move(parts), tables.plan));
//   UPNEXT_ASSIGN_OR_RETURN(const auto same, OnnxRanker::Load(file, features_digest, tables));
//
// Immutable but for the exponents of its objectives: any number of threads share one network.
#ifndef UPNEXT_RANKING_ONNX_RANKER_H_
#define UPNEXT_RANKING_ONNX_RANKER_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "features/feature_plan.h"
#include "features/feature_statistics.h"
#include "nn/parameter.h"
#include "onnx/given_network.h"
#include "onnx/inputs.h"
#include "onnx/manifest.h"
#include "onnx/tensor_model.h"
#include "ranking/ranking_model.h"

namespace upnext::ranking {

// Of its section file.
inline constexpr std::string_view kOnnxRankerKind = "onnx-ranker";
inline constexpr uint32_t kOnnxRankerVersion = 1;

struct OnnxRankerParts {
  onnx::GivenNetwork network;
  std::vector<Objective> objectives;  // that the project has
};

class OnnxRanker : public RankingModel {
 public:
  // Predicts those of the objectives that the manifest has, in their order. kInvalidArgument with
  // what is wrong: a manifest that is none or does not fit the network or the features, an objective
  // that there is not, and when no objective has an exponent.
  static Result<std::unique_ptr<OnnxRanker>> Make(OnnxRankerParts parts,
                                                  std::unique_ptr<const onnx::TensorModel> network,
                                                  const features::FeaturePlan& plan);
  // Make with the network of the parts, by ONNX Runtime; fails as onnx::Open too.
  static Result<std::unique_ptr<OnnxRanker>> Open(OnnxRankerParts parts,
                                                  const features::FeaturePlan& plan);

  // kInternal when the network fails, gives another shape than it said, or a number that is not
  // finite, or no probability where the manifest says so.
  Status Predict(const features::FeatureBlock& queries, const features::FeatureBlock& impressions,
                 std::span<const uint32_t> query_of, float* predictions, RankerScratch& scratch,
                 const nn::Compute& compute) const override;
  std::string Description() const override;

  // A section file of kind "onnx-ranker" (docs/formats/onnx_ranker.md). ReadParts and Load:
  // kFailedPrecondition when the file was written with other tables, kDataLoss when it holds anything
  // that Save could not have written.
  Status Save(const std::filesystem::path& path, uint64_t features_digest) const override;
  static Result<OnnxRankerParts> ReadParts(const std::filesystem::path& path,
                                           uint64_t features_digest);
  static Result<std::unique_ptr<OnnxRanker>> Load(const std::filesystem::path& path,
                                                  uint64_t features_digest,
                                                  const features::FeatureStatistics& tables);

 private:
  // Where a prediction comes from.
  struct Output {
    size_t result = 0;  // among those that are asked for
    size_t column = 0;
    onnx::Output::Is is = onnx::Output::Is::kValue;
  };
  OnnxRanker() = default;
  Status Bind(const onnx::Manifest& manifest, const std::vector<Objective>& objectives,
              const features::FeaturePlan& plan);
  Status BindOutput(const onnx::Output& output, const Objective& objective);
  Status TakeOutput(size_t objective, const onnx::Tensor& tensor, size_t rows,
                    float* predictions) const;

  onnx::GivenNetwork given_;
  std::unique_ptr<const onnx::TensorModel> network_;
  onnx::Inputs inputs_;
  std::vector<size_t> wanted_;   // outputs of the network
  std::vector<Output> outputs_;  // by objective
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_ONNX_RANKER_H_
