// Features as the inputs of a network of others: one row for each impression of a ranker, for each
// query of a user encoder, as a row of the exported examples, read by the same columns
// (features/block_columns.h).
//
//   UPNEXT_ASSIGN_OR_RETURN(const Inputs inputs, Inputs::Bind(manifest.inputs, network.inputs(), plan,
//                                                             rows, Of::kRanker));
//   network.Run(inputs.Make(queries, impressions, query_of), outputs);
//
// Immutable: any number of threads.
#ifndef UPNEXT_ONNX_INPUTS_H_
#define UPNEXT_ONNX_INPUTS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "features/block_columns.h"
#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/feature_statistics.h"
#include "onnx/manifest.h"
#include "onnx/tensor_model.h"

namespace upnext::onnx {

// By name of the vocabulary: how many rows it had in the examples. A network has seen no others: an id
// with a row beyond them is read as one out of vocabulary, 0.
using VocabularyRows = std::map<std::string, uint32_t, std::less<>>;
VocabularyRows RowsOf(const features::FeatureStatistics& tables);

// Besides the features, columns of the examples that a ranker may read: the position, which nobody
// knows when a feed is made and which is missing, and the duration of the item.
inline constexpr char kPositionColumn[] = "position", kDurationColumn[] = "duration_s";

class Inputs {
 public:
  // kInvalidArgument with what differs: an input that the manifest or the network has not, a column
  // that the examples have not or that is of a candidate in place of the user, another width than that
  // of the columns, a type that is no number.
  static Result<Inputs> Bind(std::span<const Input> inputs, const std::vector<TensorPort>& ports,
                             const features::FeaturePlan& plan, const VocabularyRows& rows, Of of);
  // Of a ranker. As the ports; `query_of` [impressions.rows].
  std::vector<Tensor> Make(const features::FeatureBlock& queries,
                           const features::FeatureBlock& impressions,
                           std::span<const uint32_t> query_of) const;
  // Of a user encoder.
  std::vector<Tensor> Make(const features::FeatureBlock& queries) const;

 private:
  struct Source {
    enum class From : uint8_t { kQuery, kImpression, kDuration, kPosition } from = From::kQuery;
    features::BlockColumn column = {};
    uint32_t rows = UINT32_MAX;  // of the vocabulary
    double missing = 0;
    size_t at = 0;     // in a row of the tensor
    size_t width = 1;  // there
  };
  struct Bound {
    TensorType type = TensorType::kFloat;
    bool flat = false;  // [rows] in place of [rows, 1]
    size_t width = 0;
    std::vector<Source> sources = {};
  };
  struct Columns {
    Of of;
    std::map<std::string, Source, std::less<>> by_name = {};
  };
  static Columns ColumnsOf(const features::FeaturePlan& plan, const VocabularyRows& rows, Of of);
  static std::unexpected<Error> NoColumn(const Columns& columns, const std::string& name);
  static Result<Source> Find(const Columns& columns, const std::string& name, bool list);
  static Result<Bound> BindOne(const Input& input, const TensorPort& port, const Columns& columns);
  template <typename T>
  static Tensor Fill(const Bound& input, const features::FeatureBlock& queries,
                     const features::FeatureBlock& impressions, std::span<const uint32_t> query_of);
  template <typename T>
  static void PutCells(const Source& source, const features::FeatureBlock& block, size_t row,
                       T* cells);

  std::vector<Bound> inputs_;  // as the ports
};

// As in messages: "a, b".
std::string PortNames(const std::vector<TensorPort>& ports);
// The number of the port of this name, or of the only one if the name is empty. kInvalidArgument with
// the ports that there are. `what`: "input" or "output".
Result<size_t> FindPort(const std::vector<TensorPort>& ports, const std::string& name,
                        std::string_view what);

}  // namespace upnext::onnx

#endif  // UPNEXT_ONNX_INPUTS_H_
