#include "retrieval/candidate_validation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "examples/holdout.h"
#include "retrieval/exact_index.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kBlockUsers = 512, kCutoff = 10;

// Rows of the items that the user watched, fully or in part, before `end_row`.
std::vector<uint32_t> SeenRows(const examples::ReplaySource& source,
                               const features::Vocabulary& vocabulary, uint32_t user,
                               uint64_t end_row) {
  std::vector<uint32_t> seen;
  for (uint64_t row = source.log.begin(user); row < end_row; ++row) {
    const schema::EventType type = source.log.type(row);
    if (type != schema::EventType::kWatch && type != schema::EventType::kComplete) continue;
    seen.push_back(vocabulary.Row(source.log.item_of(row)));
  }
  std::ranges::sort(seen);
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  return seen;
}

double Discount(size_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 1.0); }

double NdcgOf(std::span<const Hit> hits, std::span<const uint32_t> targets) {
  double gain = 0.0, ideal = 0.0;
  for (size_t i = 0; i < hits.size(); ++i) {
    if (std::ranges::binary_search(targets, hits[i].row)) gain += Discount(i + 1);
  }
  for (size_t i = 0; i < std::min(kCutoff, targets.size()); ++i) ideal += Discount(i + 1);
  return gain / ideal;
}

}  // namespace

CandidateValidation::CandidateValidation(const examples::ReplaySource& source,
                                         const features::FeatureStatistics& tables,
                                         examples::SplitPart part, uint32_t max_users,
                                         base::ThreadPool& pool) {
  const std::vector<examples::HoldoutCase> all = examples::HoldoutCases(source, part, pool);
  cases_ = std::min<size_t>(all.size(), max_users);
  blocks_.resize((cases_ + kBlockUsers - 1) / kBlockUsers);
  const features::CandidateExtractor extractor(tables, source.catalogue);
  const features::Vocabulary& vocabulary = tables.vocabulary(features::VocabularyId::kItem);
  pool.ParallelFor(blocks_.size(), 1, [&](size_t first, size_t last) {
    for (size_t b = first; b < last; ++b) {
      Block& block = blocks_[b];
      for (size_t i = b * kBlockUsers; i < std::min(cases_, (b + 1) * kBlockUsers); ++i) {
        const examples::HoldoutCase& held_out = all[i * all.size() / cases_];
        const features::UserState state = examples::StateAt(source, held_out.user, held_out.end_row,
                                                            features::UserState::Parts::kBags);
        extractor.Append(state, source.catalogue.user(held_out.user), held_out.context,
                         /*example_age_ms=*/0, &block.batch);
        std::vector<uint32_t>& targets = block.targets.emplace_back();
        for (const uint32_t item : held_out.targets) targets.push_back(vocabulary.Row(item));
        std::ranges::sort(targets);
        block.seen.push_back(SeenRows(source, vocabulary, held_out.user, held_out.end_row));
      }
    }
  });
}

double CandidateValidation::Ndcg(const CandidateModel& model, const nn::Compute& compute) const {
  if (cases_ == 0) return std::numeric_limits<double>::quiet_NaN();
  std::optional<nn::EmbeddingTable> wide;
  if (model.item_vectors().is_half()) wide.emplace(model.item_vectors().Widened());
  const ExactIndex index(wide ? *wide : model.item_vectors());
  CandidateModel::Scratch scratch;
  std::vector<float> users;
  std::vector<std::vector<Hit>> hits;
  double sum = 0.0;
  for (const Block& block : blocks_) {
    users.resize(block.batch.size() * model.dim());
    model.UserVectors(block.batch, users.data(), scratch, compute);
    const auto seen = [&block](size_t query, uint32_t row) {
      return std::ranges::binary_search(block.seen[query], row);
    };
    index.SearchBatch(users, kCutoff, seen, *compute.pool, &hits);
    for (size_t i = 0; i < hits.size(); ++i) sum += NdcgOf(hits[i], block.targets[i]);
  }
  return sum / static_cast<double>(cases_);
}

}  // namespace upnext::retrieval
