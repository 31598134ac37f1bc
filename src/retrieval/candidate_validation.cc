#include "retrieval/candidate_validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "ann/exact_index.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"
#include "features/feature_extractor.h"
#include "retrieval/indexed_items.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kBlockUsers = 512, kCutoff = 10;

// An ann::Filter whose context is the sorted items that are left out.
bool IsShown(const void* hidden, uint32_t item) {
  return !std::ranges::binary_search(*static_cast<const std::vector<uint32_t>*>(hidden), item);
}

double Discount(size_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 1.0); }

double NdcgOf(std::span<const ann::Hit> hits, std::span<const uint32_t> targets) {
  double gain = 0.0, ideal = 0.0;
  for (size_t i = 0; i < hits.size(); ++i) {
    if (std::ranges::binary_search(targets, hits[i].id)) gain += Discount(i + 1);
  }
  for (size_t i = 0; i < std::min(kCutoff, targets.size()); ++i) ideal += Discount(i + 1);
  return gain / ideal;
}

}  // namespace

CandidateValidation::CandidateValidation(const examples::ReplaySource& source,
                                         const features::FeatureStatistics& tables,
                                         examples::SplitPart part, const features::FeedRule& feed,
                                         uint32_t max_users, base::ThreadPool& pool)
    : items_(tables.vocabulary(features::kItemVocabulary)) {
  const std::vector<examples::HoldoutCase> all = examples::HoldoutCases(source, part, pool);
  cases_ = std::min<size_t>(all.size(), max_users);
  blocks_.resize((cases_ + kBlockUsers - 1) / kBlockUsers);
  const features::FeatureExtractor extractor(tables, source.catalogue, features::Model::kRetrieval);
  const examples::HiddenItems hidden(source, feed);
  pool.ParallelFor(blocks_.size(), 1, [&](size_t first, size_t last) {
    for (size_t b = first; b < last; ++b) {
      Block& block = blocks_[b];
      for (size_t i = b * kBlockUsers; i < std::min(cases_, (b + 1) * kBlockUsers); ++i) {
        const examples::HoldoutCase& held_out = all[i * all.size() / cases_];
        const features::UserState state =
            examples::StateAt(source, held_out.user, held_out.end_row, tables.plan.state());
        extractor.AppendQuery(state, held_out.user, held_out.context, &block.batch);
        std::vector<uint32_t>& targets =
            block.targets.emplace_back(held_out.targets.begin(), held_out.targets.end());
        std::ranges::sort(targets);
        block.hidden.push_back(hidden.Of(held_out, state));
      }
    }
  });
}

double CandidateValidation::Ndcg(const CandidateModel& model, const nn::Compute& compute) const {
  if (cases_ == 0) return std::numeric_limits<double>::quiet_NaN();
  std::optional<nn::EmbeddingTable> wide;
  if (model.item_vectors().is_half()) wide.emplace(model.item_vectors().Widened());
  const ann::ExactIndex index(IndexedItems(wide ? *wide : model.item_vectors(), items_));
  CandidateModel::Scratch scratch;
  std::vector<float> users;
  std::vector<std::vector<ann::Hit>> hits;
  std::vector<ann::Filter> shown;
  double sum = 0.0;
  for (const Block& block : blocks_) {
    users.resize(block.batch.rows * model.dim());
    model.UserVectors(block.batch, users.data(), scratch, compute);
    shown.clear();
    for (const std::vector<uint32_t>& hidden : block.hidden) {
      shown.push_back({.passes = IsShown, .context = &hidden});
    }
    index.SearchBatch(users, kCutoff, shown, *compute.pool, &hits);
    for (size_t i = 0; i < hits.size(); ++i) sum += NdcgOf(hits[i], block.targets[i]);
  }
  return sum / static_cast<double>(cases_);
}

}  // namespace upnext::retrieval
