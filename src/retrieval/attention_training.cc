// Training of AttentionEncoder: all sequences of a batch forward, the loss, all of them backward.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "kernels/aligned_buffer.h"
#include "kernels/operand.h"
#include "kernels/vector_ops.h"
#include "nn/optimizer.h"
#include "retrieval/attention_encoder.h"

namespace upnext::retrieval {

class AttentionTraining : public EncoderTraining {
 public:
  AttentionTraining(AttentionEncoder* encoder, const EncoderDropout& dropout,
                    base::ThreadPool& pool)
      : encoder_(*encoder), dim_(encoder->dim_), dropout_{.rate = dropout.input}, pool_(pool) {
    if (encoder_.side_) {
      side_ = MakeBagTraining(&*encoder_.side_, encoder_.tables(), dropout, pool);
    }
  }

  void Begin(const features::FeatureBlock& batch, kernels::Precision precision, base::Rng& rng,
             base::Tasks& tasks) override {
    compute_ = {.precision = precision, .pool = &pool_};
    rows_ = batch.rows;
    BuildSequences(encoder_.ListsOf(batch), 0, rows_, encoder_.longest_, /*cut=*/true, &sequences_);
    PadSequences(kPlacesMultiple, &sequences_);
    if (dropout_.rate > 0.0f) dropout_.seed = rng.Next();
    d_x_.resize(places() * dim_);
    scales_.assign(places(), encoder_.scale_);
    users_.resize(rows_ * dim_);
    d_users_.resize(rows_ * dim_);
    operand_.Reserve(rows_ * dim_, precision);
    if (side_) side_->Begin(batch, precision, rng, tasks);
  }

  void AddRowGradients(size_t table, nn::RowStep& step) override {
    for (size_t list = 0; list < encoder_.lists_.size(); ++list) {
      if (table != encoder_.lists_[list].table) continue;
      step.AddRows(sequences_.ids[list], d_x_.data(), dim_, scales_);
    }
    if (side_) side_->AddRowGradients(table, step);
  }

  void Run(const UserLoss& loss) override {
    encoder_.Embed(sequences_, &x_, compute_);
    dropout_.Apply(kOfInput, x_.data(), places(), dim_, compute_);
    encoder_.transformer_.Forward(x_.data(), sequences_.places, dropout_, work_, compute_);
    if (side_) {
      side_->Run([&](size_t begin, size_t n, const float* users, kernels::OperandView, float* d) {
        RunBlock(begin, n, users, loss);
        std::copy_n(d_users_.data() + begin * dim_, n * dim_, d);
      });
    } else {
      constexpr size_t kRows = 64;
      pool_.ParallelFor((rows_ + kRows - 1) / kRows, 1, [&](size_t first, size_t last) {
        for (size_t block = first; block < last; ++block) {
          RunBlock(block * kRows, std::min(kRows, rows_ - block * kRows), nullptr, loss);
        }
      });
    }
    d_reads_.assign(work_.out.size(), 0.0f);
    for (size_t row = 0; row < rows_; ++row) {
      kernels::Axpy(1.0f, d_users_.data() + row * dim_,
                    d_reads_.data() + sequences_.read_of[row] * dim_, dim_);
    }
    encoder_.transformer_.Backward(sequences_.places, dropout_, work_, d_reads_.data(), d_x_.data(),
                                   compute_);
    dropout_.Apply(kOfInput, d_x_.data(), places(), dim_, compute_);
    for (size_t i = 0; i < places(); ++i) {
      kernels::Axpy(1.0f, d_x_.data() + i * dim_,
                    encoder_.position_gradient_.data() + sequences_.places.places[i] * dim_, dim_);
    }
  }

  const float* users() const override { return users_.data(); }
  kernels::OperandView user_operand() const override { return operand_.view(); }
  void AppendGradients(size_t pieces, base::Tasks& tasks) override {
    if (side_) side_->AppendGradients(pieces, tasks);
  }
  std::vector<nn::DeadUnits*> ReluLayers() override {
    return side_ ? side_->ReluLayers() : std::vector<nn::DeadUnits*>();
  }

 private:
  static constexpr size_t kPlacesMultiple = 256;
  static constexpr uint64_t kOfInput = 1 << 20;  // the dropout of the input, beyond those of blocks

  size_t places() const { return sequences_.places.size(); }

  // side [n, dim]: what is added to the outputs of the sequences, or null.
  void RunBlock(size_t begin, size_t n, const float* side, const UserLoss& loss) {
    float* const users = users_.data() + begin * dim_;
    for (size_t i = 0; i < n; ++i) {
      std::copy_n(work_.out.data() + sequences_.read_of[begin + i] * dim_, dim_, users + i * dim_);
    }
    if (side != nullptr) kernels::Axpy(1.0f, side, users, n * dim_);
    operand_.Store(begin * dim_, {users, n * dim_});
    loss(begin, n, users, operand_.view() + begin * dim_, d_users_.data() + begin * dim_);
  }

  AttentionEncoder& encoder_;
  const size_t dim_;
  nn::MaskedDropout dropout_;
  base::ThreadPool& pool_;
  std::unique_ptr<EncoderTraining> side_;

  // Of the batch in progress.
  nn::Compute compute_;
  size_t rows_ = 0;
  SequenceBatch sequences_;
  std::vector<float> scales_;   // [places]
  std::vector<float> x_, d_x_;  // [places, dim]
  nn::Transformer::Work work_;
  std::vector<float> users_, d_users_;  // [rows, dim]
  std::vector<float> d_reads_;          // [reads, dim]
  kernels::Operand operand_;            // of users_
};

std::unique_ptr<EncoderTraining> AttentionEncoder::MakeTraining(const EncoderDropout& dropout,
                                                                base::ThreadPool& pool) {
  return std::make_unique<AttentionTraining>(this, dropout, pool);
}

}  // namespace upnext::retrieval
