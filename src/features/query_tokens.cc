#include "features/query_tokens.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>

#include "base/checksum.h"
#include "features/text_words.h"
#include "schema/event.h"

namespace upnext::features {

void Tokenize(std::string_view query, std::vector<std::string>* tokens) {
  tokens->clear();
  ForEachWord(query, [&](std::string_view word) { tokens->emplace_back(word); });
  const size_t words = tokens->size();
  tokens->reserve(2 * words);
  for (size_t i = 0; i + 1 < words; ++i) {
    tokens->push_back((*tokens)[i] + " " + (*tokens)[i + 1]);
  }
}

QueryTokens::QueryTokens() = default;

QueryTokens QueryTokens::Learn(const catalogue::Catalogue& catalogue,
                               std::span<const uint64_t> query_counts, size_t limit,
                               const QueryTokens& old) {
  // Token numbers in the order of meeting, after those that have rows; only strings of distinct
  // tokens are kept.
  boost::unordered_flat_map<uint64_t, uint32_t> numbers;
  std::vector<std::string> texts(old.tokens_.begin() + 1, old.tokens_.end());
  const auto taken = static_cast<uint32_t>(texts.size());
  std::vector<uint64_t> counts(taken, 0);
  for (uint32_t number = 0; number < taken; ++number) {
    numbers.emplace(base::Fingerprint(texts[number]), number);
  }
  QueryTokens learned;
  std::vector<std::string> words;
  for (uint32_t query = 0; query < query_counts.size(); ++query) {
    Tokenize(catalogue.Name(schema::IdSpace::kQuery, query), &words);
    for (const std::string& word : words) {
      const auto [entry, is_new] =
          numbers.try_emplace(base::Fingerprint(word), static_cast<uint32_t>(texts.size()));
      if (is_new) {
        texts.push_back(word);
        counts.push_back(0);
      }
      counts[entry->second] += query_counts[query];
      learned.token_rows_.push_back(entry->second);  // a number; becomes a row below
    }
    learned.offsets_.push_back(learned.token_rows_.size());
  }

  std::vector<uint32_t> kept;
  for (uint32_t number = 0; number < counts.size(); ++number) {
    learned.counts_[0] += counts[number];
    if (number < taken || counts[number] > 0) kept.push_back(number);
  }
  std::stable_sort(kept.begin() + taken, kept.end(),
                   [&](uint32_t a, uint32_t b) { return counts[a] > counts[b]; });
  kept.resize(std::min(std::max<size_t>(limit, taken), kept.size()));
  std::vector<uint32_t> row_of(texts.size(), 0);
  for (const uint32_t number : kept) {
    row_of[number] = learned.rows();
    learned.tokens_.push_back(std::move(texts[number]));
    learned.counts_.push_back(counts[number]);
    learned.counts_[0] -= counts[number];
  }
  for (uint32_t& row : learned.token_rows_) row = row_of[row];
  learned.IndexFingerprints();
  return learned;
}

void QueryTokens::AppendRows(uint32_t query, const catalogue::Catalogue& catalogue,
                             std::vector<uint32_t>* rows) const {
  if (query + size_t{1} < offsets_.size()) {
    const uint32_t* data = token_rows_.data();
    rows->insert(rows->end(), data + offsets_[query], data + offsets_[query + 1]);
    return;
  }
  if (query == schema::kNone) return;
  std::vector<std::string> words;
  Tokenize(catalogue.Name(schema::IdSpace::kQuery, query), &words);
  for (const std::string& word : words) rows->push_back(RowOf(word));
}

void QueryTokens::Renumber() {
  offsets_.assign(1, 0);
  token_rows_.clear();
}

void QueryTokens::IndexFingerprints() {
  std::vector<std::pair<uint64_t, uint32_t>> index;
  index.reserve(tokens_.size());
  for (uint32_t row = 1; row < tokens_.size(); ++row) {
    index.emplace_back(base::Fingerprint(tokens_[row]), row);
  }
  std::sort(index.begin(), index.end());
  sorted_fingerprints_.clear();
  fingerprint_rows_.clear();
  for (const auto& [fingerprint, row] : index) {
    sorted_fingerprints_.push_back(fingerprint);
    fingerprint_rows_.push_back(row);
  }
}

uint32_t QueryTokens::RowOf(std::string_view token) const {
  const uint64_t fingerprint = base::Fingerprint(token);
  const auto found =
      std::lower_bound(sorted_fingerprints_.begin(), sorted_fingerprints_.end(), fingerprint);
  if (found == sorted_fingerprints_.end() || *found != fingerprint) return 0;
  return fingerprint_rows_[static_cast<size_t>(found - sorted_fingerprints_.begin())];
}

Status QueryTokens::Save(base::SectionWriter& writer) const {
  UPNEXT_RETURN_IF_ERROR(base::AddStrings(writer, "tokens.text", tokens_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("tokens.counts", counts_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("tokens.query_offsets", offsets_));
  return writer.Add<uint32_t>("tokens.query_rows", token_rows_);
}

Result<QueryTokens> QueryTokens::Load(const base::SectionFile& file) {
  UPNEXT_ASSIGN_OR_RETURN(base::StringTable texts, base::StringTable::Get(file, "tokens.text"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> counts,
                          file.Get<uint64_t>("tokens.counts", texts.size()));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> offsets,
                          file.Get<uint64_t>("tokens.query_offsets"));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> rows, file.Get<uint32_t>("tokens.query_rows"));
  const std::string path = file.path().string();
  if (texts.size() == 0 || texts.size() >= schema::kNone || !texts[0].empty()) {
    return DataLoss("{}: tokens.text should start with the empty row 0, has {} rows; train again",
                    path, texts.size());
  }
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != rows.size() ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    return DataLoss("{}: tokens.query_offsets should rise from 0 to {}; train again", path,
                    rows.size());
  }
  for (const uint32_t row : rows) {
    if (row >= texts.size()) {
      return DataLoss("{}: tokens.query_rows names row {} of {}; train again", path, row,
                      texts.size());
    }
  }
  QueryTokens loaded;
  loaded.tokens_.clear();
  for (size_t row = 0; row < texts.size(); ++row) loaded.tokens_.emplace_back(texts[row]);
  loaded.counts_.assign(counts.begin(), counts.end());
  loaded.offsets_.assign(offsets.begin(), offsets.end());
  loaded.token_rows_.assign(rows.begin(), rows.end());
  loaded.IndexFingerprints();
  return loaded;
}

}  // namespace upnext::features
