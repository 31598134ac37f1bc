// A generator learned from a small world, for the tests of generators.
//
//   const examples::World world(...);
//   const LearnedGenerator topic(world, "topic", "half_life_days = 3");
//   topic.Propose(StateAfter(world, {"a", "b"}), 5);
//
// One thread at a time.
#ifndef UPNEXT_RETRIEVAL_TEST_GENERATOR_H_
#define UPNEXT_RETRIEVAL_TEST_GENERATOR_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/feature_plan.h"
#include "features/user_state.h"
#include "retrieval/generator_registry.h"
#include "schema/event.h"

namespace upnext::retrieval {

inline const GeneratorEntry& EntryOf(std::string_view name) {
  const auto entry = std::ranges::find(BuiltInGenerators(), name, &GeneratorEntry::name);
  EXPECT_NE(entry, BuiltInGenerators().end()) << name;
  return *entry;
}

// The state after these complete watches, oldest first, an hour apart.
inline features::UserState StateAfter(const examples::World& world,
                                      const std::vector<std::string>& items) {
  features::UserState state(features::FeaturePlan().state());
  for (const std::string& item : items) {
    state.Apply({.time_ms = examples::kStart +
                            static_cast<int64_t>(state.totals().events) * examples::kHour,
                 .type = schema::EventType::kWatch,
                 .item = world.item(item),
                 .value = 99},
                world.catalogue, {});
  }
  return state;
}

class LearnedGenerator {
 public:
  // `options` as TOML, of the table [generators.NAME].
  LearnedGenerator(const examples::World& world, std::string_view name,
                   std::string_view options = "")
      : world_(world), entry_(EntryOf(name)) {
    const auto config = base::Config::Parse(options, "options");
    const GeneratorLearner learn = entry_.learner(config->root());
    EXPECT_TRUE(config->Check()) << config->Check().error().message;
    auto writer = base::SectionWriter::Create(path(), "generator", entry_.version);
    base::ThreadPool pool(2);
    const Status learned = learn({world.source, pool}, *writer);
    EXPECT_TRUE(learned && writer->Commit());
    auto loaded = Load(world.log.items());
    EXPECT_TRUE(loaded) << loaded.error().message;
    if (loaded) generator_ = *std::move(loaded);
  }

  const Generator& operator*() const { return *generator_; }
  const Generator* operator->() const { return generator_.get(); }
  std::filesystem::path path() const { return folder_ / "part"; }
  // Again, for a log of so many items.
  Result<std::unique_ptr<const Generator>> Load(uint32_t items) const {
    UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                            base::SectionFile::Open(path(), "generator", entry_.version));
    return entry_.load({.part = std::move(file),
                        .items = items,
                        .tables = tables_,
                        .candidate = nullptr,
                        .index = nullptr});
  }
  // (name, score) of what it proposes, best first.
  std::vector<std::pair<std::string, float>> Propose(const features::UserState& state, size_t n,
                                                     const ItemFilter& filter = {},
                                                     const features::Context& context = {}) const {
    std::vector<std::pair<std::string, float>> proposed;
    for (const Candidate& candidate : Candidates(state, n, filter, context)) {
      proposed.emplace_back(world_.catalogue.Name(schema::IdSpace::kItem, candidate.item),
                            candidate.score);
    }
    return proposed;
  }
  std::vector<Candidate> Candidates(const features::UserState& state, size_t n,
                                    const ItemFilter& filter = {},
                                    const features::Context& context = {}) const {
    std::vector<Candidate> out;
    EXPECT_TRUE(
        generator_->Propose({world_.catalogue, state, schema::kNone, context}, n, filter, &out));
    return out;
  }
  // While these are the live lists.
  std::vector<Candidate> Candidates(const features::LiveLists& live, size_t n,
                                    const features::Context& context) const {
    std::vector<Candidate> out;
    EXPECT_TRUE(generator_->Propose(
        {world_.catalogue, features::UserState(), schema::kNone, context, DefaultVerb(), &live}, n,
        {}, &out));
    return out;
  }
  std::string Reason(const features::UserState& state, const Candidate& candidate,
                     const features::Context& context = {}) const {
    return generator_->Reason({world_.catalogue, state, {}, context}, candidate);
  }

 private:
  const examples::World& world_;
  const GeneratorEntry& entry_;
  const base::TestFolder folder_;
  const features::FeatureStatistics tables_;
  std::unique_ptr<const Generator> generator_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_GENERATOR_H_
