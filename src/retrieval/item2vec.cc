#include "retrieval/item2vec.h"

#include <algorithm>
#include <span>
#include <vector>

#include "base/rng.h"
#include "examples/sampler.h"
#include "kernels/vector_ops.h"
#include "nn/losses.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// The items of each user, as rows, oldest first: row u is that of the u-th user with any.
std::vector<std::vector<uint32_t>> SequencesOf(const examples::ReplaySource& source,
                                               const features::Vocabulary& items) {
  std::vector<std::vector<uint32_t>> sequences;
  uint32_t last = schema::kNone;
  ForTrainingHistory(source, [&](uint32_t user, const schema::Event& event, bool, bool positive) {
    const uint32_t row = items.Row(event.item);
    if (!positive || row == 0) return;
    if (user != last) sequences.emplace_back();
    last = user;
    sequences.back().push_back(row);
  });
  return sequences;
}

class SkipGram {
 public:
  SkipGram(const features::Vocabulary& items, const Item2vecOptions& options)
      : options_(options),
        dim_(options.dim),
        rng_(options.seed, /*stream=*/3),
        vectors_({.rows = items.rows(),
                  .dim = options.dim,
                  .scale = 0.5f / static_cast<float>(options.dim)},
                 rng_),
        contexts_(items.rows() * dim_),
        d_vector_(dim_),
        sampler_({}, items) {}

  // Each event with those around it. `rate` of the steps.
  void Learn(std::span<const uint32_t> sequence, float rate) {
    for (size_t at = 0; at < sequence.size(); ++at) {
      const size_t width = 1 + rng_.Below(options_.window);
      const size_t end = std::min(sequence.size(), at + width + 1);
      for (size_t near = at - std::min(at, width); near < end; ++near) {
        if (near != at) LearnPair(sequence[at], sequence[near], rate);
      }
    }
  }
  nn::EmbeddingTable Take() && { return std::move(vectors_); }

 private:
  void LearnPair(uint32_t item, uint32_t context, float rate) {
    float* const vector = vectors_.view().data + item * dim_;
    std::ranges::fill(d_vector_, 0.0f);
    sampler_.Draw(options_.negatives, rng_, &negatives_);
    const auto learn = [&](uint32_t row, float label) {
      float* const other = contexts_.data() + row * dim_;
      const float step = rate * (label - nn::Sigmoid(kernels::Dot(vector, other, dim_)));
      kernels::Axpy(step, other, d_vector_.data(), dim_);
      kernels::Axpy(step, vector, other, dim_);
    };
    learn(context, 1);
    for (const uint32_t row : negatives_) {
      if (row != context) learn(row, 0);
    }
    kernels::Axpy(1, d_vector_.data(), vector, dim_);
  }

  const Item2vecOptions options_;
  const size_t dim_;
  base::Rng rng_;
  nn::EmbeddingTable vectors_;
  std::vector<float> contexts_;  // [rows, dim]
  std::vector<float> d_vector_;
  examples::NegativeSampler sampler_;
  std::vector<uint32_t> negatives_;
};

}  // namespace

nn::EmbeddingTable TrainItem2vec(const examples::ReplaySource& source,
                                 const features::Vocabulary& items,
                                 const Item2vecOptions& options) {
  constexpr float kLeastShare = 0.01f;  // of the learning rate
  const std::vector<std::vector<uint32_t>> sequences = SequencesOf(source, items);
  SkipGram model(items, options);
  const auto steps = static_cast<float>(options.epochs * std::max<size_t>(1, sequences.size()));
  float done = 0;
  for (uint32_t epoch = 0; epoch < options.epochs; ++epoch) {
    for (const std::vector<uint32_t>& sequence : sequences) {
      model.Learn(sequence, options.learning_rate * std::max(kLeastShare, 1 - done / steps));
      ++done;
    }
  }
  return std::move(model).Take();
}

}  // namespace upnext::retrieval
