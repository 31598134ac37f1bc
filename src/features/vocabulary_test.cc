#include "features/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace upnext::features {
namespace {

using testing::HasSubstr;

TEST(Vocabulary, CG01_KeepsTheMostFrequentAndTheRestIsRowZero) {
  const std::vector<uint64_t> counts = {5, 0, 9, 5, 1, 100};
  const Vocabulary vocabulary = Vocabulary::Learn(counts, 3);
  EXPECT_EQ(vocabulary.rows(), 4u);
  EXPECT_EQ(vocabulary.Id(0), schema::kNone);
  EXPECT_EQ(vocabulary.Id(1), 5u);
  EXPECT_EQ(vocabulary.Id(2), 2u);
  EXPECT_EQ(vocabulary.Id(3), 0u) << "ties go to the smaller id";
  EXPECT_EQ(vocabulary.Row(5), 1u);
  for (const uint32_t out : {1u, 3u, 4u, 6u, schema::kNone}) EXPECT_EQ(vocabulary.Row(out), 0u);
  EXPECT_EQ(vocabulary.count(0), 6u);
  EXPECT_EQ(vocabulary.count(1), 100u);
  EXPECT_DOUBLE_EQ(vocabulary.coverage(), 114.0 / 120);
}

TEST(Vocabulary, CG01_RareIdsFallOut) {
  const std::vector<uint64_t> counts = {5, 0, 9, 2};
  const Vocabulary vocabulary = Vocabulary::Learn(counts, 100, 3);
  EXPECT_EQ(vocabulary.rows(), 3u);
  EXPECT_EQ(vocabulary.Row(3), 0u);
  EXPECT_EQ(Vocabulary::Learn(counts, 100, 0).rows(), 4u) << "an id that never occurs has no row";
}

TEST(Vocabulary, TR02_OldRowsStayAndNewIdsComeAfterThemByFrequencyWhileTheLimitAllows) {
  const Vocabulary old = Vocabulary::Learn(std::vector<uint64_t>{2, 7, 5}, 100);
  const std::vector<uint64_t> counts = {1, 9, 0, 3, 40, 3, 1};
  const Vocabulary grown = Vocabulary::Learn(counts, 5, /*min_count=*/2, old);
  EXPECT_THAT(grown.ids_by_row(), testing::ElementsAre(schema::kNone, 1, 2, 0, 4, 3));
  EXPECT_EQ(grown.Row(5), 0u) << "beyond the limit";
  EXPECT_EQ(grown.count(1), 9u) << "counts are the new ones";
  EXPECT_EQ(grown.count(2), 0u) << "an id that occurs no more keeps its row";
  EXPECT_EQ(grown.count(4), 40u);
  EXPECT_EQ(grown.count(0), 4u);
  EXPECT_EQ(Vocabulary::Learn(counts, 2, 1, old).rows(), 4u) << "nothing new beyond the limit";
}

TEST(Vocabulary, RK04_OrderIsByClicksNotByClickRate) {
  // Item 0: 10 clicks of 10 impressions. Item 1: 50 of 1000. Paper 2.2 counts clicked impressions.
  const std::vector<uint64_t> clicked_impressions = {10, 50};
  EXPECT_EQ(Vocabulary::Learn(clicked_impressions, 1).Id(1), 1u);
}

TEST(Vocabulary, AnEmptyOneKnowsNothing) {
  for (const Vocabulary& vocabulary : {Vocabulary(), Vocabulary::Learn({}, 10)}) {
    EXPECT_EQ(vocabulary.rows(), 1u);
    EXPECT_EQ(vocabulary.Row(0), 0u);
    EXPECT_EQ(vocabulary.coverage(), 1.0);
  }
}

// Saves sections as given and loads them as a vocabulary.
Result<Vocabulary> VocabularyOf(const std::vector<uint32_t>& rows,
                                const std::vector<uint64_t>& counts) {
  const base::TestFolder folder;
  Result<base::SectionWriter> writer = base::SectionWriter::Create(folder / "v", "test", 1);
  EXPECT_TRUE(writer);
  EXPECT_TRUE(writer->Add<uint32_t>("v.rows", rows));
  EXPECT_TRUE(writer->Add<uint64_t>("v.counts", counts));
  EXPECT_TRUE(writer->Commit());
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, base::SectionFile::Open(folder / "v", "test", 1));
  return Vocabulary::Load(file, "v");
}

TEST(Vocabulary, SavedAndLoadedIsEqual) {
  const Vocabulary learned = Vocabulary::Learn(std::vector<uint64_t>{5, 0, 9, 5, 1, 100}, 3);
  const base::TestFolder folder;
  Result<base::SectionWriter> writer = base::SectionWriter::Create(folder / "v", "test", 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(learned.Save(*writer, "v"));
  ASSERT_TRUE(writer->Commit());
  const Result<base::SectionFile> file = base::SectionFile::Open(folder / "v", "test", 1);
  ASSERT_TRUE(file);
  const Result<Vocabulary> loaded = Vocabulary::Load(*file, "v");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, learned);
}

TEST(Vocabulary, LoadRefusesWhatLearnCouldNotHaveMade) {
  EXPECT_TRUE(VocabularyOf({0, 2, 1}, {0, 9, 4}));
  const auto refused = [](const std::vector<uint32_t>& rows, const std::vector<uint64_t>& counts) {
    const Result<Vocabulary> loaded = VocabularyOf(rows, counts);
    EXPECT_FALSE(loaded);
    if (loaded) return std::string();
    EXPECT_EQ(loaded.error().code, Code::kDataLoss);
    return loaded.error().message;
  };
  EXPECT_THAT(refused({0, 3, 1}, {0, 9, 4}), HasSubstr("id 1 claims row 3 of 3"));
  EXPECT_THAT(refused({1, 1, 2}, {0, 9, 4}), HasSubstr("a second time"));
  EXPECT_THAT(refused({0, 0, 1}, {0, 9, 4}), HasSubstr("2 of 3 rows have an id"));
  EXPECT_THAT(refused({1}, {}), HasSubstr("0 rows for 1 ids"));
  EXPECT_THAT(refused({1}, {0, 1, 2}), HasSubstr("3 rows for 1 ids"));
}

}  // namespace
}  // namespace upnext::features
