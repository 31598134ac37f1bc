// Distances between items as users see them: the expected square of the difference between the
// scores of two items, over sample queries. With C the mean of q q^T over the queries,
// E (q.x - q.y)^2 = (x - y)^T C (x - y), which is the Euclidean distance between L^T x and L^T y
// where C = L L^T (Cholesky).
//
// Inner products of items with each other say little of this: queries have another distribution,
// and most items have a larger product with some longer item than with themselves.
//
//   const ScoreSpace space(vectors, queries, pool);
//   ScoreSpace::Point point(space);
//   point.Set(row);
//   point.Distances(others, distances);
//
// Immutable; owns its memory, a compressed copy of the vectors. Any number of threads; a Point
// belongs to one thread and is outlived by its space.
#ifndef UPNEXT_ANN_SCORE_SPACE_H_
#define UPNEXT_ANN_SCORE_SPACE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "ann/compressed_rows.h"
#include "ann/vectors.h"
#include "base/thread_pool.h"

namespace upnext::ann {

class ScoreSpace {
 public:
  // queries [count, dim]; with none, distances are those of the vectors.
  ScoreSpace(const Vectors& vectors, std::span<const float> queries, base::ThreadPool& pool);

  class Point {
   public:
    explicit Point(const ScoreSpace& space) : space_(space), query_(space.rows_) {}
    void Set(uint32_t row) {
      row_ = row;
      query_.SetRow(row);
    }
    // Larger is nearer: (distance to the origin - distance to the row) / 2, for walks.
    void Scores(std::span<const uint32_t> rows, float* scores);
    // Squares of distances [rows.size()].
    void Distances(std::span<const uint32_t> rows, float* distances);
    float Distance(float score) const { return space_.squares_[row_] - 2 * score; }

   private:
    const ScoreSpace& space_;
    CompressedRows::Query query_;
    uint32_t row_ = 0;
  };

 private:
  CompressedRows rows_;         // L^T x
  std::vector<float> squares_;  // of their lengths
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_SCORE_SPACE_H_
