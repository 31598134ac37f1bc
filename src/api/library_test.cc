#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "api/test_library.h"
#include "import/test_arrow.h"
#include "project/project.h"
#include "store/store.h"

namespace upnext::api {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using Json = nlohmann::json;

TEST_F(LibraryTest, AProjectGoesFromFilesToFeeds) {
  Simulate();
  upnext_project* const project = Open("p");
  const LibraryCall early(project, "recommend", {{"user", "u00001"}});
  EXPECT_EQ(early.error().code, UPNEXT_NOT_FOUND);
  EXPECT_THAT(early.error().message, HasSubstr("train"));

  const LibraryCall imported(project, "import", Json::object());
  EXPECT_EQ(imported.result()["version"], "v000001");
  EXPECT_THAT(imported.notes(), Contains(HasSubstr("events read")));
  const LibraryCall trained(project, "train", {{"seed", 3}});
  EXPECT_TRUE(trained.result()["bundle"]["published"].get<bool>());
  EXPECT_THAT(trained.stages(), Contains(HasSubstr("train")));
  const Json evaluated = LibraryCall(project, "evaluate", {{"html", true}}).result();
  EXPECT_THAT(evaluated["html"].get<std::string>(), HasSubstr("<html"));

  const Json slate = LibraryCall(project, "recommend", {{"user", "u00001"}, {"n", 3}}).result();
  EXPECT_EQ(slate["user"], "u00001");
  ASSERT_EQ(slate["items"].size(), 3u);
  const std::string item = slate["items"][0]["item"];
  const Json without =
      LibraryCall(project, "recommend", {{"user", "u00001"}, {"n", 3}, {"exclude", {item}}})
          .result();
  EXPECT_EQ(without["items"][0]["item"], slate["items"][1]["item"]);
  EXPECT_EQ(LibraryCall(project, "similar", {{"item", item}, {"n", 2}}).result()["item"], item);
  EXPECT_EQ(LibraryCall(project, "inspect", Json::object()).result().size(), 2u);
  EXPECT_GT(LibraryCall(project, "config", Json::object()).result().size(), 50u);
  upnext_project_free(project);
}

TEST_F(LibraryTest, TheTableOfFeedsHasTheFeedsOfSingleUsers) {
  upnext_project* const project = Trained("p");
  const LibraryCall all(project, "recommend", {{"all_users", true}, {"n", 4}, {"offset", 1}});
  const LibraryTable feeds = all.Table("feeds");
  ASSERT_EQ(feeds.array.n_children, 4);
  EXPECT_GT(feeds.array.length, 200);
  const auto* rank = static_cast<const int32_t*>(feeds.array.children[2]->buffers[1]);
  const auto* score = static_cast<const double*>(feeds.array.children[3]->buffers[1]);
  for (int64_t row = 0; row < feeds.array.length; row += 37) {
    const Json slate =
        LibraryCall(project, "recommend", {{"user", feeds.Word(0, row)}, {"n", 4}, {"offset", 1}})
            .result();
    const auto& item = slate["items"].at(static_cast<size_t>(rank[row] - 2));
    EXPECT_EQ(item["item"], feeds.Word(1, row));
    EXPECT_EQ(item["score"], score[row]);
  }
  const LibraryCall some(project, "recommend", {{"users", {"u00003", "nobody"}}, {"n", 2}});
  EXPECT_EQ(some.Table("feeds").array.length, 4);
  EXPECT_EQ(some.result()["users"], 2);
  EXPECT_EQ(some.result()["degraded"], Json({{"feeds", 0}}));
  ArrowSchema schema;
  ArrowArray array;
  EXPECT_EQ(TakeError(upnext_call_table(some.get(), "rows", &schema, &array)).code,
            UPNEXT_NOT_FOUND);
  const LibraryCall test(project, "recommend", {{"all_users", true}, {"n", 2}, {"at", "test"}});
  EXPECT_GT(test.Table("feeds").array.length, 20);
  upnext_project_free(project);
}

TEST_F(LibraryTest, ATableOutlivesCallAndProject) {
  upnext_project* const project = Trained("p");
  std::vector<LibraryTable> tables;
  {
    const LibraryCall items(project, "vectors", Json::object());
    tables.push_back(items.Table("vectors"));
    tables.push_back(items.Table("vectors"));
    EXPECT_EQ(tables[0].array.children[1]->children[0]->buffers[1],
              tables[1].array.children[1]->children[0]->buffers[1]);  // not a copy
    const LibraryCall users(project, "vectors", {{"space", "user"}, {"users", {"u00003"}}});
    tables.push_back(users.Table("vectors"));
  }
  upnext_project_free(project);
  for (const LibraryTable& table : tables) {
    const ArrowArray& vectors = *table.array.children[1];
    EXPECT_STREQ(table.schema.children[1]->format, "+w:8");
    const auto* floats = static_cast<const float*>(vectors.children[0]->buffers[1]);
    double squares = 0;
    for (int64_t i = 0; i < vectors.length * 8; ++i) squares += floats[i] * floats[i];
    EXPECT_GT(squares, 0);
    EXPECT_TRUE(std::isfinite(squares));
    EXPECT_EQ(table.Text(*table.array.children[0], 0).size(), 6u);
  }
}

TEST_F(LibraryTest, AVisitorGetsAFeedOfWhatHeDid) {
  upnext_project* const project = Trained("p");
  const Json nobody = LibraryCall(project, "recommend", {{"session", Json::array()}}).result();
  const std::string item = nobody["items"][0]["item"];
  const auto items = [](const Json& slate) {
    std::vector<std::string> ids;
    for (const Json& one : slate["items"]) ids.push_back(one["item"]);
    return ids;
  };
  const Json met = LibraryCall(project, "recommend", {{"session", {item}}}).result();
  EXPECT_THAT(items(met), testing::Not(Contains(item)));
  EXPECT_NE(met["items"][0]["score"], nobody["items"][1]["score"]);
  // What is meant by an item alone, written out.
  const Json event = {{"item", item}, {"type", "complete"}};
  const Json watched = LibraryCall(project, "recommend", {{"session", {event}}}).result();
  EXPECT_EQ(items(watched), items(met));
  const LibraryCall wrong(project, "recommend", {{"session", {{{"item", item}, {"user", "u"}}}}});
  EXPECT_THAT(wrong.error().message, HasSubstr("session: events[0]: expected no user"));
  const LibraryCall typed(project, "recommend", {{"session", {{{"item", item}, {"tyype", "x"}}}}});
  EXPECT_THAT(typed.error().message, AllOf(HasSubstr("session: "), HasSubstr("'type'")));
  upnext_project_free(project);
}

TEST_F(LibraryTest, MistakesAreErrorsWithWhatToDo) {
  upnext_project* project = nullptr;
  const LibraryError absent =
      TakeError(upnext_project_open("nowhere.toml", nullptr, nullptr, nullptr, &project));
  EXPECT_EQ(absent.code, UPNEXT_NOT_FOUND);
  EXPECT_EQ(project, nullptr);
  const LibraryError wrong = TakeError(
      upnext_project_open("shop.toml", "[retrieval]\ndmi = 3\n", nullptr, nullptr, &project));
  EXPECT_THAT(wrong.message, HasSubstr("shop.toml:2:"));
  EXPECT_EQ(TakeError(upnext_project_open(nullptr, nullptr, nullptr, nullptr, &project)).message,
            "upnext_project_open: file is NULL");
  upnext_call* call = nullptr;
  EXPECT_THAT(TakeError(upnext_call_start(nullptr, "trian", "{}", &call)).message,
              HasSubstr("did you mean 'train'?"));
  EXPECT_EQ(TakeError(upnext_call_start(nullptr, "train", "{}", &call)).message,
            "train: expected a project, found none");
  EXPECT_EQ(call, nullptr);
  project = Open("p");
  for (const auto& [request, message] : std::vector<std::pair<Json, std::string>>{
           {Json::object(), "expected one of user, users, all_users and session, found none"},
           {{{"user", "u"}, {"all_users", true}}, "found several"},
           {{{"users", {"u"}}, {"explain", true}}, "explain is for one feed"},
           {{{"user", "a\tb"}}, "recommend: user"},
           {{{"session", {"i"}}, {"at", "test"}}, "a session is no test case"}}) {
    const LibraryCall refused(project, "recommend", request);
    EXPECT_EQ(refused.error().code, UPNEXT_INVALID_ARGUMENT) << request;
    EXPECT_THAT(refused.error().message, HasSubstr(message));
  }
  const LibraryCall failed(project, "import", {{"events", "SELECT 1 AS one"}});
  EXPECT_EQ(failed.error().code, UPNEXT_INVALID_ARGUMENT);
  EXPECT_STREQ(upnext_call_result(failed.get(), nullptr), "");
  ArrowSchema schema;
  ArrowArray array;
  EXPECT_EQ(TakeError(upnext_call_table(failed.get(), "feeds", &schema, &array)).code,
            UPNEXT_FAILED_PRECONDITION);
  upnext_project_free(project);
  upnext_error_free(nullptr);
  upnext_project_free(nullptr);
  upnext_call_free(nullptr);
}

TEST_F(LibraryTest, ATableIsForTheNextImportAlone) {
  upnext_project* const project = Open("p");
  const auto events = [](const std::string& user) {
    return std::make_unique<import::TestArrowStream>(
        std::vector<std::vector<import::TestArrowColumn>>{
            {import::ArrowTexts("user", {user, user}), import::ArrowTexts("item", {"a", "b"}),
             import::ArrowNumbers<int64_t>("time", "tsm:", {1'700'000'000'000, 1'700'000'060'000}),
             import::ArrowTexts("type", {"click", "click"})}});
  };
  const auto add = [&](import::TestArrowStream& stream) {
    EXPECT_EQ(TakeError(upnext_project_add_table(project, "events", stream.get())).message, "");
    EXPECT_EQ(stream.streams_released, 1);
  };
  const Json request = {{"events", "SELECT * FROM events"}, {"items", ""}, {"users", ""}};
  const auto refused = events("u1"), replaced = events("u2"), taken = events("u3");
  add(*refused);
  EXPECT_THAT(LibraryCall(project, "import", {{"shards", 0}}).error().message, HasSubstr("shards"));
  EXPECT_EQ(refused->arrays_released, 1);
  add(*replaced);
  add(*taken);
  EXPECT_EQ(replaced->arrays_released, 1);
  const LibraryCall imported(project, "import", request);
  EXPECT_EQ(imported.result()["log_events"], 2);
  EXPECT_EQ(imported.result()["users"], 1);
  EXPECT_THAT(LibraryCall(project, "import", request).error().message,
              HasSubstr("Table with name events does not exist"));
  upnext_project_free(project);
  EXPECT_EQ(taken->arrays_released, 1);
}

TEST_F(LibraryTest, AnImportReadsAnArrayOfTheCallersMemory) {
  upnext_project* const project = Open("p");
  import::TestArrowStream made(std::vector<std::vector<import::TestArrowColumn>>{
      {import::ArrowTexts("user", {"u", "u"}), import::ArrowTexts("item", {"a", "b"}),
       import::ArrowNumbers<int64_t>("time", "tsm:", {1'700'000'000'000, 1'700'000'060'000}),
       import::ArrowTexts("type", {"click", "click"})}});
  LibraryTable owned;
  ASSERT_EQ(made.get()->get_schema(made.get(), &owned.schema), 0);
  ASSERT_EQ(made.get()->get_next(made.get(), &owned.array), 0);
  std::vector<ArrowArray> columns;  // without callbacks
  std::vector<ArrowArray*> places;
  for (int64_t i = 0; i < owned.array.n_children; ++i) {
    columns.push_back(*owned.array.children[i]);
    columns.back().release = nullptr;
  }
  for (ArrowArray& column : columns) places.push_back(&column);
  ArrowArray lent = owned.array;
  lent.children = places.data();
  int64_t in_use = 0;
  ASSERT_EQ(TakeError(upnext_arrow_lend(&lent, &in_use)).message, "");
  EXPECT_EQ(in_use, 5);
  ArrowArrayStream stream;
  ASSERT_EQ(TakeError(upnext_arrow_stream(&owned.schema, &lent, &stream)).message, "");
  ASSERT_EQ(TakeError(upnext_project_add_table(project, "events", &stream)).message, "");
  EXPECT_EQ(in_use, 5);
  const LibraryCall imported(project, "import",
                             {{"events", "SELECT * FROM events"}, {"items", ""}, {"users", ""}});
  EXPECT_EQ(imported.result()["log_events"], 2);
  EXPECT_EQ(in_use, 0);
  EXPECT_THAT(TakeError(upnext_arrow_stream(nullptr, &lent, &stream)).message,
              HasSubstr("schema is NULL"));
  EXPECT_THAT(TakeError(upnext_arrow_lend(&lent, nullptr)).message, HasSubstr("in_use is NULL"));
  upnext_project_free(project);
}

TEST_F(LibraryTest, ACallStopsSoonAndSaysSo) {
  Simulate();
  upnext_project* const project = Open("p");
  ASSERT_EQ(LibraryCall(project, "import", Json::object()).error().message, "");
  upnext_call* call = nullptr;
  ASSERT_EQ(TakeError(upnext_call_start(project, "train", "{}", &call)).message, "");
  EXPECT_STREQ(upnext_version(), UPNEXT_VERSION);
  upnext_call_wait(call, 10'000);  // until something is reported
  upnext_call_stop(call);
  const upnext_error* const error = upnext_call_error(call);
  EXPECT_EQ(upnext_error_code(error), UPNEXT_CANCELLED) << upnext_error_message(error);
  upnext_call_free(call);
  // Freed at once: it is stopped, and the project's lock is free again.
  ASSERT_EQ(TakeError(upnext_call_start(project, "train", "{}", &call)).message, "");
  upnext_call_free(call);
  EXPECT_EQ(LibraryCall(project, "train", Json::object()).error().message, "");
  upnext_project_free(project);
}

TEST_F(LibraryTest, AFeedIsOfTheVersionThatIsCurrent) {
  upnext_project* const project = Trained("p");
  const auto version = [&] {
    return LibraryCall(project, "recommend", {{"user", "u00001"}}).result()["bundle_version"];
  };
  EXPECT_EQ(version(), "v000001");
  ASSERT_EQ(LibraryCall(project, "train", {{"force", true}}).error().message, "");
  EXPECT_EQ(version(), "v000002");
  // Another user of the same folder publishes.
  upnext_project* const other = Open("p");
  ASSERT_EQ(LibraryCall(other, "train", {{"force", true}}).error().message, "");
  EXPECT_EQ(version(), "v000003");
  upnext_project_free(other);
  upnext_project_free(project);
}

TEST_F(LibraryTest, ReleaseLetsAServerOpenTheStore) {
  upnext_project* const project = Trained("p");
  const auto location = project::Location{.config = (folder_ / "site.toml").string(),
                                          .directory = (folder_ / "p").string(),
                                          .toml = SmallProject()};
  const project::Project same = project::Project::Load(location).value();
  ASSERT_TRUE(same.OpenStore());  // made, and closed again
  const auto feed = [&] { return LibraryCall(project, "recommend", {{"user", "u00001"}}).notes(); };
  EXPECT_TRUE(feed().empty());
  EXPECT_FALSE(same.OpenStore());
  EXPECT_EQ(LibraryCall(project, "import", {{"from_store", true}}).error().message, "");
  ASSERT_EQ(TakeError(upnext_project_release(project)).message, "");
  {
    const auto server = same.OpenStore();
    ASSERT_TRUE(server) << server.error().message;
    EXPECT_THAT(feed(), Contains(HasSubstr("what was posted to the server is not included")));
    EXPECT_THAT(feed(), Contains(HasSubstr("what was posted to the server is not included")));
  }
  ASSERT_EQ(TakeError(upnext_project_release(project)).message, "");
  EXPECT_TRUE(feed().empty());
  upnext_project_free(project);
}

TEST_F(LibraryTest, AFreedProjectLeavesTheStoreThoughItsResultsLive) {
  upnext_project* const project = Trained("p");
  const auto location = project::Location{.config = (folder_ / "site.toml").string(),
                                          .directory = (folder_ / "p").string(),
                                          .toml = SmallProject()};
  const project::Project same = project::Project::Load(location).value();
  ASSERT_TRUE(same.OpenStore());
  const LibraryCall vectors(project, "vectors", {{"space", "item"}});
  EXPECT_EQ(vectors.error().message, "");
  EXPECT_FALSE(same.OpenStore());
  upnext_project_free(project);
  EXPECT_TRUE(same.OpenStore());
}

TEST_F(LibraryTest, EvaluationsOfOneProjectInTwoThreadsDoNotMeet) {
  upnext_project* const project = Trained("p");
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 4; ++round) {
        EXPECT_EQ(LibraryCall(project, "evaluate", Json::object()).error().message, "");
        const LibraryCall held_out(project, "recommend", {{"all_users", true}, {"at", "test"}});
        EXPECT_EQ(held_out.error().message, "");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  upnext_project_free(project);
}

TEST_F(LibraryTest, RowsNextToTheStoreAloneAreRefused) {
  upnext_project* const project = Trained("p");
  const LibraryCall both(project, "import", {{"from_store", true}, {"events", "SELECT 1"}});
  EXPECT_EQ(both.error().code, UPNEXT_INVALID_ARGUMENT);
  EXPECT_THAT(both.error().message, HasSubstr("with append they join the log"));
  upnext_project_free(project);
}

TEST(Library, ACallThatIsNullIsAnError) {
  EXPECT_EQ(upnext_call_wait(nullptr, 0), 1);
  EXPECT_THAT(upnext_call_news(nullptr), HasSubstr("stages"));
  upnext_call_stop(nullptr);
  EXPECT_EQ(upnext_error_code(upnext_call_error(nullptr)), UPNEXT_INVALID_ARGUMENT);
  EXPECT_STREQ(upnext_call_result(nullptr, nullptr), "");
}

TEST_F(LibraryTest, TwoProjectsInTwoThreadsDoNotMeet) {
  Simulate();
  std::atomic<int> published = 0;
  std::vector<std::string> feeds(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&, i] {
      upnext_project* const project = Open("p" + std::to_string(i));
      EXPECT_EQ(LibraryCall(project, "import", Json::object()).error().message, "");
      const LibraryCall trained(project, "train", Json::object());
      published += trained.result()["bundle"]["published"].get<bool>() ? 1 : 0;
      feeds[static_cast<size_t>(i)] =
          LibraryCall(project, "recommend", {{"user", "u00001"}}).result()["items"].dump();
      upnext_project_free(project);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(published, 2);
  EXPECT_EQ(feeds[0], feeds[1]);
}

TEST_F(LibraryTest, FeedsAreMadeInManyThreadsWhileModelsArePublished) {
  upnext_project* const project = Trained("p");
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&, i] {
      while (!done) {
        const Json request = i == 0 ? Json{{"all_users", true}, {"n", 2}}
                                    : Json{{"user", "u0000" + std::to_string(i)}};
        const LibraryCall call(project, "recommend", request);
        EXPECT_EQ(call.error().message, "");
        if (i == 2) {
          EXPECT_EQ(TakeError(upnext_project_release(project)).message, "");
        }
      }
    });
  }
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(LibraryCall(project, "train", {{"force", true}}).error().message, "");
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  upnext_project_free(project);
}

TEST_F(LibraryTest, AForkedProcessIsRefused) {
  upnext_project* const project = Open("p");
  const pid_t child = fork();
  if (child == 0) {
    upnext_call* call = nullptr;
    const LibraryError error = TakeError(upnext_call_start(project, "config", "{}", &call));
    upnext_project_free(project);
    _exit(error.code == UPNEXT_FAILED_PRECONDITION && call == nullptr &&
                  error.message.find("forked from " + std::to_string(getppid())) !=
                      std::string::npos
              ? 0
              : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(LibraryCall(project, "config", Json::object()).error().message, "");
  upnext_project_free(project);
}

TEST_F(LibraryTest, SimulatedSitesAndStudies) {
  const Json shop = LibraryCall(nullptr, "simulate",
                                {{"site", "shop"},
                                 {"out", (folder_ / "shop").string()},
                                 {"users", 50},
                                 {"items", 100},
                                 {"days", 5},
                                 {"seed", 2}})
                        .result();
  EXPECT_EQ(shop["seed"], 2);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "shop" / "events.csv"));
  EXPECT_THAT(LibraryCall(nullptr, "simulate", {{"site", "shop"}, {"out", "x"}, {"truth", true}})
                  .error()
                  .message,
              HasSubstr("truth is for the site video"));
  const Json studies = LibraryCall(nullptr, "studies", Json::object()).result()["studies"];
  EXPECT_GT(studies.size(), 5u);
  EXPECT_THAT(LibraryCall(nullptr, "study", {{"name", "next-wach"}}).error().message,
              HasSubstr("did you mean 'next-watch'?"));
}

}  // namespace
}  // namespace upnext::api
