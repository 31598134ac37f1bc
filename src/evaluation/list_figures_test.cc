#include "evaluation/list_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "examples/test_world.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using examples::kDay;
using examples::kHour;
using examples::kStart;
using examples::Watch;
using examples::World;
using ::testing::ElementsAre;

// Items a, b and c with 4, 2 and 1 complete watches in the training part; d has none. The lists are
// made on day 20; a was made 19 days before, b 2 days, c exactly 7, and the age of d is not known.
class ListFiguresTest : public testing::Test {
 protected:
  static examples::WorldOptions Options() {
    examples::WorldOptions options;
    const auto item = [&](const char* name, int64_t at) {
      options.items.push_back(examples::Item(name, 60));
      options.items.back().created_ms = at == 0 ? schema::kNoTime : kStart + at;
    };
    item("a", 1 * kDay);
    item("b", 18 * kDay);
    item("c", 13 * kDay);
    item("d", 0);
    int64_t at = 0;
    for (const char* name : {"a", "a", "a", "a", "b", "b", "c"}) {
      options.events.push_back(Watch("u" + std::to_string(at % 2), name, at * kHour, 60));
      ++at;
    }
    options.split = {.kind = examples::SplitOptions::Kind::kNone};
    return options;
  }
  examples::HoldoutCase Case(const char* user, std::initializer_list<const char*> targets) const {
    examples::HoldoutCase held_out;
    held_out.user = world_.user(user);
    held_out.end_row = world_.log.end(held_out.user);
    held_out.time_ms = held_out.context.time_ms = kStart + 20 * kDay;
    for (const char* target : targets) held_out.targets.push_back(world_.item(target));
    return held_out;
  }
  // A list that begins with `items` and has the targets among them at their places.
  CaseRanks List(const examples::HoldoutCase& of_case,
                 std::initializer_list<const char*> items) const {
    std::vector<uint32_t> list;
    for (const char* item : items) list.push_back(world_.item(item));
    return RanksInList(list, of_case.targets);
  }
  const World world_{Options()};
};

TEST_F(ListFiguresTest, EV07_CoverageGiniAndTheShareOfNewItemsByHand) {
  const std::vector<examples::HoldoutCase> cases = {Case("u0", {"a"}), Case("u1", {"b"})};
  const ListFigures figures(world_.source, cases, 1);
  Metrics metrics;
  figures.AddTo(std::vector{List(cases[0], {"a", "b"}), List(cases[1], {"a", "c", "d"})}, &metrics);
  EXPECT_DOUBLE_EQ(metrics.at("coverage@10").value, 1.0);
  // Listed twice, once, once, once: (-3 - 1 + 1 + 2 * 3) / (4 * 5).
  EXPECT_DOUBLE_EQ(metrics.at("gini@10").value, 3.0 / 20);
  EXPECT_DOUBLE_EQ(metrics.at("new@10").value, 2.0 / 5) << "b and c, of five places";
  figures.AddTo(std::vector{List(cases[0], {"a"}), List(cases[1], {"a"})}, &metrics);
  EXPECT_DOUBLE_EQ(metrics.at("coverage@10").value, 1.0 / 4);
  EXPECT_DOUBLE_EQ(metrics.at("gini@10").value, 3.0 / 4);
  EXPECT_DOUBLE_EQ(metrics.at("new@10").value, 0.0);
}

TEST_F(ListFiguresTest, ARareTargetCountsByTheInverseOfItsPopularityInDebiasedRecall) {
  // Weights: a 1, b 2, c 4. Found: a and c of a, c; nothing of b.
  const std::vector<examples::HoldoutCase> cases = {Case("u0", {"a", "c"}), Case("u1", {"b"})};
  const ListFigures figures(world_.source, cases, 1);
  Metrics metrics;
  figures.AddTo(std::vector{List(cases[0], {"a", "c"}), List(cases[1], {"a"})}, &metrics);
  EXPECT_DOUBLE_EQ(metrics.at("debiased_recall@10").value, (1.0 + 4) / (1 + 4 + 2));
  CaseRanks late = List(cases[0], {"a", "c"});
  late.ranks.back() = 11;
  figures.AddTo(std::vector{late, List(cases[1], {"a"})}, &metrics);
  EXPECT_DOUBLE_EQ(metrics.at("debiased_recall@10").value, 1.0 / 7);
  EXPECT_DOUBLE_EQ(metrics.at("debiased_recall@100").value, 5.0 / 7);
}

TEST_F(ListFiguresTest, SlicesAreTenthsOfTheUsersByEventsAndTargetsByAge) {
  // u0 has events 0, 2, 4 and 6, u1 three.
  const std::vector<examples::HoldoutCase> cases = {Case("u0", {"a", "c"}), Case("u1", {"b", "d"})};
  const ListFigures figures(world_.source, cases, 1);
  const std::vector<std::string> names = {"one", "other"};
  const std::vector<std::vector<CaseRanks>> ranks = {
      {List(cases[0], {"a"}), List(cases[1], {"b", "d"})}, {CaseRanks(), CaseRanks()}};
  const std::vector<RetrievalSlice> slices = figures.Slices(names, ranks);
  ASSERT_EQ(slices.size(), 5u);
  std::vector<std::string> found;
  std::vector<double> recalls;
  for (const RetrievalSlice& slice : slices) {
    found.push_back(slice.name);
    EXPECT_EQ(slice.size, slice.name == "7 to 30 days" ? 2u : 1u);
    ASSERT_EQ(slice.rows.size(), 2u);
    EXPECT_EQ(slice.rows[1].name, "other");
    recalls.push_back(slice.rows[0].metrics.at("recall@10").value);
    EXPECT_EQ(slice.rows[1].metrics.at("recall@100").value, 0.0);
  }
  // b is 2 days old, c 7, a 19.
  EXPECT_THAT(found, ElementsAre("3 to 3", "4 to 4", "1 to 7 days", "7 to 30 days", "not known"));
  EXPECT_THAT(recalls, ElementsAre(1.0, 0.5, 1.0, 0.5, 1.0));
}

}  // namespace
}  // namespace upnext::evaluation
