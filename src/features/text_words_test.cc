#include "features/text_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace upnext::features {
namespace {

std::vector<uint64_t> TokensOf(std::string_view text) {
  std::vector<uint64_t> tokens;
  ForEachTextToken(text, [&](uint64_t token) { tokens.push_back(token); });
  return tokens;
}

TEST(TextWords, TokensAreWordsAndOrderedPairsInAnyCaseAndPunctuation) {
  const std::vector<uint64_t> tokens = TokensOf("Rye, WITHOUT fear");
  EXPECT_EQ(tokens.size(), 5u);
  EXPECT_EQ(tokens, TokensOf("rye without  (fear)"));
  EXPECT_EQ(std::set<uint64_t>(tokens.begin(), tokens.end()).size(), 5u);
  EXPECT_THAT(tokens, testing::Contains(TokensOf("without fear").back()));
  EXPECT_THAT(tokens, testing::Not(testing::Contains(TokensOf("fear without").back())));
  EXPECT_THAT(TokensOf(" .,- "), testing::IsEmpty());
}

TEST(TextWords, OfALongTextTheFirstWordsAreRead) {
  std::string text;
  for (size_t i = 0; i < 2 * kMaxWords; ++i) text += "w" + std::to_string(i) + " ";
  EXPECT_EQ(TokensOf(text).size(), 2 * kMaxWords - 1);
  WordSet words;
  words.Add(text);
  EXPECT_EQ(words.size(), kMaxWords);
}

TEST(TextWords, ASetHasEachWordOnce) {
  WordSet a, b;
  a.Add("the more the better");
  b.Add("More");
  b.Add("of the same");
  EXPECT_EQ(a.size(), 3u);
  EXPECT_EQ(b.size(), 4u);
  EXPECT_EQ(a.InCommon(b), 2u);
  EXPECT_EQ(b.InCommon(a), 2u);
  EXPECT_EQ(a.InCommon(WordSet()), 0u);
}

TEST(TextWords, ASetKeepsTheFirstWordsThatAreAdded) {
  WordSet set, first, last;
  for (size_t i = 0; i <= WordSet::kMost; ++i) set.Add("w" + std::to_string(i));
  first.Add("w0");
  last.Add("w" + std::to_string(WordSet::kMost));
  EXPECT_TRUE(set.full());
  EXPECT_EQ(set.size(), WordSet::kMost);
  EXPECT_EQ(set.InCommon(first), 1u);
  EXPECT_EQ(set.InCommon(last), 0u);
}

}  // namespace
}  // namespace upnext::features
