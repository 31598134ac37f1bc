#include "retrieval/scored_items.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/test_folder.h"

namespace upnext::retrieval {
namespace {

TEST(ScoredItems, RankByCountLeavesOutZerosAndBreaksTiesByItem) {
  const std::vector<uint64_t> counts = {2, 0, 5, 2};
  EXPECT_EQ(RankByCount(counts), (std::vector<ScoredItem>{{2, 5}, {0, 2}, {3, 2}}));
}

class ScoredItemsFileTest : public testing::Test {
 protected:
  Result<std::vector<ScoredItem>> ReadBack(const std::vector<ScoredItem>& list, size_t items) {
    UPNEXT_ASSIGN_OR_RETURN(auto writer, base::SectionWriter::Create(folder_ / "list", "list", 1));
    UPNEXT_RETURN_IF_ERROR(SaveScoredItems(writer, "best", list));
    UPNEXT_RETURN_IF_ERROR(writer.Commit());
    UPNEXT_ASSIGN_OR_RETURN(const auto file, base::SectionFile::Open(folder_ / "list", "list", 1));
    return LoadScoredItems(file, "best", items);
  }
  const base::TestFolder folder_;
};

TEST_F(ScoredItemsFileTest, AListIsReadBackAsItWasWritten) {
  const std::vector<ScoredItem> list = {{2, 5.5f}, {0, -1}};
  const auto read = ReadBack(list, 3);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, list);
}

TEST_F(ScoredItemsFileTest, UnknownItemsAndScoresThatAreNoNumbersAreRefused) {
  for (const ScoredItem& wrong : {ScoredItem{3, 1}, ScoredItem{0, NAN}, ScoredItem{0, INFINITY}}) {
    const auto read = ReadBack({wrong}, 3);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::kDataLoss);
  }
}

}  // namespace
}  // namespace upnext::retrieval
