#include "serving/generation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "log/event_log.h"
#include "schema/raw_event.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using schema::RawEvent;
using testing::Contains;
using testing::Not;

// Two versions of everything: in the second log one popular item has been removed.
class GenerationTest : public testing::Test {
 protected:
  GenerationTest() {
    const Result<Slate> slate = service_->Recommend({.user = kReader, .n = 40});
    EXPECT_TRUE(slate);
    removed_ = slate->items.front().id;
    RawEvent event = features::Watch("of the second log", "i3", features::Minutes(19'000), 50);
    features::AppendToLog(base::VersionedRoot(service_.project().log_root()), {event},
                          {{.item = removed_, .removed = true}});
    std::filesystem::copy(service_.project().bundle_folder(), Bundle("v000002"));
  }
  std::filesystem::path Bundle(const std::string& version) const {
    return service_.project().bundle_root() / version;
  }
  std::shared_ptr<const Generation> Make(const std::string& version, const Generation* previous) {
    auto log = log::EventLog::Open(service_.project().log_root() / version);
    EXPECT_TRUE(log) << log.error().message;
    auto bundle = bundle::Bundle::Open(Bundle(version), log->lineage());
    EXPECT_TRUE(bundle) << bundle.error().message;
    auto generation = Generation::Make({.log = *std::move(log), .bundle = *std::move(bundle)},
                                       service_.options().generation, service_.store(), previous);
    EXPECT_TRUE(generation) << generation.error().message;
    return *std::move(generation);
  }
  static RawEvent Watch(const std::string& user, const std::string& item) {
    return features::Watch(user, item, schema::kNoTime, 99);
  }

  static constexpr char kReader[] = "u";
  TestService service_;
  std::string removed_;
};

TEST_F(GenerationTest, AnswersNameTheVersionsTheyWereMadeWith) {
  const auto second = Make("v000002", nullptr);
  EXPECT_EQ(second->bundle_version(), "v000002");
  const Result<Slate> slate = second->Recommend({.user = kReader});
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(slate->bundle_version, "v000002");
  EXPECT_EQ(slate->log_version, "v000002");
  EXPECT_TRUE(service_->Replace(second));
  const auto posted = service_->PostEvents({Watch("w", "i3")}, {});
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->bundle_version, "v000002");
  EXPECT_EQ(posted->log_version, "v000002");
  EXPECT_EQ(service_->status().log_version, "v000002");
}

TEST_F(GenerationTest, TheLogOfAnotherSchemaIsRefused) {
  auto log = log::EventLog::Open(service_.project().log_root() / "v000002");
  ASSERT_TRUE(log);
  auto bundle = bundle::Bundle::Open(Bundle("v000002"), log->lineage());
  ASSERT_TRUE(bundle);
  GenerationOptions options = service_.options().generation;
  options.schema = schema::Schema::Parse("schema.items.price = 'number'").value();
  const auto generation = Generation::Make({.log = *std::move(log), .bundle = *std::move(bundle)},
                                           options, service_.store());
  ASSERT_FALSE(generation);
  EXPECT_EQ(generation.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(generation.error().message, testing::HasSubstr("run `upnext import` again"));
}

TEST_F(GenerationTest, GenerationsOfOneLogShareCatalogueAndStates) {
  const auto first = service_->generation();
  const auto again = Make("v000001", first.get());
  EXPECT_EQ(&again->catalogue(), &first->catalogue());
  EXPECT_EQ(&again->states(), &first->states());
  const auto second = Make("v000002", first.get());
  EXPECT_NE(&second->catalogue(), &first->catalogue());
  EXPECT_NE(&second->states(), &first->states());
}

TEST_F(GenerationTest, ARequestUnderWayEndsWithTheGenerationItTook) {
  const std::shared_ptr<const Generation> first = service_->generation();
  EXPECT_TRUE(service_->Replace(Make("v000002", nullptr)));
  const Result<Slate> slate = first->Recommend({.user = kReader, .n = 40});
  ASSERT_TRUE(slate) << slate.error().message;
  EXPECT_EQ(slate->bundle_version, "v000001");
  EXPECT_EQ(slate->items.front().id, removed_);
}

// Without the lock the new generation would fold and keep the writer's state without the event.
TEST_F(GenerationTest, ANewGenerationWaitsForTheEventsThatAreBeingWritten) {
  const auto second = Make("v000002", nullptr);
  store::Gate committing;
  service_.store()->before_commit = [&] {
    committing.Wait();
    return Ok();
  };
  Result<Posted> posted = Internal("not yet");
  std::jthread writer([&] { posted = service_->PostEvents({Watch("writer", "i3")}, {}); });
  ASSERT_TRUE(committing.WaitUntilHere(1));
  std::atomic<bool> begins{false}, replaced{false};
  std::jthread replacer([&] {
    begins = true;
    EXPECT_TRUE(service_->Replace(second));
    replaced = true;
  });
  while (!begins) std::this_thread::yield();
  // Long enough for a replacement that does not wait.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_FALSE(replaced);
  committing.Open();
  writer.join();
  replacer.join();
  service_.store()->before_commit = nullptr;
  ASSERT_TRUE(posted) << posted.error().message;
  EXPECT_EQ(posted->bundle_version, "v000001");
  EXPECT_EQ(service_->generation(), second);
  EXPECT_EQ(service_->State("writer")->totals().events, 1u);
}

TEST_F(GenerationTest, SwapsUnderLoadMixNoVersionsAndLoseNoEvent) {
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, posted{0}, of_second{0}, of_first{0};
  std::vector<std::jthread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const Result<Slate> slate = service_->Recommend({.user = kReader, .n = 40});
        if (!slate || slate->bundle_version != slate->log_version) {
          ++wrong;
          continue;
        }
        std::vector<std::string> ids;
        for (const Recommendation& item : slate->items) ids.push_back(item.id);
        const bool second = slate->bundle_version == "v000002";
        if ((std::ranges::find(ids, removed_) == ids.end()) != second) ++wrong;
        ++(second ? of_second : of_first);
      }
    });
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; !stop; ++i) {
        const std::vector<std::string> ids = {fmt::format("{}-{}", t, i)};
        const RawEvent event = Watch("writer", fmt::format("new {}", i % 30));
        const auto answer = service_->PostEvents({event}, ids);
        if (!answer || answer->accepted != 1 || answer->bundle_version != answer->log_version) {
          ++wrong;
        }
        ++posted;
        // What was acknowledged is in the state, whichever generation is asked.
        const auto state = service_->State("writer");
        if (!state || state->totals().events < i + 1) ++wrong;
      }
    });
  }
  for (int swap = 0; swap < 24 || of_first == 0 || of_second == 0; ++swap) {
    const auto current = service_->generation();
    EXPECT_TRUE(service_->Replace(
        Make(swap % 2 == 0 ? "v000002" : "v000001", swap % 3 == 0 ? current.get() : nullptr)));
  }
  stop = true;
  threads.clear();
  EXPECT_EQ(wrong, 0);
  for (const char* version : {"v000001", "v000002"}) {
    EXPECT_TRUE(service_->Replace(Make(version, nullptr)));
    EXPECT_EQ(service_->State("writer")->totals().events, static_cast<uint64_t>(posted)) << version;
  }
}

}  // namespace
}  // namespace upnext::serving
