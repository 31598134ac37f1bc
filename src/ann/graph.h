// Links from rows to rows, and the walk over them that finds the best rows for a query.
//
//   Graph graph(rows, /*degree=*/32);
//   graph.Set(row, links);
//   Walk walk;
//   walk.Run(graph, query, /*width=*/200, passes, go_on);
//   for (const Beam::Entry& best : walk.beam().entries()) ...
//
// A query is anything with Scores(rows, scores). A Graph is as thread-safe as an array; a Walk is
// for one thread at a time.
#ifndef UPNEXT_ANN_GRAPH_H_
#define UPNEXT_ANN_GRAPH_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ann/beam.h"
#include "kernels/aligned_buffer.h"

namespace upnext::ann {

inline constexpr uint32_t kNoRow = UINT32_MAX;

class Graph {
 public:
  Graph(size_t rows, size_t degree) : rows_(rows), degree_(degree), links_(rows * degree) {
    std::ranges::fill(links_.span(), kNoRow);
  }
  size_t rows() const { return rows_; }
  size_t degree() const { return degree_; }  // the most links of a row
  std::span<const uint32_t> Links(uint32_t row) const {
    const uint32_t* list = links_.data() + row * degree_;
    size_t length = degree_;
    while (length > 0 && list[length - 1] == kNoRow) --length;
    return {list, length};
  }
  void Set(uint32_t row, std::span<const uint32_t> links) {
    const auto list = List(row);
    std::ranges::fill(std::ranges::copy(links, list.begin()).out, list.end(), kNoRow);
  }
  // False when the row has as many links as it can have.
  bool Add(uint32_t row, uint32_t link) {
    const size_t length = Links(row).size();
    if (length == degree_) return false;
    List(row)[length] = link;
    return true;
  }
  void Replace(uint32_t row, size_t which, uint32_t link) { List(row)[which] = link; }
  void Prefetch(uint32_t row) const {
    constexpr size_t kLine = 64 / sizeof(uint32_t);
    const uint32_t* list = links_.data() + row * degree_;
    for (size_t i = 0; i < degree_; i += kLine) __builtin_prefetch(list + i);
  }
  // [rows, degree], kNoRow after the last link of a row.
  std::span<const uint32_t> lists() const { return links_.span(); }
  std::span<uint32_t> lists() { return links_.span(); }
  // Where walks begin.
  const std::vector<uint32_t>& entries() const { return entries_; }
  void set_entries(std::vector<uint32_t> entries) { entries_ = std::move(entries); }

 private:
  std::span<uint32_t> List(uint32_t row) { return links_.span().subspan(row * degree_, degree_); }
  size_t rows_, degree_;
  kernels::AlignedBuffer<uint32_t> links_;
  std::vector<uint32_t> entries_;
};

class Walk {
 public:
  // `passes(row)` is asked only for rows that would otherwise be among the best. Ends when the best
  // were all followed, or, then false, when `go_on(walk)` returns false.
  template <typename Query, typename Passes, typename GoOn>
  bool Run(const Graph& graph, Query& query, size_t width, const Passes& passes,
           const GoOn& go_on) {
    visited_.assign((graph.rows() + 63) / 64, 0);
    met_ = asked_ = passed_ = 0;
    beam_.Start(width);
    Meet(graph.entries(), query, passes);
    uint32_t row;
    while (beam_.Next(&row)) {
      if (!go_on(*this)) return false;
      graph.Prefetch(row);
      Meet(graph.Links(row), query, passes);
    }
    return true;
  }
  // Without a filter and to the end.
  template <typename Query>
  void Run(const Graph& graph, Query& query, size_t width) {
    Run(graph, query, width, [](uint32_t) { return true; }, [](const Walk&) { return true; });
  }
  const Beam& beam() const { return beam_; }
  size_t met() const { return met_; }        // rows whose scores were computed
  size_t asked() const { return asked_; }    // of these, how many were asked for by the beam
  size_t passed() const { return passed_; }  // and passed

 private:
  template <typename Query, typename Passes>
  void Meet(std::span<const uint32_t> rows, Query& query, const Passes& passes) {
    fresh_.resize(std::max(fresh_.size(), rows.size()));
    size_t count = 0;
    for (const uint32_t row : rows) {
      uint64_t& word = visited_[row / 64];
      const uint64_t bit = uint64_t{1} << (row % 64);
      fresh_[count] = row;  // without a branch, which would often be mispredicted
      count += (word & bit) == 0 ? 1 : 0;
      word |= bit;
    }
    met_ += count;
    scores_.resize(fresh_.size());
    query.Scores(std::span(fresh_).first(count), scores_.data());
    for (size_t i = 0; i < count; ++i) {
      if (!beam_.Wants(scores_[i])) continue;
      const bool passing = passes(fresh_[i]);
      ++asked_;
      passed_ += passing ? 1 : 0;
      beam_.Add(fresh_[i], scores_[i], passing);
    }
  }

  Beam beam_;
  std::vector<uint64_t> visited_;  // a bit per row
  std::vector<uint32_t> fresh_;
  std::vector<float> scores_;
  size_t met_ = 0, asked_ = 0, passed_ = 0;
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_GRAPH_H_
