#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "serving/engine.h"

namespace upnext::serving {
namespace {

// Partial sums, so that the compiler may use vector instructions without reordering a single sum.
float Dot(std::span<const float> a, std::span<const float> b) {
  constexpr size_t kLanes = 8;
  float sums[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  }
  float sum = 0;
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  for (const float lane : sums) sum += lane;
  return sum;
}

struct Near {
  uint32_t row;
  double cosine;
};

// The `n` rows, of those not skipped, whose vectors point most nearly the way of `row`'s. A scan:
// norms of popular items are large, so a search by inner product would answer "what is popular"
// instead of "what is alike".
std::vector<Near> NearestByCosine(const nn::EmbeddingTable& vectors, uint32_t row, size_t n,
                                  const std::function<bool(uint32_t row)>& skip) {
  const std::span<const float> query = vectors.Row(row);
  const double query_norm = std::sqrt(static_cast<double>(Dot(query, query)));
  std::vector<Near> best;
  if (query_norm == 0) return best;
  const auto better = [](const Near& a, const Near& b) {
    return a.cosine != b.cosine ? a.cosine > b.cosine : a.row < b.row;
  };
  for (uint32_t other = 1; other < vectors.rows(); ++other) {
    const std::span<const float> v = vectors.Row(other);
    const double norm = std::sqrt(static_cast<double>(Dot(v, v)));
    if (norm == 0) continue;
    const Near near{other, static_cast<double>(Dot(query, v)) / (query_norm * norm)};
    if (best.size() == n && !better(near, best.front())) continue;
    if (skip(other)) continue;
    if (best.size() == n) {
      std::ranges::pop_heap(best, better);
      best.pop_back();
    }
    best.push_back(near);
    std::ranges::push_heap(best, better);
  }
  std::ranges::sort_heap(best, better);
  return best;
}

}  // namespace

Result<std::vector<Recommendation>> SimilarItems(const bundle::Bundle& bundle,
                                                 const catalogue::Catalogue& catalogue,
                                                 std::string_view id, uint32_t n) {
  const uint32_t item = catalogue.Find(schema::IdSpace::kItem, id);
  if (item == schema::kNone) {
    return NotFound("item '{}' is not in the catalogue of log {}", id,
                    catalogue.log().directory().filename().string());
  }
  std::vector<Recommendation> similar;
  std::set<uint32_t> taken{item};
  const auto add = [&](uint32_t other, std::string_view source, double score,
                       std::string_view reason) {
    const schema::Item attributes = catalogue.item(other);
    if (similar.size() == n || attributes.removed || !taken.insert(other).second) return;
    Recommendation out;
    out.item = other;
    out.id = catalogue.Name(schema::IdSpace::kItem, other);
    out.title = attributes.title;
    out.score = score;
    out.sources = {{source, score}};
    out.reason = reason;
    similar.push_back(std::move(out));
  };
  for (const retrieval::Candidate& p : bundle.co_watch().Similar(item)) {
    add(p.item, "co-watch", p.score, "watched by the same people");
  }
  if (similar.size() < n && bundle.candidate() != nullptr) {
    const features::Vocabulary& items = bundle.tables().vocabulary(features::VocabularyId::kItem);
    const nn::EmbeddingTable& vectors = bundle.candidate()->item_vectors();
    const auto skip = [&](uint32_t row) {
      return taken.contains(items.Id(row)) || catalogue.item(items.Id(row)).removed;
    };
    for (const Near& near : NearestByCosine(vectors, items.Row(item), n - similar.size(), skip)) {
      add(items.Id(near.row), "item-vectors", near.cosine, "watched after similar histories");
    }
  }
  return similar;
}

}  // namespace upnext::serving
