#include "retrieval/attention_encoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "features/model_shape.h"
#include "kernels/vector_ops.h"
#include "retrieval/user_encoders.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kEncodedRows = 64;  // at once, which bounds the memory

struct AttentionScratch : EncoderScratch {
  SequenceBatch sequences;
  std::vector<float> x, side;
  nn::Transformer::Work work;
  BagTower::Work side_work;
};

// The first list of items in the order of time; the number of slots when there is none.
size_t HistorySlot(const features::ModelShape& inputs) {
  const auto& slots = inputs.query.slots;
  return static_cast<size_t>(std::ranges::find_if(slots,
                                                  [&](const features::ModelShape::Slot& slot) {
                                                    return slot.ordered &&
                                                           inputs.tables[slot.table].name ==
                                                               features::kItemVocabulary;
                                                  }) -
                             slots.begin());
}

// The slots that make a place: HistorySlot, and what is said of the same events.
std::vector<size_t> PlaceSlots(const features::ModelShape& inputs) {
  const auto& slots = inputs.query.slots;
  std::vector<size_t> found = {HistorySlot(inputs)};
  const uint32_t events = found[0] < slots.size() ? slots[found[0]].events : 0;
  for (size_t i = 0; events > 0 && i < slots.size(); ++i) {
    if (i != found[0] && slots[i].events == events) found.push_back(i);
  }
  return found;
}

nn::TransformerOptions TransformerOf(const CandidateModelOptions& options) {
  return {.dim = options.dim,
          .blocks = options.blocks,
          .heads = options.heads,
          .hidden = options.hidden > 0 ? options.hidden : options.dim};
}

}  // namespace

std::unique_ptr<UserEncoder> MakeAttentionEncoder(const CandidateModelOptions& options,
                                                  const CandidateShape& shape,
                                                  std::vector<nn::EmbeddingTable> tables,
                                                  base::Rng& rng) {
  return std::make_unique<AttentionEncoder>(options, shape, std::move(tables), rng);
}

Status CheckAttentionEncoder(const CandidateModelOptions& options, const CandidateShape& shape) {
  if (HistorySlot(shape.inputs) == shape.inputs.query.slots.size()) {
    return FailedPrecondition(
        "the encoder 'attention' reads items in the order of time, and no feature of retrieval is "
        "such a list; declare one, e.g. from = \"history(interest, item, 200)\"");
  }
  if (options.dim != options.embedding_dim || options.dim % options.heads != 0) {
    return FailedPrecondition(
        "the encoder 'attention' needs dim and embedding_dim to be equal, and a multiple of heads; "
        "found {}, {} and {}",
        options.dim, options.embedding_dim, options.heads);
  }
  return Ok();
}

double WeightsOfAttentionEncoder(const CandidateModelOptions& options,
                                 const CandidateShape& shape) {
  return nn::Transformer::WeightsOf(TransformerOf(options)) +
         (options.sequence_length + 1.0) * options.dim +
         BagTower::WeightsOf(options, shape.inputs, PlaceSlots(shape.inputs));
}

AttentionEncoder::AttentionEncoder(const CandidateModelOptions& options,
                                   const CandidateShape& shape,
                                   std::vector<nn::EmbeddingTable> tables, base::Rng& rng)
    : UserEncoder(std::move(tables)),
      dim_(options.dim),
      longest_(options.sequence_length),
      scale_(std::sqrt(static_cast<float>(options.dim))),
      positions_((longest_ + 1) * dim_),
      position_gradient_(positions_.size()),
      transformer_(TransformerOf(options), rng) {
  // Small next to the items, whose components are about as large as a half.
  for (float& value : positions_) value = static_cast<float>(0.05 * rng.Normal());
  const std::vector<size_t> slots = PlaceSlots(shape.inputs);
  for (const size_t slot : slots) lists_.push_back({slot, shape.inputs.query.slots[slot].table});
  if (LayoutOf(options, shape.inputs, slots).width > 0) {
    side_.emplace(options, shape.inputs, BagTowerOptions{.skip = slots, .last_linear = true}, rng);
  }
}

void AttentionEncoder::Embed(const SequenceBatch& sequences, std::vector<float>* x,
                             const nn::Compute& compute) const {
  constexpr size_t kGrain = 64;
  const size_t places = sequences.places.size();
  x->resize(places * dim_);
  base::ParallelFor(compute.pool, places, kGrain, [&](size_t begin, size_t end) {
    float* const rows = x->data() + begin * dim_;
    thread_local std::vector<float> said;
    said.resize((end - begin) * dim_);
    for (size_t list = 0; list < lists_.size(); ++list) {
      float* const to = list == 0 ? rows : said.data();
      const std::span<const uint32_t> ids = sequences.ids[list];
      tables()[lists_[list].table].GatherRows(ids.subspan(begin, end - begin), to, dim_);
      if (list > 0) kernels::Axpy(1.0f, said.data(), rows, said.size());
    }
    kernels::Scale(scale_, rows, (end - begin) * dim_);
    for (size_t i = begin; i < end; ++i) {
      kernels::Axpy(1.0f, positions_.data() + sequences.places.places[i] * dim_,
                    x->data() + i * dim_, dim_);
    }
  });
}

void AttentionEncoder::Encode(const features::FeatureBlock& batch, float* out,
                              std::unique_ptr<EncoderScratch>& scratch,
                              const nn::Compute& compute) const {
  auto& work = ScratchOf<AttentionScratch>(scratch);
  const std::vector<const features::Bags*> lists = ListsOf(batch);
  for (size_t begin = 0; begin < batch.rows; begin += kEncodedRows) {
    const size_t end = std::min(batch.rows, begin + kEncodedRows);
    BuildSequences(lists, begin, end, longest_, /*cut=*/false, &work.sequences);
    Embed(work.sequences, &work.x, compute);
    transformer_.Forward(work.x.data(), work.sequences.places, {}, work.work, compute);
    for (size_t row = begin; row < end; ++row) {
      std::copy_n(work.work.out.data() + work.sequences.read_of[row - begin] * dim_, dim_,
                  out + row * dim_);
    }
  }
  if (!side_) return;
  work.side.resize(batch.rows * dim_);
  side_->Encode(tables(), batch, work.side.data(), work.side_work, compute);
  kernels::Axpy(1.0f, work.side.data(), out, work.side.size());
}

void AttentionEncoder::AppendParameters(std::vector<nn::Parameter>& parameters) {
  parameters.push_back({.name = "positions",
                        .shape = {longest_ + 1, dim_},
                        .value = positions_,
                        .gradient = position_gradient_});
  transformer_.AppendParameters("blocks", parameters);
  if (side_) side_->AppendParameters(parameters);
}

size_t AttentionEncoder::multiplications() const {
  return longest_ * transformer_.multiplications() + (side_ ? side_->tower.multiplications() : 0);
}

}  // namespace upnext::retrieval
