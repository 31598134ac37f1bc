// Texts as words: how queries and titles become tokens.
//
//   ForEachWord("Rye, without fear", [&](std::string_view word) { ... });     rye, without, fear
//   WordSet words;
//   words.Add("Rye, without fear");
//
// Pure functions: any number of threads.
#ifndef UPNEXT_FEATURES_TEXT_WORDS_H_
#define UPNEXT_FEATURES_TEXT_WORDS_H_

#include <algorithm>
#include <boost/container/static_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/checksum.h"

namespace upnext::features {

// Words of a text beyond this many are not read: a pasted text is not a search, and a title is short.
inline constexpr size_t kMaxWords = 32;

// Visits the first kMaxWords words of a text, lower-cased. A word is a run of ASCII letters, digits and
// bytes >= 0x80; only ASCII is lower-cased.
template <typename Visit>
void ForEachWord(std::string_view text, const Visit& visit) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto of_word = [&](char c) {
    return static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
           (c >= 'a' && c <= 'z') || is_upper(c);
  };
  std::string word;
  size_t words = 0;
  for (size_t i = 0; i < text.size() && words < kMaxWords;) {
    if (!of_word(text[i])) {
      ++i;
      continue;
    }
    word.clear();
    for (; i < text.size() && of_word(text[i]); ++i) {
      word.push_back(is_upper(text[i]) ? static_cast<char>(text[i] - 'A' + 'a') : text[i]);
    }
    visit(std::string_view(word));
    ++words;
  }
}

// Visits the words of a text and its neighbouring pairs, as fingerprints.
template <typename Visit>
void ForEachTextToken(std::string_view text, const Visit& visit) {
  bool first = true;
  uint64_t before = 0;
  ForEachWord(text, [&](std::string_view word) {
    const uint64_t one = base::Fingerprint(word);
    visit(one);
    if (!first) visit(base::Fingerprint(word, before));
    first = false;
    before = one;
  });
}

// The distinct words of one or more texts, as fingerprints: the first kMost that are added. So small
// that searching it in order is fastest.
class WordSet {
 public:
  static constexpr size_t kMost = 2 * kMaxWords;

  void Add(std::string_view text) {
    ForEachWord(text, [&](std::string_view word) {
      if (full()) return;
      const uint64_t one = base::Fingerprint(word);
      if (std::ranges::find(words_, one) == words_.end()) words_.push_back(one);
    });
  }
  size_t size() const { return words_.size(); }
  bool full() const { return words_.size() == kMost; }
  size_t InCommon(const WordSet& other) const {
    return static_cast<size_t>(std::ranges::count_if(words_, [&](uint64_t word) {
      return std::ranges::find(other.words_, word) != other.words_.end();
    }));
  }

 private:
  boost::container::static_vector<uint64_t, kMost> words_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TEXT_WORDS_H_
