#include "ann/graph_builder.h"

#include <algorithm>
#include <memory>
#include <numeric>

#include "ann/compressed_rows.h"
#include "ann/exact_index.h"
#include "base/rng.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {
namespace {

constexpr size_t kEntries = 64;
constexpr float kSlack = 1.2f * 1.2f;  // of squares of distances

// Longest first: the walks of most queries pass through them.
std::vector<uint32_t> LongestRows(const Vectors& vectors, size_t most) {
  std::vector<float> squares(vectors.count);
  for (size_t row = 0; row < vectors.count; ++row) {
    squares[row] = kernels::Dot(vectors.row(row), vectors.row(row), vectors.dim);
  }
  std::vector<uint32_t> rows;
  for (const kernels::Scored& longest : kernels::TopK(squares, most)) rows.push_back(longest.index);
  return rows;
}

// Some of the vectors themselves, as queries where there are no others.
std::vector<float> SampleVectors(const Vectors& vectors) {
  constexpr size_t kMost = 4096;
  const size_t count = std::min(vectors.count, kMost);
  std::vector<float> sample;
  for (size_t i = 0; i < count; ++i) {
    const float* row = vectors.row(i * vectors.count / count);
    sample.insert(sample.end(), row, row + vectors.dim);
  }
  return sample;
}

// Follows links from the rows from `begin` of `queue` on; appends what is reached first.
// parent [rows], kNoRow for what was not reached; of the first rows, themselves.
void Follow(const Graph& graph, size_t begin, std::vector<uint32_t>* queue,
            std::vector<uint32_t>* parent) {
  for (size_t i = begin; i < queue->size(); ++i) {
    const uint32_t row = (*queue)[i];
    for (const uint32_t link : graph.Links(row)) {
      if ((*parent)[link] != kNoRow) continue;
      (*parent)[link] = row;
      queue->push_back(link);
    }
  }
}

// From the entries: all that are reached, in order.
std::vector<uint32_t> FollowEntries(const Graph& graph, std::vector<uint32_t>* parent) {
  parent->assign(graph.rows(), kNoRow);
  std::vector<uint32_t> queue = graph.entries();
  for (const uint32_t entry : queue) (*parent)[entry] = entry;
  Follow(graph, 0, &queue, parent);
  return queue;
}

}  // namespace

std::vector<uint8_t> Reached(const Graph& graph) {
  std::vector<uint32_t> parent;
  FollowEntries(graph, &parent);
  std::vector<uint8_t> reached(graph.rows());
  for (size_t row = 0; row < reached.size(); ++row) reached[row] = parent[row] != kNoRow ? 1 : 0;
  return reached;
}

GraphBuilder::GraphBuilder(const GraphOptions& options, const Vectors& vectors,
                           std::span<const float> queries, base::ThreadPool& pool)
    : options_(options),
      vectors_(vectors),
      own_queries_(queries.empty() ? SampleVectors(vectors) : std::vector<float>()),
      queries_(queries.empty() ? own_queries_ : queries),
      pool_(pool),
      space_(vectors, queries_, pool),
      graph_(vectors.count, options.degree + options.degree / 2) {}  // shortened in the end

template <typename Body>
void GraphBuilder::Parallel(size_t n, const Body& body) {
  constexpr size_t kGrain = 64;
  pool_.ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    const auto borrowed = scratch_.Borrow();
    if (*borrowed == nullptr) *borrowed = std::make_unique<Scratch>(space_);
    for (size_t i = begin; i < end; ++i) body(i, **borrowed);
  });
}

Status GraphBuilder::Run(base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(Insert(progress));
  graph_ = Shortened();
  graph_.set_entries(LongestRows(vectors_, kEntries));
  Connect();
  return LinkByQueries(progress);
}

Status GraphBuilder::Insert(base::Progress& progress) {
  const size_t count = graph_.rows();
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  base::Rng rng(options_.seed);
  for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[rng.Below(i)]);
  graph_.set_entries({order.begin(), order.begin() + (count == 0 ? 0 : 1)});
  base::ProgressStage stage(progress, "build index", "items", count);
  // Rows of a batch do not see each other: a batch is small next to what is there.
  const size_t largest = std::max<size_t>(count / 32, 1);
  for (size_t done = 0; done < count;) {
    const size_t batch = std::min({std::max<size_t>(done, 1), largest, count - done});
    InsertBatch(std::span(order).subspan(done, batch));
    done += batch;
    stage.Update(done);
    if (progress.stop_requested()) return Cancelled("building the index was stopped");
  }
  return Ok();
}

void GraphBuilder::InsertBatch(std::span<const uint32_t> rows) {
  std::vector<std::vector<uint32_t>> links(rows.size());
  Parallel(rows.size(), [&](size_t i, Scratch& s) {
    s.point.Set(rows[i]);
    s.walk.Run(graph_, s.point, options_.effort);
    s.near.clear();
    for (const Beam::Entry& met : s.walk.beam().entries()) {
      // The first row of all is an entry before it is in the graph.
      if (met.row != rows[i]) s.near.push_back({s.point.Distance(met.score), met.row});
    }
    links[i] = ChooseNear(options_.degree, s);
  });
  std::vector<std::pair<uint32_t, uint32_t>> back;
  for (size_t i = 0; i < rows.size(); ++i) {
    graph_.Set(rows[i], links[i]);
    for (const uint32_t to : links[i]) back.emplace_back(to, rows[i]);
  }
  std::ranges::sort(back);
  LinkBack(back);
}

void GraphBuilder::LinkBack(std::span<const std::pair<uint32_t, uint32_t>> links) {
  std::vector<size_t> begins;  // of those from one row
  for (size_t i = 0; i < links.size(); ++i) {
    if (i == 0 || links[i].first != links[i - 1].first) begins.push_back(i);
  }
  begins.push_back(links.size());
  Parallel(begins.size() - 1, [&](size_t group, Scratch& s) {
    const uint32_t row = links[begins[group]].first;
    const auto old = graph_.Links(row);
    s.rows.assign(old.begin(), old.end());
    for (size_t i = begins[group]; i < begins[group + 1]; ++i) s.rows.push_back(links[i].second);
    const bool fit = s.rows.size() <= graph_.degree();
    graph_.Set(row, fit ? s.rows : Choose(row, s.rows, options_.degree, s));
  });
}

std::vector<uint32_t> GraphBuilder::Choose(uint32_t row, std::span<const uint32_t> rows,
                                           size_t most, Scratch& s) const {
  s.distances.resize(rows.size());
  s.point.Set(row);
  s.point.Distances(rows, s.distances.data());
  s.near.clear();
  for (size_t i = 0; i < rows.size(); ++i) s.near.push_back({s.distances[i], rows[i]});
  return ChooseNear(most, s);
}

std::vector<uint32_t> GraphBuilder::ChooseNear(size_t most, Scratch& s) const {
  constexpr size_t kFew = 8;  // at a time: most are hidden by one of the first
  float distances[kFew];
  std::ranges::sort(s.near, [](const Near& a, const Near& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  });
  std::vector<uint32_t> kept;
  for (const Near& near : s.near) {
    if (kept.size() == most) break;
    bool hidden = false;
    s.point.Set(near.row);
    for (size_t at = 0; at < kept.size() && !hidden; at += kFew) {
      const auto few = std::span(kept).subspan(at, std::min(kFew, kept.size() - at));
      s.point.Distances(few, distances);
      for (size_t i = 0; i < few.size(); ++i) hidden |= kSlack * distances[i] < near.distance;
    }
    if (!hidden) kept.push_back(near.row);
  }
  return kept;
}

Graph GraphBuilder::Shortened() {
  Graph graph(graph_.rows(), options_.degree);
  Parallel(graph_.rows(), [&](size_t i, Scratch& s) {
    const auto row = static_cast<uint32_t>(i);
    const std::span<const uint32_t> links = graph_.Links(row);
    if (links.size() <= base_degree()) {
      graph.Set(row, links);
    } else {
      graph.Set(row, Choose(row, links, base_degree(), s));
    }
  });
  return graph;
}

void GraphBuilder::Connect() {
  std::vector<uint32_t> parent;
  std::vector<uint32_t> reached = FollowEntries(graph_, &parent);
  Scratch s(space_);
  for (uint32_t row = 0; row < graph_.rows(); ++row) {
    if (parent[row] != kNoRow) continue;
    s.rows.assign(1, kNoRow);
    LinkTo(row, parent, s);
    parent[row] = s.rows.front();
    const size_t begin = reached.size();
    reached.push_back(row);
    Follow(graph_, begin, &reached, &parent);
  }
}

void GraphBuilder::LinkTo(uint32_t row, std::span<const uint32_t> parent, Scratch& s) {
  const auto link_from = [&](uint32_t from) {
    s.rows.assign(1, from);
    if (graph_.Add(from, row)) return true;
    const std::span<const uint32_t> links = graph_.Links(from);
    for (size_t i = links.size(); i > 0; --i) {
      if (parent[links[i - 1]] == from) continue;
      graph_.Replace(from, i - 1, row);
      return true;
    }
    return false;
  };
  s.point.Set(row);
  s.walk.Run(graph_, s.point, options_.effort);
  for (const Beam::Entry& near : s.walk.beam().entries()) {
    if (link_from(near.row)) return;
  }
  // Of all links that are there, at most one per row must stay: some row has one to spare.
  for (uint32_t from = 0; from < graph_.rows(); ++from) {
    if (parent[from] != kNoRow && link_from(from)) return;
  }
}

Status GraphBuilder::LinkByQueries(base::Progress& progress) {
  constexpr size_t kBest = 100, kBatch = 512;
  constexpr size_t kMostScores = size_t{1} << 33;  // queries x rows, which are scored exactly
  const size_t dim = vectors_.dim;
  const size_t count =
      std::min(queries_.size() / dim, kMostScores / std::max<size_t>(graph_.rows(), 1));
  const CompressedRows rows(vectors_, &pool_);
  std::vector<uint32_t> numbers(graph_.rows());
  std::iota(numbers.begin(), numbers.end(), 0u);
  const ExactIndex exact({vectors_.data, vectors_.count, dim, numbers});
  base::ProgressStage stage(progress, "link by queries", "queries", count);
  Scratch links(space_);
  for (size_t first = 0; first < count; first += kBatch) {
    if (progress.stop_requested()) return Cancelled("building the index was stopped");
    const size_t batch = std::min(kBatch, count - first);
    std::vector<std::vector<Hit>> best;
    exact.SearchBatch(queries_.subspan(first * dim, batch * dim), kBest, {}, pool_, &best);
    std::vector<std::vector<uint32_t>> found(batch);
    Parallel(batch, [&](size_t i, Scratch& s) {
      CompressedRows::Query query(rows, queries_.subspan((first + i) * dim, dim));
      s.walk.Run(graph_, query, kBest);
      for (const Beam::Entry& met : s.walk.beam().entries()) found[i].push_back(met.row);
    });
    for (size_t i = 0; i < batch; ++i) {
      std::vector<uint32_t> best_rows;
      for (const Hit& hit : best[i]) best_rows.push_back(hit.id);
      std::ranges::sort(found[i]);
      LinkMissed(best_rows, found[i], links);
    }
    stage.Update(first + batch);
  }
  return Ok();
}

void GraphBuilder::LinkMissed(std::span<const uint32_t> best, std::span<const uint32_t> found,
                              Scratch& s) {
  s.rows.clear();  // of the best, those that a search finds
  for (const uint32_t row : best) {
    if (std::ranges::binary_search(found, row)) s.rows.push_back(row);
  }
  for (const uint32_t row : best) {
    if (s.rows.empty() || std::ranges::binary_search(found, row)) continue;
    s.point.Set(row);
    s.distances.resize(std::max(s.distances.size(), s.rows.size()));
    s.point.Distances(s.rows, s.distances.data());
    uint32_t from = kNoRow;
    float nearest = 0;
    for (size_t i = 0; i < s.rows.size(); ++i) {
      const auto links = graph_.Links(s.rows[i]);
      if (std::ranges::find(links, row) != links.end()) {  // by an earlier query
        from = kNoRow;
        s.rows.push_back(row);
        break;
      }
      if (links.size() < graph_.degree() && (from == kNoRow || s.distances[i] < nearest)) {
        from = s.rows[i];
        nearest = s.distances[i];
      }
    }
    if (from != kNoRow && graph_.Add(from, row)) s.rows.push_back(row);
  }
}

}  // namespace upnext::ann
