// features::Tokenize on any query: the number of tokens is within its limit, and tokenising the
// words joined by blanks gives the same tokens again.
#include <vector>

#include "features/query_tokens.h"
#include "features/text_words.h"
#include "fuzz/harness.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext;
  std::vector<std::string> tokens = {"left over"};
  features::Tokenize(fuzz::TextOf(data, size), &tokens);
  if (tokens.empty()) return 0;
  // n words and n - 1 pairs.
  FUZZ_REQUIRE(tokens.size() % 2 == 1, "words and their neighbouring pairs");
  const size_t words = (tokens.size() + 1) / 2;
  FUZZ_REQUIRE(words <= features::kMaxWords, "more words than are read");
  std::string joined;
  for (size_t i = 0; i < words; ++i) {
    FUZZ_REQUIRE(!tokens[i].empty(), "an empty word");
    for (const char c : tokens[i]) FUZZ_REQUIRE(!(c >= 'A' && c <= 'Z') && c != ' ', "a letter");
    joined += tokens[i] + " ";
    if (i + 1 < words) {
      FUZZ_REQUIRE(tokens[words + i] == tokens[i] + " " + tokens[i + 1], "a pair of neighbours");
    }
  }
  std::vector<std::string> again;
  features::Tokenize(joined, &again);
  FUZZ_REQUIRE(again == tokens, "tokenising the words must change nothing");
  fuzz::Accepted();
  return 0;
}
