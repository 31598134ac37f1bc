#include "import/event_spool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "base/rng.h"
#include "base/test_folder.h"
#include "import/name_table.h"

namespace upnext::import {
namespace {

using ::testing::ElementsAre;

TEST(NameTable, NumbersNamesByArrivalAndSortsThemByLengthAndBytes) {
  NameTable names;
  EXPECT_EQ(names.Find("b"), schema::kNone);
  EXPECT_EQ(names.Add("bb"), 0u);
  EXPECT_EQ(names.Add("b"), 1u);
  EXPECT_EQ(names.Add("bb"), 0u);
  EXPECT_EQ(names.Add("\xff"), 2u);
  EXPECT_EQ(names.Add("a name of many bytes, b"), 3u);
  EXPECT_EQ(names.Add("a name of many bytes, a"), 4u);
  EXPECT_EQ(names.Find("b"), 1u);
  EXPECT_EQ(names.Find("c"), schema::kNone);
  EXPECT_THAT(names.Sorted(), ElementsAre(1u, 2u, 0u, 4u, 3u));
}

TEST(NameTable, KeepsApartAsManyNamesAsComeAlsoInBatches) {
  NameTable names;
  std::vector<std::string> texts(50'000);
  for (size_t i = 0; i < texts.size(); ++i) texts[i] = std::to_string(i % 40'000);
  texts[7].clear();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  std::vector<uint32_t> numbers(views.size());
  names.AddAll(views, numbers);
  ASSERT_EQ(names.size(), 40'000u) << "7 came again";
  EXPECT_EQ(numbers[7], schema::kNone) << "empty means absent";
  for (size_t i = 0; i < views.size(); ++i) {
    if (i == 7) continue;
    ASSERT_EQ(names.name(numbers[i]), views[i]);
  }
}

// Rows in time order, backwards and in ties; user 3 alone has more than a bucket holds, user 5
// none.
void ExpectSorted(const size_t words_a_row) {
  constexpr uint32_t kUsers = 40;
  const base::TestFolder folder;
  EventSpool spool = EventSpool::Create(folder.path(), words_a_row, 100).value();
  base::Rng rng(1);
  std::vector<SpooledEvent> rows(20'000);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i].user = rng.Below(4) == 0 ? 3 : static_cast<uint32_t>(rng.Below(kUsers));
    if (rows[i].user == 5) rows[i].user = 6;
    rows[i].time_ms = static_cast<int64_t>(rng.Below(50)) - (i > 10'000 ? 20 : 0);
    rows[i].request = i;  // arrival
  }
  std::vector<uint64_t> words;
  for (const SpooledEvent& row : rows) {
    for (uint64_t i = 0; i < words_a_row; ++i) words.push_back(row.request * 10 + i);
  }
  ASSERT_TRUE(spool.Add(std::span(rows).first(7), std::span(words).first(7 * words_a_row)));
  ASSERT_TRUE(spool.Add(std::span(rows).subspan(7), std::span(words).subspan(7 * words_a_row)));
  EXPECT_EQ(spool.rows(), rows.size());
  std::vector<uint32_t> order(kUsers), place(kUsers);
  for (uint32_t i = 0; i < kUsers; ++i) order[i] = (i * 7 + 3) % kUsers;
  for (uint32_t i = 0; i < kUsers; ++i) place[order[i]] = i;

  std::vector<uint64_t> got, users;
  const Status sorted =
      spool.Sort(order, base::NoProgress(), [&](uint32_t user, const EventRows& of_user) {
        users.push_back(user);
        for (size_t i = 0; i < of_user.events.size(); ++i) {
          const SpooledEvent& event = of_user.events[i];
          EXPECT_EQ(event.user, user);
          got.push_back(event.request);
          for (uint64_t w = 0; w < words_a_row; ++w) {
            EXPECT_EQ(of_user.words[i * words_a_row + w], event.request * 10 + w);
          }
        }
        return Ok();
      });
  ASSERT_TRUE(sorted) << sorted.error().message;
  std::ranges::stable_sort(rows, [&](const SpooledEvent& a, const SpooledEvent& b) {
    return std::pair(place[a.user], a.time_ms) < std::pair(place[b.user], b.time_ms);
  });
  std::vector<uint64_t> expected(rows.size());
  std::ranges::transform(rows, expected.begin(), &SpooledEvent::request);
  EXPECT_EQ(got, expected);
  EXPECT_EQ(users.size(), std::set(users.begin(), users.end()).size()) << "each once";
  EXPECT_EQ(users.size(), kUsers - 1) << "none without rows";
  EXPECT_TRUE(std::filesystem::is_empty(folder.path())) << "its files have no names";
}

TEST(EventSpool, HandsOutEveryRowByUserTimeAndArrival) { ExpectSorted(0); }

TEST(EventSpool, HandsOutTheWordsOfEveryRowWithIt) { ExpectSorted(3); }

TEST(EventSpool, AnErrorOfTheReceiverEndsTheSort) {
  const base::TestFolder folder;
  EventSpool spool = EventSpool::Create(folder.path(), 0, 2).value();
  const std::vector<SpooledEvent> rows = {{.user = 0}, {.user = 1}, {.user = 1}, {.user = 2}};
  ASSERT_TRUE(spool.Add(rows, {}));
  const std::vector<uint32_t> order = {2, 1, 0};
  int calls = 0;
  const Status sorted =
      spool.Sort(order, base::NoProgress(), [&](uint32_t, const EventRows&) -> Status {
        ++calls;
        return DataLoss("enough");
      });
  ASSERT_FALSE(sorted);
  EXPECT_EQ(sorted.error().message, "enough");
  EXPECT_EQ(calls, 1);
}

TEST(EventSpool, KeepsTheRowsOfASpanWithTheirWordsInOrder) {
  const base::TestFolder folder;
  EventSpool spool = EventSpool::Create(folder.path(), 1, 1000).value();
  constexpr uint32_t kRows = 50'000;  // several blocks
  std::vector<uint64_t> left_out;
  for (uint32_t i = 0; i < kRows; ++i) {
    const SpooledEvent event = {
        .time_ms = i % 10 == 3 ? -5 : i, .user = i % 9 == 0 ? 1u : 0u, .item = i};
    const uint64_t word = i;
    ASSERT_TRUE(spool.Add({&event, 1}, {&word, 1}));
  }
  ASSERT_TRUE(spool.Keep([](const SpooledEvent& event) { return event.time_ms <= kRows; },
                         [&](const SpooledEvent& event) -> Status {
                           left_out.push_back(event.item);
                           return Ok();
                         }));
  EXPECT_EQ(left_out.size(), kRows / 10);
  EXPECT_EQ(spool.rows(), kRows - kRows / 10);
  uint64_t seen = 0;
  const std::vector<uint32_t> order = {1, 0};
  ASSERT_TRUE(
      spool.Sort(order, base::NoProgress(), [&](uint32_t user, const EventRows& rows) -> Status {
        for (size_t i = 0; i < rows.events.size(); ++i, ++seen) {
          EXPECT_EQ(rows.events[i].user, user);
          EXPECT_EQ(rows.words[i], rows.events[i].item);
          EXPECT_NE(rows.events[i].item % 10, 3u);
          if (i > 0) {
            EXPECT_LT(rows.events[i - 1].item, rows.events[i].item);
          }
        }
        return Ok();
      }));
  EXPECT_EQ(seen, spool.rows());
}

}  // namespace
}  // namespace upnext::import
