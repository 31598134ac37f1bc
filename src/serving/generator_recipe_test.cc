// What it takes to add a generator or a filter: an entry in the list, and no change anywhere else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/config.h"
#include "bundle/test_bundle.h"
#include "features/user_state.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"
#include "serving/engine.h"

namespace upnext::serving {
namespace {

using bundle::TestProject;
using retrieval::Candidate;

// Proposes the item that everyone's next number is: i8 after i7. It keeps how many items there are.
class SequelGenerator : public retrieval::Generator {
 public:
  explicit SequelGenerator(uint64_t items) : items_(items) {}
  static retrieval::GeneratorLearner Learner(const base::ConfigTable&) {
    return [](const retrieval::LearnInput& input, base::SectionWriter& writer) {
      return writer.Add<uint64_t>("sequel.items", std::vector<uint64_t>{input.source.log.items()});
    };
  }
  static Result<std::unique_ptr<const Generator>> Load(retrieval::LoadInput input) {
    UPNEXT_ASSIGN_OR_RETURN(const auto items, input.part->Get<uint64_t>("sequel.items", 1));
    return std::make_unique<const SequelGenerator>(items[0]);
  }
  Status Propose(const retrieval::ProposeRequest& request, size_t n,
                 const retrieval::ItemFilter& filter, std::vector<Candidate>* out) const override {
    retrieval::ForNewestWatches(request.state, features::kBagLimit, [&](uint32_t item) {
      const std::string name = request.catalogue.Name(schema::IdSpace::kItem, item);
      const uint32_t next = request.catalogue.Find(
          schema::IdSpace::kItem, features::Numbered("i", std::stoul(name.substr(1)) + 1));
      if (out->size() == n || next >= items_ || !filter.Admits(next)) return;
      if (std::ranges::find(*out, next, &Candidate::item) != out->end()) return;
      out->push_back({next, 0.25f, item});
    });
    return Ok();
  }
  std::string Reason(const retrieval::ProposeRequest& request,
                     const Candidate& candidate) const override {
    return "sequel of " + retrieval::TitleOf(request.catalogue, candidate.from);
  }

 private:
  const uint64_t items_;
};

// The built-in ones and this one.
retrieval::GeneratorRegistry WithSequel() {
  static const std::vector<retrieval::GeneratorEntry> all = [] {
    const auto built_in = retrieval::BuiltInGenerators();
    std::vector<retrieval::GeneratorEntry> entries(built_in.begin(), built_in.end());
    entries.push_back({"sequel", 10, 1, SequelGenerator::Learner, SequelGenerator::Load});
    return entries;
  }();
  return all;
}

class RecipeTest : public testing::Test {
 protected:
  Slate Recommend(const EngineOptions& options, const EngineStages& stages = {}) const {
    const Engine engine(*bundle_, project_.log().catalogue(), options, stages);
    const Result<Slate> slate =
        engine.Recommend(features::Fold(project_.log(), "u"),
                         {.user = "u", .n = 40, .time_ms = features::Minutes(20'000)});
    EXPECT_TRUE(slate);
    return slate ? *slate : Slate{};
  }
  const TestProject project_{{.registry = WithSequel()}};
  const std::unique_ptr<bundle::Bundle> bundle_ = project_.Open();
};

TEST_F(RecipeTest, AnEntryMakesAGeneratorWithPartCandidatesProvenanceAndReason) {
  EXPECT_TRUE(std::filesystem::exists(project_.bundle_folder() / "generator.sequel.uxs"));
  const Slate slate = Recommend({});
  size_t sequels = 0;
  for (const Recommendation& item : slate.items) {
    for (const SourceScore& source : item.sources) {
      if (source.source != "sequel") continue;
      ++sequels;
      EXPECT_EQ(source.score, 0.25);
      EXPECT_EQ(std::stoul(source.from.substr(1)) + 1, std::stoul(item.id.substr(1)));
      const auto first = std::ranges::find_if(
          item.sources, [](const SourceScore& one) { return !one.from.empty(); });
      if (first->source != "sequel") continue;
      EXPECT_EQ(item.reason, "sequel of Title of " + source.from.substr(1));
    }
  }
  EXPECT_GT(sequels, 0u);
  const Slate only = Recommend({.budgets = {{"candidate-model", 0},
                                            {"co-watch", 0},
                                            {"trending", 0},
                                            {"popular", 0},
                                            {"new-items", 0},
                                            {"sequel", 2}}});
  EXPECT_EQ(only.items.size(), 2u);
  for (const Recommendation& item : only.items) {
    EXPECT_EQ(item.reason, "sequel of Title of " + item.sources[0].from.substr(1));
  }
}

TEST_F(RecipeTest, ItsOptionsAreRead) {
  const auto config = base::Config::Parse("[generators.sequel]\ncandidates = 3\n", "upnext.toml");
  const auto budgets = retrieval::BudgetsFromConfig(config->Table("generators"), WithSequel());
  EXPECT_TRUE(config->Check());
  EXPECT_THAT(budgets, testing::ElementsAre(testing::Pair("sequel", 3u)));
}

TEST_F(RecipeTest, AProgramWithoutTheEntryRefusesTheBundle) {
  const auto refused = bundle::Bundle::Open(project_.bundle_folder(), project_.lineage());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("generator.sequel"));
}

class OddFilter : public Filter {
 public:
  bool LeavesOut(uint32_t item, const RequestContext& request) const override {
    return request.catalogue.Name(schema::IdSpace::kItem, item).back() % 2 == 1;
  }
};

TEST_F(RecipeTest, AnEntryMakesAFilterThatTheFunnelCounts) {
  static const std::array<FilterEntry, 1> filters = {
      {{"odd", [](const EngineOptions&) -> std::unique_ptr<const Filter> {
          return std::make_unique<OddFilter>();
        }}}};
  const Slate slate = Recommend({}, {.filters = filters});
  EXPECT_EQ(slate.items.size(), 20u);
  for (const Recommendation& item : slate.items) EXPECT_EQ(item.id.back() % 2, 0) << item.id;
  ASSERT_EQ(slate.counts.filtered.size(), 1u);
  EXPECT_EQ(slate.counts.filtered[0].filter, "odd");
  EXPECT_EQ(slate.counts.filtered[0].items, 20u);
}

// Turns the slate round, after the order by score and the cut.
class Backwards : public ReRanker {
 public:
  void ReRank(const RequestContext&, std::vector<PooledCandidate>* candidates) const override {
    std::ranges::reverse(*candidates);
  }
};

TEST_F(RecipeTest, ReRankersRunInTheOrderOfTheirList) {
  std::vector<ReRankerEntry> entries(BuiltInReRankers().begin(), BuiltInReRankers().end());
  entries.push_back({"backwards", []() -> std::unique_ptr<const ReRanker> {
                       return std::make_unique<Backwards>();
                     }});
  const Slate slate = Recommend({}), turned = Recommend({}, {.re_rankers = entries});
  ASSERT_EQ(turned.items.size(), slate.items.size());
  for (size_t i = 0; i < slate.items.size(); ++i) {
    EXPECT_EQ(turned.items[i].id, slate.items[slate.items.size() - 1 - i].id);
  }
}

}  // namespace
}  // namespace upnext::serving
