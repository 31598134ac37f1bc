#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "features/user_state.h"
#include "retrieval/generator.h"
#include "serving/engine.h"

namespace upnext::serving {
namespace {

std::vector<std::pair<std::string, double>> ScoredIds(const Result<Slate>& slate) {
  std::vector<std::pair<std::string, double>> items;
  EXPECT_TRUE(slate) << slate.error().message;
  for (const Recommendation& item : slate->items) items.emplace_back(item.id, item.score);
  return items;
}

TEST(ManyRequests, FeedsAreThoseOfSingleRequestsHoweverFewCandidatesWereFound) {
  const bundle::TestProject project;
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  const Engine engine(*bundle, project.log().catalogue(), {.budgets = {{"candidate-model", 6}}});
  std::vector<features::UserState> states;
  std::vector<Request> requests;
  for (int u = 0; u < 40; ++u) {
    const std::string user = u % 8 == 7 ? "nobody" : fmt::format("u{}", 1 + u % 8);
    states.push_back(user == "nobody" ? features::UserState()
                                      : features::Fold(project.log(), user));
    requests.push_back({.user = user,
                        .n = u % 2 == 0 ? 5u : 30u,
                        .time_ms = features::Minutes(20'000),
                        .stage = u % 3 == 0 ? Stage::kRetrieval : Stage::kRanking});
  }
  std::vector<UserRequest> of_all;
  for (size_t i = 0; i < states.size(); ++i) of_all.push_back({states[i], requests[i]});
  base::ThreadPool pool(2);
  std::vector<Found> found = engine.FindForMany(of_all, pool);
  ASSERT_EQ(found.size(), requests.size());
  bool any = false;
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto alone = ScoredIds(engine.Recommend(states[i], requests[i]));
    EXPECT_EQ(ScoredIds(engine.Recommend(states[i], requests[i], nullptr, &found[i])), alone);
    for (std::vector<retrieval::Candidate>& list : found[i]) {
      any |= !list.empty();
      list.resize(std::min<size_t>(list.size(), 2));
    }
    EXPECT_EQ(ScoredIds(engine.Recommend(states[i], requests[i], nullptr, &found[i])), alone)
        << "too few were found, so it searches again";
  }
  EXPECT_TRUE(any);
}

}  // namespace
}  // namespace upnext::serving
