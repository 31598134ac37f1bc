#include "ann/graph_index.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "ann/graph_builder.h"
#include "ann/index_file.h"
#include "ann/scan.h"
#include "base/numbers.h"
#include "kernels/top_scored.h"

namespace upnext::ann {
namespace {

// Where widening ends: a beam that scores a large part of most catalogues.
constexpr uint32_t kWidestTuned = 8'000;
// A row that a walk meets costs about as much as eight that a scan asks the filter for.
constexpr size_t kScanShare = 8;
constexpr size_t kFirstLook = 400;  // rows that are met before a walk is given up
// Where less than one in so many passes, asking for each costs less than its compressed product.
constexpr size_t kFewPass = 16;

Status CheckVectors(const Vectors& vectors) {
  if (vectors.count > Beam::kMaxRows) {
    return InvalidArgument(
        "expected at most {} vectors for a graph, found {}; set kind = \"exact\"", Beam::kMaxRows,
        vectors.count);
  }
  for (size_t row = 0; row < vectors.count; ++row) {
    if (kernels::AllFinite(vectors.row(row), vectors.dim)) continue;
    return InvalidArgument(
        "expected vectors of finite numbers, found NaN or infinity in that of id {}: cannot build "
        "an index over them; train again",
        vectors.ids[row]);
  }
  return Ok();
}

}  // namespace

GraphIndex::GraphIndex(const Vectors& vectors, Graph graph, base::ThreadPool* pool)
    : Index(vectors), graph_(std::move(graph)), rows_(vectors, pool) {}

Result<std::unique_ptr<GraphIndex>> GraphIndex::Build(const IndexOptions& options,
                                                      const Vectors& vectors,
                                                      std::span<const float> queries,
                                                      base::ThreadPool& pool,
                                                      base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(CheckVectors(vectors));
  try {
    GraphBuilder builder({.degree = options.graph_degree,
                          .effort = options.graph_build_effort,
                          .seed = options.seed},
                         vectors, queries, pool);
    UPNEXT_RETURN_IF_ERROR(builder.Run(progress));
    std::unique_ptr<GraphIndex> index(new GraphIndex(vectors, builder.Take(), &pool));
    index->recall_at_ = options.recall_at;
    index->search_effort_ = options.graph_search_effort > 0
                                ? options.graph_search_effort
                                : std::max(kDefaultSearchEffort, options.recall_at);
    index->quality_.unreachable =
        static_cast<uint32_t>(std::ranges::count(Reached(index->graph_), 0));
    return index;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("building a graph over {} vectors needs more memory than there is",
                             vectors.count);
  }
}

Status GraphIndex::Tune(const IndexOptions& options, std::span<const float> queries,
                        std::span<const std::vector<Hit>> best, base::ThreadPool& pool,
                        base::Progress& progress) {
  if (options.graph_search_effort > 0) {
    Measure(queries, best, pool);
    return Ok();
  }
  base::ProgressStage stage(progress, "tune index", "efforts", 0);
  uint64_t tried = 0;
  for (search_effort_ = recall_at_;; search_effort_ += search_effort_ / 3 + 1) {
    if (progress.stop_requested()) return Cancelled("building the index was stopped");
    Measure(queries, best, pool);
    stage.Update(++tried, fmt::format("effort {}: recall@{} {:.3f}", search_effort_, recall_at_,
                                      quality_.recall));
    const uint32_t wider = search_effort_ + search_effort_ / 3 + 1;
    if (quality_.recall >= options.graph_recall || wider > kWidestTuned || wider > size()) {
      return Ok();
    }
  }
}

void GraphIndex::Measure(std::span<const float> queries, std::span<const std::vector<Hit>> best,
                         base::ThreadPool& pool) {
  constexpr size_t kGrain = 16;
  std::atomic<size_t> found = 0, best_found = 0, met = 0;
  size_t wanted = 0;
  for (const std::vector<Hit>& of_query : best) wanted += of_query.size();
  pool.ParallelFor(best.size(), kGrain, [&](size_t begin, size_t end) {
    const auto walk = walks_.Borrow();
    for (size_t q = begin; q < end; ++q) {
      CompressedRows::Query query(rows_, queries.subspan(q * dim(), dim()));
      walk->Run(graph_, query, search_effort_);
      met += walk->met();
      std::vector<uint32_t> ids;
      for (const kernels::Scored& hit :
           Rescored(queries.subspan(q * dim(), dim()), recall_at_, walk->beam())) {
        ids.push_back(vectors_.ids[hit.index]);
      }
      std::ranges::sort(ids);
      const auto is_found = [&](const Hit& hit) { return std::ranges::binary_search(ids, hit.id); };
      found += static_cast<size_t>(std::ranges::count_if(best[q], is_found));
      best_found += !best[q].empty() && is_found(best[q].front()) ? 1 : 0;
    }
  });
  const auto share = [](size_t some, size_t all) {
    return static_cast<float>(static_cast<double>(some) / static_cast<double>(all));
  };
  quality_.recall = share(found, wanted);
  quality_.best_found = share(best_found, best.size());
  usual_met_ = static_cast<uint32_t>(met / best.size());
}

// For more than the recall was measured at, wider in proportion.
size_t GraphIndex::WidthFor(size_t k) const {
  if (k <= recall_at_) return search_effort_;
  return std::max<size_t>(k, k * size_t{search_effort_} / recall_at_);
}

bool GraphIndex::WalkPays(const Walk& walk) const {
  if (walk.passed() == walk.asked() || walk.met() < kFirstLook) return true;
  const size_t most = size() / kScanShare;
  const size_t usual = usual_met_ > 0 ? usual_met_ : graph_.degree() * search_effort_ / 4;
  return walk.met() < most && usual * walk.asked() < most * walk.passed();
}

void GraphIndex::Search(std::span<const float> query, size_t k, const Filter& filter,
                        std::vector<Hit>* hits) const {
  k = std::min(k, size());
  const auto walk = walks_.Borrow();
  CompressedRows::Query compressed(rows_, query);
  const bool ended = walk->Run(
      graph_, compressed, WidthFor(k),
      [&](uint32_t row) { return filter.Passes(vectors_.ids[row]); },
      [&](const Walk& so_far) { return WalkPays(so_far); });
  const bool enough = ended && walk->beam().passing() >= k;
  if (enough) return ToHits(Rescored(query, k, walk->beam()), hits);
  const bool few = walk->passed() * kFewPass < walk->asked();
  ToHits(few ? ScanPassing(vectors_, query, k, filter)
             : ScanCompressed(rows_, vectors_, query, k, filter),
         hits);
}

std::vector<kernels::Scored> GraphIndex::Rescored(std::span<const float> query, size_t k,
                                                  const Beam& beam) const {
  for (const Beam::Entry& entry : beam.entries()) __builtin_prefetch(vectors_.row(entry.row));
  kernels::TopScored top(k);
  for (const Beam::Entry& entry : beam.entries()) {
    if (!entry.passes) continue;
    const float score = kernels::Dot(query.data(), vectors_.row(entry.row), dim());
    if (top.Wants(entry.row, score)) top.Add(entry.row, score);
  }
  return top.Take();
}

std::string GraphIndex::Describe() const {
  std::string text = fmt::format("graph over {} vectors, degree {}, search effort {}",
                                 base::WithThousands(size()), graph_.degree(), search_effort_);
  if (!std::isnan(quality_.recall)) {
    text += fmt::format(", recall@{} {:.3f}, best found {:.3f}", recall_at_, quality_.recall,
                        quality_.best_found);
  }
  return text + fmt::format(", {} unreachable", base::WithThousands(quality_.unreachable));
}

size_t GraphIndex::bytes() const { return graph_.lists().size_bytes() + rows_.bytes(); }

}  // namespace upnext::ann
