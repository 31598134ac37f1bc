// Features of n examples, as one side of a FeaturePlan lays them out: the input of both models.
//
//   FeatureBlock queries;
//   extractor.AppendQuery(state, user, context, &queries);
//   queries.categorical[slot][row]                       the row's ids, as rows of the vocabulary
//
// A plain value; buffers are kept by Clear().
#ifndef UPNEXT_FEATURES_FEATURE_BLOCK_H_
#define UPNEXT_FEATURES_FEATURE_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace upnext::features {

// Lists of rows, one list per example: row e is ids[offsets[e] .. offsets[e+1]).
struct Bags {
  std::vector<uint32_t> ids;
  std::vector<uint32_t> offsets{0};
  std::vector<float> weights;  // of the ids in means; empty: 1 each
  size_t size() const { return offsets.size() - 1; }
  std::span<const uint32_t> operator[](size_t e) const& {
    return std::span(ids).subspan(offsets[e], offsets[e + 1] - offsets[e]);
  }
  std::span<const uint32_t> operator[](size_t e) && = delete;  // would dangle
  void Close() { offsets.push_back(static_cast<uint32_t>(ids.size())); }
  // Gives ids from the `begin`th on this weight.
  void Weigh(size_t begin, float weight) {
    if (weight == 1 && weights.empty()) return;
    weights.resize(begin, 1);
    weights.resize(ids.size(), weight);
  }
  // Appends ids [begin, end) of another, with their weights.
  void Append(const Bags& from, size_t begin, size_t end) {
    const auto place = [&](const auto& values, size_t at) {
      return values.begin() + static_cast<std::ptrdiff_t>(at);
    };
    ids.insert(ids.end(), place(from.ids, begin), place(from.ids, end));
    if (from.weights.empty()) {
      if (!weights.empty()) weights.resize(ids.size(), 1);
      return;
    }
    weights.resize(ids.size() - (end - begin), 1);
    weights.insert(weights.end(), place(from.weights, begin), place(from.weights, end));
  }
  void Clear() {
    ids.clear();
    offsets.assign(1, 0);
    weights.clear();
  }
  friend bool operator==(const Bags&, const Bags&) = default;
};

struct FeatureBlock {
  std::vector<Bags> categorical;  // by SidePlan::categories; univalent: one id, or none when absent
  std::vector<float> raw;    // [rows, raw_width], values of numbers by quantiles, NaN = missing
  std::vector<float> dense;  // [rows, dense_width]
  // [rows] of the ranker's impressions, for objectives that compare a watch with the length of its
  // item: seconds, NaN = unknown. Empty on other sides.
  std::vector<float> duration_s;
  size_t rows = 0, raw_width = 0, dense_width = 0;
  void Clear();
  // Appends row `row` of a block of the same plan and side.
  void AppendRow(const FeatureBlock& from, size_t row);
  // Ask the memory for a row that AppendRow will read: first for where it lies, a little later for
  // what it holds. Rows that are copied in random order would be waited for one by one.
  void PrefetchPlace(size_t row) const;
  void PrefetchRow(size_t row) const;
};

// Equal digests: equal bytes, missing values included. For parity checks between training and
// serving.
uint64_t Digest(const FeatureBlock& block);

// A batch of the candidate model.
struct CandidateBatch {
  FeatureBlock features;
  std::vector<uint32_t> label;  // row of the next positive item; empty at serving
  std::vector<float> weight;    // of the examples in the loss, as many as labels
  size_t size() const { return features.rows; }
  void Clear();
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEATURE_BLOCK_H_
