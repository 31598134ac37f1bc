#include "retrieval/sequence_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "features/feature_block.h"

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;

features::Bags HistoriesOf(const std::vector<std::vector<uint32_t>>& rows) {
  features::Bags bags;
  for (const std::vector<uint32_t>& row : rows) {
    bags.ids.insert(bags.ids.end(), row.begin(), row.end());
    bags.Close();
  }
  return bags;
}
SequenceBatch Built(const std::vector<std::vector<uint32_t>>& rows, size_t longest, bool cut) {
  SequenceBatch batch;
  const features::Bags histories = HistoriesOf(rows);
  BuildSequences({{&histories}}, 0, rows.size(), longest, cut, &batch);
  return batch;
}
// With what is said of each event.
SequenceBatch BuiltWith(const std::vector<std::vector<uint32_t>>& rows,
                        const std::vector<std::vector<uint32_t>>& said, size_t longest) {
  SequenceBatch batch;
  const features::Bags histories = HistoriesOf(rows), second = HistoriesOf(said);
  BuildSequences({{&histories, &second}}, 0, rows.size(), longest, false, &batch);
  return batch;
}

TEST(SequenceBatch, RowsOfAUserReadPlacesOfOneSequence) {
  const SequenceBatch batch = Built({{}, {5}, {5, 6, 0}, {5, 6, 0, 5}, {7, 8}, {7, 8}}, 10, false);
  EXPECT_THAT(batch.ids[0], ElementsAre(0, 5, 6, 0, 5, 0, 7, 8));
  EXPECT_THAT(batch.places.offsets, ElementsAre(0, 5, 8));
  EXPECT_THAT(batch.places.places, ElementsAre(0, 1, 2, 3, 4, 0, 1, 2));
  EXPECT_THAT(batch.places.read_offsets, ElementsAre(0, 4, 5));
  EXPECT_THAT(batch.places.reads, ElementsAre(0, 1, 3, 4, 2));
  EXPECT_THAT(batch.read_of, ElementsAre(0, 1, 2, 3, 4, 4));
}

TEST(SequenceBatch, OtherUsersAndOrdersHaveTheirOwnSequences) {
  const SequenceBatch batch = Built({{1, 2}, {2, 1, 3}, {3, 4}}, 10, true);
  EXPECT_THAT(batch.places.offsets, ElementsAre(0, 3, 7, 10));
  EXPECT_THAT(batch.read_of, ElementsAre(0, 1, 2));
}

// Of five items the newest four are read: the oldest are gone from the sequence of the last row.
TEST(SequenceBatch, ACutHistoryIsSharedInTrainingAlone) {
  const std::vector<std::vector<uint32_t>> rows = {{1}, {1, 2, 3}, {1, 2, 3, 4}, {1, 2, 3, 4, 5}};
  const SequenceBatch serving = Built(rows, 4, false);
  EXPECT_THAT(serving.ids[0], ElementsAre(0, 1, 2, 3, 4, 0, 2, 3, 4, 5));
  EXPECT_THAT(serving.places.reads, ElementsAre(1, 3, 4, 4));
  const SequenceBatch training = Built(rows, 4, true);
  EXPECT_THAT(training.ids[0], ElementsAre(0, 1, 0, 2, 3, 4, 5));
  EXPECT_THAT(training.places.reads, ElementsAre(1, 2, 3, 4)) << "1 alone is less than half";
}

TEST(SequenceBatch, WhatIsSaidOfAnEventIsAtItsPlace) {
  const SequenceBatch batch =
      BuiltWith({{5}, {5, 6}, {4, 7, 8, 9}}, {{1}, {1, 2}, {1, 0, 3, 2}}, 3);
  EXPECT_THAT(batch.ids[0], ElementsAre(0, 5, 6, 0, 7, 8, 9));
  EXPECT_THAT(batch.ids[1], ElementsAre(0, 1, 2, 0, 0, 3, 2));
  EXPECT_THAT(batch.read_of, ElementsAre(0, 1, 2));
}

TEST(SequenceBatch, RowsOfWhichOtherThingsAreSaidShareNoSequence) {
  const SequenceBatch batch = BuiltWith({{5}, {5, 6}}, {{1}, {3, 2}}, 10);
  EXPECT_THAT(batch.ids[0], ElementsAre(0, 5, 0, 5, 6));
  EXPECT_THAT(batch.ids[1], ElementsAre(0, 1, 0, 3, 2));
}

TEST(SequenceBatch, AListOfAnotherLengthSaysNothing) {
  const SequenceBatch batch = BuiltWith({{5, 6}, {7, 8}}, {{1}, {1, 2, 3}}, 10);
  EXPECT_THAT(batch.ids[0], ElementsAre(0, 5, 6, 0, 7, 8));
  EXPECT_THAT(batch.ids[1], ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST(SequenceBatch, PaddingHasNoItemsAndIsNotRead) {
  SequenceBatch batch = Built({{5, 6}, {7}}, 10, false);
  const std::vector<uint32_t> reads = batch.places.reads;
  PadSequences(4, &batch);
  EXPECT_THAT(batch.ids[0], ElementsAre(0, 5, 6, 0, 7, 0, 0, 0));
  EXPECT_THAT(batch.places.places, ElementsAre(0, 1, 2, 0, 1, 0, 0, 0));
  EXPECT_THAT(batch.places.offsets, ElementsAre(0, 3, 5, 6, 7, 8));
  EXPECT_THAT(batch.places.read_offsets, ElementsAre(0, 1, 2, 2, 2, 2));
  EXPECT_EQ(batch.places.reads, reads);
}

}  // namespace
}  // namespace upnext::retrieval
