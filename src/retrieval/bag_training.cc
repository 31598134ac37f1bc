// Training of a BagTower: block by block, so that a block's values stay in a core's cache.
#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "base/rng.h"
#include "features/feature_block.h"
#include "kernels/aligned_buffer.h"
#include "kernels/vector_ops.h"
#include "nn/dense.h"
#include "retrieval/bag_tower.h"

namespace upnext::retrieval {
namespace {

// Each id of each bag stays with probability 1 - rate.
void ThinBags(const features::Bags& bags, float rate, base::Rng& rng, features::Bags* thinned) {
  thinned->Clear();
  for (size_t i = 0; i < bags.size(); ++i) {
    for (uint32_t at = bags.offsets[i]; at < bags.offsets[i + 1]; ++at) {
      if (rng.Uniform() >= rate) thinned->Append(bags, at, at + 1);
    }
    thinned->Close();
  }
}

class BagTraining : public EncoderTraining {
 public:
  BagTraining(BagTower* tower, std::span<const nn::EmbeddingTable> tables,
              const EncoderDropout& dropout, base::ThreadPool& pool)
      : tables_(tables),
        input_(tower->input),
        tower_(tower->tower),
        dropout_(dropout),
        pool_(pool),
        d_ids_(tower->input.layout().inputs.size()),
        d_queries_(d_ids_.size()) {}

  void Begin(const features::FeatureBlock& batch, kernels::Precision precision, base::Rng& rng,
             base::Tasks& tasks) override {
    batch_ = &Thinned(batch, rng);
    input_.CutWindows(*batch_, &windows_);
    block_ = nn::BlockFor(batch_->rows, &pool_);
    d_input_.Reserve(batch_->rows * width());
    if (dropout_.input > 0.0f) {
      dropout_seed_ = rng.Next();
      kept_.resize(batch_->rows * width());
    }
    const size_t blocks = (batch_->rows + block_ - 1) / block_;
    for (size_t i = 0; i < d_ids_.size(); ++i) {
      if (!HasRowGradients(input_.kind(i))) continue;
      const size_t dim = input_.layout().inputs[i].dim;
      d_ids_[i].Reserve(input_.BagsOf(*batch_, windows_, i).ids.size() * dim);
      d_queries_[i].assign(blocks * dim, 0.0f);
    }
    tasks.push_back([this, precision] { tower_.Begin(batch_->rows, precision, block_); });
  }

  void AddRowGradients(size_t table, nn::RowStep& step) override {
    for (size_t i = 0; i < input_.layout().inputs.size(); ++i) {
      const CandidateLayout::Input& input = input_.layout().inputs[i];
      if (input.table != table) continue;
      const features::Bags& bags = input_.BagsOf(*batch_, windows_, i);
      if (HasRowGradients(input_.kind(i))) {
        step.AddRows(bags.ids, d_ids_[i].data(), input.dim);
      } else {
        step.AddBags(
            View(bags), d_input_.data() + input.offset, width(),
            input_.kind(i) == Pooling::kSum ? kernels::Pooling::kSum : kernels::Pooling::kMean);
      }
    }
  }

  void Run(const UserLoss& loss) override {
    pool_.ParallelFor(tower_.blocks(), 1, [&](size_t begin, size_t end) {
      for (size_t block = begin; block < end; ++block) RunBlock(block, loss);
    });
  }

  const float* users() const override { return users_; }
  kernels::OperandView user_operand() const override { return tower_.output_operand(); }

  void AppendGradients(size_t pieces, base::Tasks& tasks) override {
    tower_.AppendGradients(pieces, tasks);
    tasks.push_back([this] {
      tower_.NoteActivity();
      for (size_t i = 0; i < d_ids_.size(); ++i) {
        const std::span<float> sum = input_.query_gradient(i);
        if (sum.empty()) continue;
        kernels::ColumnSums(d_queries_[i].data(), tower_.blocks(), sum.size(), sum.data());
      }
    });
  }

  std::vector<nn::DeadUnits*> ReluLayers() override { return tower_.ReluLayers(); }

 private:
  size_t width() const { return input_.layout().width; }

  void RunBlock(size_t block, const UserLoss& loss) {
    const size_t begin = block * block_, n = std::min(block_, batch_->rows - begin);
    const size_t dim = tower_.output();
    thread_local kernels::AlignedBuffer<float> input, d_users;
    input.Reserve(n * width());
    d_users.Reserve(n * dim);
    input_.Build(tables_, *batch_, windows_, begin, begin + n, input.data());
    if (dropout_.input > 0.0f) DropInput(block, n, input.data());
    const float* users = tower_.ForwardBlock(block, input.data());
    if (block == 0) users_ = users;
    loss(begin, n, users, tower_.output_operand() + begin * dim, d_users.data());
    float* d_input = d_input_.data() + begin * width();
    tower_.BackwardBlock(block, d_users.data(), d_input);
    if (dropout_.input > 0.0f) {
      const float scale = 1.0f / (1.0f - dropout_.input);
      const uint8_t* kept = kept_.data() + begin * width();
      for (size_t i = 0; i < n * width(); ++i) d_input[i] = kept[i] ? d_input[i] * scale : 0.0f;
    }
    for (size_t i = 0; i < d_ids_.size(); ++i) {
      if (!HasRowGradients(input_.kind(i))) continue;
      const CandidateLayout::Input& at = input_.layout().inputs[i];
      const features::Bags& bags = input_.BagsOf(*batch_, windows_, i);
      input_.PoolingOf(tables_, i)
          .Backward(View(bags, begin, begin + n), d_input + at.offset, width(),
                    d_ids_[i].data() + bags.offsets[begin] * at.dim,
                    d_queries_[i].data() + block * at.dim);
    }
  }

  const features::FeatureBlock& Thinned(const features::FeatureBlock& batch, base::Rng& rng) {
    if (dropout_.bags <= 0.0f) return batch;
    thinned_.categorical.resize(batch.categorical.size());
    for (const CandidateLayout::Input& input : input_.layout().inputs) {
      if (input.window > 0) continue;
      const features::Bags& bags = batch.categorical[input.slot];
      if (input.list) {
        ThinBags(bags, dropout_.bags, rng, &thinned_.categorical[input.slot]);
      } else {
        thinned_.categorical[input.slot] = bags;
      }
    }
    thinned_.dense = batch.dense;
    thinned_.rows = batch.rows;
    return thinned_;
  }

  // Inverted dropout: what stays is scaled up, so that nothing needs scaling when the model is used.
  // The numbers at the end of the input stay as they are: 0 is a value of theirs, an example age of 0
  // means now, and a model trained with age 0 on old examples does not learn what is new (CG-09).
  // Each block has its own random stream, whichever thread computes it.
  void DropInput(size_t block, size_t n, float* input) {
    const size_t dropped = input_.layout().dense;
    const float scale = 1.0f / (1.0f - dropout_.input);
    const auto threshold = static_cast<uint32_t>(dropout_.input * 65536.0f);
    uint8_t* kept = kept_.data() + block * block_ * width();
    base::Rng rng(dropout_seed_, block);
    for (size_t row = 0; row < n; ++row, input += width(), kept += width()) {
      uint64_t random = 0;
      for (size_t i = 0; i < dropped; ++i) {
        random = i % 4 == 0 ? rng.Next() : random >> 16;
        kept[i] = (random & 0xffff) >= threshold;
        input[i] = kept[i] ? input[i] * scale : 0.0f;
      }
      std::fill(kept + dropped, kept + width(), uint8_t{1});
    }
  }

  const std::span<const nn::EmbeddingTable> tables_;
  BagInput& input_;
  nn::Tower& tower_;
  const EncoderDropout dropout_;
  base::ThreadPool& pool_;

  // Of the batch in progress.
  const features::FeatureBlock* batch_ = nullptr;  // with dropout of bags &thinned_
  features::FeatureBlock thinned_;
  std::vector<features::Bags> windows_;
  size_t block_ = 0;                                  // examples of a block
  const float* users_ = nullptr;                      // [batch, dim]
  kernels::AlignedBuffer<float> d_input_;             // [batch, width]
  std::vector<kernels::AlignedBuffer<float>> d_ids_;  // by input, [ids, dim], if it has them
  std::vector<std::vector<float>> d_queries_;         // by input, [blocks, dim], likewise
  uint64_t dropout_seed_ = 0;
  std::vector<uint8_t> kept_;  // [batch, width], with dropout
};

}  // namespace

std::unique_ptr<EncoderTraining> MakeBagTraining(BagTower* tower,
                                                 std::span<const nn::EmbeddingTable> tables,
                                                 const EncoderDropout& dropout,
                                                 base::ThreadPool& pool) {
  return std::make_unique<BagTraining>(tower, tables, dropout, pool);
}

}  // namespace upnext::retrieval
