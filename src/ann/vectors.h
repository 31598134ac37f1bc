// The vectors that an index is made of, where their owner keeps them.
//
//   std::vector<float> table = ...;        // 3 vectors of 64 floats, one after the other
//   std::vector<uint32_t> ids = {40, 7, 12};
//   Vectors vectors{.data = table.data(), .count = 3, .dim = 64, .ids = ids};
//
// A view: floats and ids belong to the caller.
#ifndef UPNEXT_ANN_VECTORS_H_
#define UPNEXT_ANN_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace upnext::ann {

struct Vectors {
  const float* data = nullptr;  // [count, dim]
  size_t count = 0, dim = 0;
  // [count]: what the caller calls each vector. Distinct, in any order; memory is used for every
  // number up to the largest in places (filter.h, live_index.h), so they should be dense.
  std::span<const uint32_t> ids = {};

  const float* row(size_t i) const { return data + i * dim; }
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_VECTORS_H_
