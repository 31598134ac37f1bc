#include "ann/graph_index.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "ann/exact_index.h"
#include "base/numbers.h"
#include "base/progress.h"
#include "base/thread_pool.h"
#include "kernels/top_scored.h"

namespace upnext::ann {
namespace {

using kernels::Scored;

constexpr size_t kRecallAt = 100;
// The narrowest beam: what Search takes for kRecallAt vectors anyway. Where widening ends: a beam
// that scores a large part of most catalogues.
constexpr uint32_t kLeastEffort = kRecallAt + kRecallAt / 2, kWidestTuned = 8'000;

// One bit per row. Made anew for each search: clearing it costs less than the search saves by it.
class Visited {
 public:
  explicit Visited(size_t rows) : words_((rows + 63) / 64) {}
  bool Visit(uint32_t row) {  // true the first time
    uint64_t& word = words_[row >> 6];
    const uint64_t bit = uint64_t{1} << (row & 63);
    if (word & bit) return false;
    word |= bit;
    return true;
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace

Status GraphIndex::Tune(const IndexOptions& options, std::span<const float> queries,
                        base::ThreadPool& pool, base::Progress& progress) {
  const bool open = options.graph_search_effort == 0;
  search_effort_ = open ? kDefaultSearchEffort : options.graph_search_effort;
  if (queries.empty()) return Ok();
  std::vector<std::vector<Hit>> best;
  ExactIndex(vectors_).SearchBatch(queries, kRecallAt, {}, pool, &best);
  if (!open) {
    recall_ = RecallOf(queries, best, pool);
    return Ok();
  }
  base::ProgressStage stage(progress, "tune index", "efforts", 0);
  uint64_t tried = 0;
  for (search_effort_ = kLeastEffort;; search_effort_ += search_effort_ / 2) {
    if (progress.stop_requested()) return Cancelled("building the index was stopped");
    recall_ = RecallOf(queries, best, pool);
    stage.Update(++tried, fmt::format("effort {}: recall@100 {:.3f}", search_effort_, recall_));
    if (recall_ >= options.graph_recall) return Ok();
    if (search_effort_ + search_effort_ / 2 > kWidestTuned) break;
  }
  progress.Note(fmt::format(
      "the graph index finds {:.3f} of the best 100 items at search effort {}, less than "
      "graph_recall = {} asks for; a larger graph_degree or kind = \"exact\" finds more",
      recall_, search_effort_, options.graph_recall));
  return Ok();
}

float GraphIndex::RecallOf(std::span<const float> queries, std::span<const std::vector<Hit>> best,
                           base::ThreadPool& pool) const {
  std::vector<std::vector<Hit>> hits;
  SearchBatch(queries, kRecallAt, {}, pool, &hits);
  size_t found = 0, wanted = 0;
  std::vector<uint32_t> ids;
  for (size_t q = 0; q < hits.size(); ++q) {
    ids.clear();
    for (const Hit& hit : hits[q]) ids.push_back(hit.id);
    std::ranges::sort(ids);
    for (const Hit& hit : best[q]) found += std::ranges::binary_search(ids, hit.id) ? 1 : 0;
    wanted += best[q].size();
  }
  return static_cast<float>(static_cast<double>(found) / static_cast<double>(wanted));
}

float GraphIndex::Score(std::span<const float> query, uint32_t row) const {
  return kernels::Dot(query.data(), vectors_.row(row), query.size());
}

std::span<const uint32_t> GraphIndex::BaseLinks(uint32_t row) const {
  const uint32_t* list = base_.data() + size_t{row} * (1 + 2 * degree_);
  return {list + 1, list[0]};
}

std::span<const uint32_t> GraphIndex::UpperLinks(uint32_t row, uint32_t level) const {
  const uint32_t* list = upper_.data() + size_t{upper_begin_[row] + level - 1} * (1 + degree_);
  return {list + 1, list[0]};
}

uint32_t GraphIndex::Descend(std::span<const float> query) const {
  uint32_t best = entry_;
  float best_score = Score(query, best);
  for (uint32_t level = Levels(entry_); level >= 1; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const uint32_t row : UpperLinks(best, level)) {
        const float score = Score(query, row);
        if (score > best_score) {
          best = row;
          best_score = score;
          moved = true;
        }
      }
    }
  }
  return best;
}

void GraphIndex::Search(std::span<const float> query, size_t k, const Filter& filter,
                        std::vector<Hit>* hits) const {
  // Rows that the filter leaves out are walked over but take no place among the best: the beam is
  // as wide in rows that pass as it would be without a filter.
  const size_t beam = std::max<size_t>(search_effort_, k + k / 2);
  kernels::TopScored best(beam);
  Visited visited(vectors_.count);
  const auto worse = [](const Scored& a, const Scored& b) { return kernels::Better(b, a); };
  std::priority_queue<Scored, std::vector<Scored>, decltype(worse)> frontier(worse);
  const auto meet = [&](uint32_t row) {
    if (!visited.Visit(row)) return;
    const float score = Score(query, row);
    if (!best.Wants(row, score)) return;
    frontier.push({row, score});
    if (filter.Passes(vectors_.ids[row])) best.Add(row, score);
  };
  meet(Descend(query));
  while (!frontier.empty()) {
    const Scored next = frontier.top();
    if (best.full() && next.score < best.worst()) break;
    frontier.pop();
    const std::span<const uint32_t> links = BaseLinks(next.index);
    for (const uint32_t row : links) __builtin_prefetch(vectors_.row(row));
    for (const uint32_t row : links) meet(row);
  }
  if (best.size() < k) {  // everything that links reach was met: scan what few graphs leave out
    for (uint32_t row = 0; row < vectors_.count; ++row) meet(row);
  }
  const std::vector<Scored> found = best.Take();
  ToHits(std::span(found).first(std::min(k, found.size())), hits);
}

std::string GraphIndex::Describe() const {
  std::string text = fmt::format("graph over {} vectors, degree {}, search effort {}",
                                 base::WithThousands(size()), degree_, search_effort_);
  if (!std::isnan(recall_)) text += fmt::format(", recall@100 {:.3f}", recall_);
  return text;
}

}  // namespace upnext::ann
