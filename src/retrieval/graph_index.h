// A navigable small-world graph over the item vectors (Malkov and Yashunin 2018), built by hnswlib
// and searched here, because the borrowed search can neither skip rows nor run without shared
// counters. Only this room includes it.
//
// Neighbours are by inner product, as the queries are (ip-NSW, Morozov and Babenko 2018): long
// vectors become hubs through which every search passes early. Measured on 8,000 vectors whose
// lengths span a factor of 100, recall@100 at effort 200 is 0.996; with the reduction to equal
// lengths by one more coordinate (Bachrach et al. 2014) 0.43, with links by cosine 0.82 (SV-01).
#ifndef UPNEXT_RETRIEVAL_GRAPH_INDEX_H_
#define UPNEXT_RETRIEVAL_GRAPH_INDEX_H_

#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "nn/embedding_table.h"
#include "retrieval/index.h"

namespace upnext::retrieval {

class GraphIndex : public Index {
 public:
  static Result<std::unique_ptr<GraphIndex>> Build(const IndexOptions& options,
                                                   const nn::EmbeddingTable& vectors,
                                                   base::Progress& progress);
  // Widens the beam until `queries` find `options.graph_recall` of their best 100 (SV-01), if the
  // options leave that open, and keeps what they found.
  Status Tune(const IndexOptions& options, std::span<const float> queries, base::ThreadPool& pool,
              base::Progress& progress);
  // Checks every link against its bound; keeps the file mapped.
  static Result<std::unique_ptr<GraphIndex>> Load(base::SectionFile file,
                                                  const nn::EmbeddingTable& vectors);

  void Search(std::span<const float> query, size_t n, const Skip& skip,
              std::vector<Hit>* hits) const override;
  size_t size() const override { return vectors_.rows() - 1; }
  size_t dim() const override { return vectors_.dim(); }
  std::string Describe() const override;
  Status Save(const std::filesystem::path& path) const override;

 private:
  explicit GraphIndex(const nn::EmbeddingTable& vectors) : vectors_(vectors) {}
  Status Check(const std::string& where) const;
  // The share of `best`, the best 100 of each query, that a search finds.
  float RecallOf(std::span<const float> queries, std::span<const std::vector<Hit>> best,
                 base::ThreadPool& pool) const;
  float Score(std::span<const float> query, uint32_t row) const;
  uint32_t Descend(std::span<const float> query) const;  // the row to start the base layer from
  std::span<const uint32_t> BaseLinks(uint32_t row) const;
  std::span<const uint32_t> UpperLinks(uint32_t row, uint32_t level) const;  // level >= 1
  uint32_t Levels(uint32_t row) const { return upper_begin_[row + 1] - upper_begin_[row]; }

  const nn::EmbeddingTable& vectors_;
  uint32_t degree_ = 0, search_effort_ = 0, entry_ = 0;
  float recall_ = std::numeric_limits<float>::quiet_NaN();  // @100; NaN: never measured
  // A list is its length and then links, padded to the longest: 2 * degree in the base layer,
  // degree above. Everything is indexed by row; row 0 has no links.
  std::span<const uint32_t> base_;         // [rows, 1 + 2 * degree]
  std::span<const uint32_t> upper_;        // [lists, 1 + degree]
  std::span<const uint32_t> upper_begin_;  // [rows + 1]: a row's lists, from level 1 on
  // What the spans view: vectors after Build, the file after Load.
  std::vector<uint32_t> built_base_, built_upper_, built_upper_begin_;
  std::optional<base::SectionFile> file_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_GRAPH_INDEX_H_
