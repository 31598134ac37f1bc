#include "features/query_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/test_log.h"
#include "features/text_words.h"
#include "schema/event.h"

namespace upnext::features {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Tokens(std::string_view query) {
  std::vector<std::string> tokens = {"left over"};
  Tokenize(query, &tokens);
  return tokens;
}

TEST(Tokenize, CG03_WordsThenNeighbouringPairs) {
  EXPECT_THAT(Tokens("taylor swift live"),
              ElementsAre("taylor", "swift", "live", "taylor swift", "swift live"));
  EXPECT_THAT(Tokens("  Don't STOP--now! "),
              ElementsAre("don", "t", "stop", "now", "don t", "t stop", "stop now"));
  EXPECT_THAT(Tokens("4K Müller"), ElementsAre("4k", "müller", "4k müller"));
  EXPECT_THAT(Tokens("東京 タワー"), ElementsAre("東京", "タワー", "東京 タワー"));
  EXPECT_THAT(Tokens("one"), ElementsAre("one"));
  EXPECT_THAT(Tokens(""), IsEmpty());
  EXPECT_THAT(Tokens(" .,! "), IsEmpty());
}

TEST(Tokenize, PastedTextIsCutOff) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "word ";
  EXPECT_EQ(Tokens(text).size(), 2 * kMaxWords - 1);
}

// Queries of the log in the order of their ids: "cat", "big cat", "dog food".
class QueryTokensTest : public testing::Test {
 protected:
  uint32_t Query(std::string_view name) { return log_.Id(schema::IdSpace::kQuery, name); }
  std::vector<std::string> Names(const QueryTokens& tokens, uint32_t query) {
    std::vector<uint32_t> rows;
    tokens.AppendRows(query, log_.catalogue(), &rows);
    std::vector<std::string> names;
    for (const uint32_t row : rows) names.emplace_back(row == 0 ? "?" : tokens.token(row));
    return names;
  }
  TestLog log_{{Search("u", "cat", Minutes(1)), Search("u", "Big Cat", Minutes(2)),
                Search("u", "dog food", Minutes(3))},
               {},
               {}};
  // cat: 10 + 3, big and "big cat": 3, dog, food and "dog food": 2.
  std::vector<uint64_t> Counts() {
    std::vector<uint64_t> counts(3);
    counts[Query("cat")] = 10;
    counts[Query("Big Cat")] = 3;
    counts[Query("dog food")] = 2;
    return counts;
  }
};

TEST_F(QueryTokensTest, CG03_KeepsTheMostFrequentTokens) {
  const QueryTokens tokens = QueryTokens::Learn(log_.catalogue(), Counts(), 3);
  EXPECT_EQ(tokens.rows(), 4u);
  EXPECT_EQ(tokens.token(1), "cat");
  EXPECT_EQ(tokens.count(1), 13u);
  EXPECT_EQ(tokens.count(0), 6u);
  EXPECT_THAT(Names(tokens, Query("Big Cat")), ElementsAre("big", "cat", "big cat"));
  EXPECT_THAT(Names(tokens, Query("dog food")), ElementsAre("?", "?", "?"));
  EXPECT_THAT(Names(tokens, schema::kNone), IsEmpty());
  EXPECT_THAT(Names(tokens, 12345), IsEmpty());
}

TEST_F(QueryTokensTest, QueriesNewerThanTheLogGetTheSameRows) {
  const QueryTokens tokens = QueryTokens::Learn(log_.catalogue(), Counts(), 100);
  const uint32_t fresh = log_.Add(schema::IdSpace::kQuery, "CAT food, dog");
  EXPECT_THAT(Names(tokens, fresh), ElementsAre("cat", "food", "dog", "?", "?"));
  // Learned before any query: everything is tokenised on the spot, to the same rows.
  const uint32_t again = log_.Add(schema::IdSpace::kQuery, "big  cat");
  EXPECT_EQ(Names(tokens, again), Names(tokens, Query("Big Cat")));
}

TEST_F(QueryTokensTest, QueriesOfTheTestPartGetRowsButDoNotCount) {
  std::vector<uint64_t> counts = Counts();
  counts[Query("dog food")] = 0;
  const QueryTokens tokens = QueryTokens::Learn(log_.catalogue(), counts, 100);
  EXPECT_EQ(tokens.rows(), 4u);
  EXPECT_THAT(Names(tokens, Query("dog food")), ElementsAre("?", "?", "?"));
}

TEST_F(QueryTokensTest, SavedAndLoadedGivesTheSameRows) {
  const QueryTokens tokens = QueryTokens::Learn(log_.catalogue(), Counts(), 4);
  const base::TestFolder folder;
  Result<base::SectionWriter> writer = base::SectionWriter::Create(folder / "t", "test", 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(tokens.Save(*writer));
  ASSERT_TRUE(writer->Commit());
  const Result<base::SectionFile> file = base::SectionFile::Open(folder / "t", "test", 1);
  ASSERT_TRUE(file);
  const Result<QueryTokens> loaded = QueryTokens::Load(*file);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->rows(), tokens.rows());
  EXPECT_EQ(loaded->count(1), tokens.count(1));
  const uint32_t fresh = log_.Add(schema::IdSpace::kQuery, "big food");
  for (const uint32_t query : {Query("cat"), Query("Big Cat"), Query("dog food"), fresh}) {
    EXPECT_EQ(Names(*loaded, query), Names(tokens, query));
  }
}

TEST_F(QueryTokensTest, LoadRefusesRowsOutOfRange) {
  const base::TestFolder folder;
  const auto load = [&](const std::vector<uint64_t>& offsets, const std::vector<uint32_t>& rows) {
    Result<base::SectionWriter> writer = base::SectionWriter::Create(folder / "t", "test", 1);
    EXPECT_TRUE(writer);
    const std::vector<std::string> texts = {"", "cat"};
    EXPECT_TRUE(base::AddStrings(*writer, "tokens.text", texts));
    EXPECT_TRUE(writer->Add<uint64_t>("tokens.counts", std::vector<uint64_t>{0, 1}));
    EXPECT_TRUE(writer->Add<uint64_t>("tokens.query_offsets", offsets));
    EXPECT_TRUE(writer->Add<uint32_t>("tokens.query_rows", rows));
    EXPECT_TRUE(writer->Commit());
    const Result<base::SectionFile> file = base::SectionFile::Open(folder / "t", "test", 1);
    EXPECT_TRUE(file);
    return QueryTokens::Load(*file).has_value();
  };
  EXPECT_TRUE(load({0, 1, 2}, {1, 0}));
  EXPECT_FALSE(load({0, 1, 2}, {1, 2}));
  EXPECT_FALSE(load({0, 2, 1}, {1, 0}));
  EXPECT_FALSE(load({0, 1, 3}, {1, 0}));
  EXPECT_FALSE(load({1, 2}, {1, 0}));
  EXPECT_FALSE(load({}, {}));
}

}  // namespace
}  // namespace upnext::features
