// Queries as bags of words and pairs of words, turned to rows of the token table once, so that
// extraction only copies (CG-03, CG-21).
//
//   QueryTokens tokens = QueryTokens::Learn(catalogue, query_counts, /*limit=*/1'000'000);
//   tokens.AppendRows(query, catalogue, &rows);
//
// Immutable after Learn or Load: any number of threads.
#ifndef UPNEXT_FEATURES_QUERY_TOKENS_H_
#define UPNEXT_FEATURES_QUERY_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "catalogue/catalogue.h"

namespace upnext::features {

// The words of a query (features/text_words.h), then its neighbouring pairs: "Taylor Swift live" ->
// taylor, swift, live, "taylor swift", "swift live" (CG-03). Replaces what `tokens` held.
void Tokenize(std::string_view query, std::vector<std::string>* tokens);

class QueryTokens {
 public:
  QueryTokens();  // only row 0
  // Counts tokens over the queries weighted by `query_counts` (by query id), keeps the `limit` most
  // frequent, ties to the token met first. Those of `old` keep their rows, as in Vocabulary::Learn.
  static QueryTokens Learn(const catalogue::Catalogue& catalogue,
                           std::span<const uint64_t> query_counts, size_t limit,
                           const QueryTokens& old = {});
  // Appends the rows (0 for unknown tokens) of a query, unigrams then bigrams. Queries newer than
  // what was learned are tokenised on the spot; kNone and unknown ids append nothing.
  void AppendRows(uint32_t query, const catalogue::Catalogue& catalogue,
                  std::vector<uint32_t>* rows) const;
  // The same tokens under other ids of queries: all are tokenised on the spot.
  void Renumber();
  uint32_t rows() const { return static_cast<uint32_t>(tokens_.size()); }  // including row 0
  std::string_view token(uint32_t row) const { return tokens_[row]; }      // "" for row 0
  uint64_t count(uint32_t row) const { return counts_[row]; }  // row 0: all that fell out

  // Sections tokens.text.*, tokens.counts, tokens.query_offsets, tokens.query_rows.
  Status Save(base::SectionWriter& writer) const;
  static Result<QueryTokens> Load(const base::SectionFile& file);

 private:
  void IndexFingerprints();
  uint32_t RowOf(std::string_view token) const;

  std::vector<uint64_t> offsets_{0};  // by query id, into token_rows_
  std::vector<uint32_t> token_rows_;
  std::vector<std::string> tokens_{""};        // by row
  std::vector<uint64_t> counts_{0};            // by row
  std::vector<uint64_t> sorted_fingerprints_;  // of tokens_, for queries newer than the log
  std::vector<uint32_t> fingerprint_rows_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_QUERY_TOKENS_H_
