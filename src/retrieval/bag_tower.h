// Pooled lists, embeddings of single ids and numbers side by side, and a tower above them: the encoder
// `bag`, and what the encoder `attention` has next to the history.
//
//   BagTower side(options, shape.inputs, {.skip = lists, .last_linear = true}, rng);
//   side.Encode(tables, batch, out, work, compute);                  // [rows, dim]
//   auto training = MakeBagTraining(&side, tables, dropout, pool);
//
// Encode is const: many threads, one Work each. Only the encoders include it.
#ifndef UPNEXT_RETRIEVAL_BAG_TOWER_H_
#define UPNEXT_RETRIEVAL_BAG_TOWER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "features/model_shape.h"
#include "nn/dense.h"
#include "nn/embedding_table.h"
#include "retrieval/bag_input.h"
#include "retrieval/user_encoder.h"

namespace upnext::retrieval {

struct BagTowerOptions {
  std::span<const size_t> skip = {};  // slots that it does not read
  bool last_linear = false;           // no ReLU after the last layer
};

struct BagTower {
  BagTower(const CandidateModelOptions& options, const features::ModelShape& inputs,
           const BagTowerOptions& tower_options, base::Rng& rng);

  struct Work {
    std::vector<features::Bags> windows;  // as CutWindows() leaves them
    std::vector<float> input;             // [batch, width]
    nn::Tower::Scratch tower;
  };
  void Encode(std::span<const nn::EmbeddingTable> tables, const features::FeatureBlock& batch,
              float* out, Work& work, const nn::Compute& compute) const;
  void AppendParameters(std::vector<nn::Parameter>& parameters);
  static double WeightsOf(const CandidateModelOptions& options, const features::ModelShape& inputs,
                          std::span<const size_t> skip);

  BagInput input;
  nn::Tower tower;
};

// `tower` and `tables` must outlive it and not move.
std::unique_ptr<EncoderTraining> MakeBagTraining(BagTower* tower,
                                                 std::span<const nn::EmbeddingTable> tables,
                                                 const EncoderDropout& dropout,
                                                 base::ThreadPool& pool);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BAG_TOWER_H_
