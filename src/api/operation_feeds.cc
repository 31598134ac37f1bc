// Operations that answer with what the models say: feeds, similar items, vectors.
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api/feeds.h"
#include "api/operations.h"
#include "api/request_context.h"
#include "net/slate_json.h"
#include "schema/values.h"
#include "serving/slate.h"

namespace upnext::api {
namespace {

constexpr std::string_view kLastStages[] = {"retrieval", "ranking"};
constexpr std::string_view kAt[] = {"now", "test"};
constexpr double kMostItems = 10'000;

constexpr Key kRecommendKeys[] = {
    {"user", KeyType::kText, "User whose feed is made"},
    {"users", KeyType::kTexts, "Users whose feeds are made, as the table feeds"},
    {"all_users", KeyType::kFlag, "Make the feeds of all users, as the table feeds"},
    {"session", KeyType::kEvents,
     "What a visitor who is no user did, oldest first: items, or events as POST /v1/events takes "
     "them; type, time and value may be left out"},
    {"n", KeyType::kWhole, "Items in a feed, 20 if it is not given", 1, kMostItems},
    {"offset", KeyType::kWhole, "Leave out so many of the best items", 0, kMostItems},
    {"exclude", KeyType::kTexts, "Items to leave out"},
    {"scenario", KeyType::kText, "A place of the site: [scenario.NAME] of the project file"},
    {"score", KeyType::kText,
     "Exponents of the score in place of the project file's: watch:1,dismiss:-0.5"},
    {"filter", KeyType::kText, "Condition that every item must meet: item.duration < 10 minutes"},
    {"boost", KeyType::kText, "Number of each item that multiplies its score"},
    {"parameters", KeyType::kValues, "Values of $NAME in expressions"},
    {"context", KeyType::kValues, "What else the request says: attributes of [schema.requests]"},
    {.name = "stage",
     .type = KeyType::kText,
     .help = "Last stage: retrieval (candidates in their order) or ranking",
     .choices = kLastStages},
    {.name = "at",
     .type = KeyType::kText,
     .help = "now: the end of the log and the store; test: the split's test protocol",
     .choices = kAt},
    {"explain", KeyType::kFlag, "Also give sources, predictions and stage counts of one feed"},
    {"device", KeyType::kText, "Device of the request"},
    {"region", KeyType::kText, "Region of the request"},
    {"current_item", KeyType::kText, "The item being watched"},
};
constexpr std::string_view kFeedTables[] = {"feeds"};

FeedRequest WantedFeed(const Request& request) {
  FeedRequest wanted;
  wanted.request.n = static_cast<uint32_t>(request.Whole("n", 20));
  wanted.request.offset = static_cast<uint32_t>(request.Whole("offset", 0));
  wanted.request.exclude = request.Texts("exclude");
  wanted.request.scenario = request.Text("scenario");
  wanted.request.score = request.MaybeText("score");
  wanted.request.filter = request.Text("filter");
  wanted.request.boost = request.Text("boost");
  wanted.request.parameters = request.Values("parameters");
  wanted.request.device = request.Text("device");
  wanted.request.region = request.Text("region");
  wanted.request.current_item = request.Text("current_item");
  wanted.request.explain = request.Flag("explain");
  wanted.request.stage = request.Text("stage", "ranking") == "retrieval"
                             ? serving::Stage::kRetrieval
                             : serving::Stage::kRanking;
  if (!request.Has("context")) return wanted;
  wanted.set_context = [values = request.Values("context")](const schema::Schema& schema,
                                                            serving::Request* to) -> Status {
    for (const auto& [name, texts] : values) {
      if (texts.size() > 1) {
        return InvalidArgument("context: {}: expected one value, found {}", name, texts.size());
      }
      const std::string text = texts.empty() ? "" : texts.front();
      if (Status set = SetRequestValue(schema, name, text, to); !set) {
        return WithContext(std::move(set).error(), "context");
      }
    }
    return Ok();
  };
  return wanted;
}

Result<Outcome> OneFeed(const Request& request, Recommender& recommender,
                        const FeedRequest& wanted) {
  const std::string user = request.Text("user");
  const auto feed = [&]() -> Result<serving::Slate> {
    if (!request.Has("session")) return recommender.FeedOf(user, wanted);
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<schema::RawEvent> events,
                            VisitorEvents(recommender, request.Json("session")));
    return recommender.FeedOfVisitor(events, wanted);
  };
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate, feed());
  return Outcome{.json = net::SlateJson(slate, recommender.engine().objective_names(), user,
                                        wanted.request.explain)
                             .dump()};
}

Result<Outcome> ManyFeeds(const OperationInput& in, Recommender& recommender,
                          const FeedRequest& wanted) {
  const bool all = in.request.Flag("all_users");
  const std::vector<std::string> names = in.request.Texts("users");
  for (const std::string& name : names) {
    if (Status valid = schema::CheckId(name); !valid) {
      return WithContext(std::move(valid).error(), "recommend: users");
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto users,
                          all ? recommender.Everyone() : recommender.TheseUsers(names));
  FeedColumns columns(recommender.catalogue(), wanted.request.offset);
  UPNEXT_RETURN_IF_ERROR(recommender.MakeFeeds(users, wanted, columns.Taker(), in.progress));
  Outcome out{.json = nlohmann::json{{"users", columns.users()},
                                     {"empty", columns.empty()},
                                     {"degraded", columns.Degraded()}}
                          .dump()};
  out.tables.push_back(std::move(columns).Table());
  return out;
}

Result<Outcome> RunRecommend(const OperationInput& in) {
  const Request& request = in.request;
  const bool many = request.Has("users") || request.Flag("all_users");
  const int ways = int{request.Has("user")} + int{request.Has("users")} +
                   int{request.Flag("all_users")} + int{request.Has("session")};
  if (ways != 1) {
    return InvalidArgument(
        "recommend: expected one of user, users, all_users and session, found {}",
        ways == 0 ? "none" : "several");
  }
  if (Status valid = schema::CheckId(request.Text("user")); !valid) {
    return WithContext(std::move(valid).error(), "recommend: user");
  }
  if (many && request.Flag("explain")) {
    return InvalidArgument(
        "recommend: explain is for one feed, and the table of feeds has no "
        "place for it; ask for a single user");
  }
  const FeedRequest wanted = WantedFeed(request);
  const auto run = [&](Recommender& recommender) {
    return many ? ManyFeeds(in, recommender, wanted) : OneFeed(request, recommender, wanted);
  };
  if (request.Text("at", "now") == "test") {
    if (request.Has("session")) {
      return InvalidArgument("recommend: a session is no test case; omit at");
    }
    UPNEXT_ASSIGN_OR_RETURN(
        const auto recommender,
        Recommender::Open(in.project->settings(), Recommender::At::kTest, in.progress));
    return run(*recommender);
  }
  UPNEXT_ASSIGN_OR_RETURN(const RecommenderUse recommender, in.project->Use(in.progress));
  return run(*recommender);
}

constexpr Key kSimilarKeys[] = {
    {"item", KeyType::kText, "Item to find similar items for"},
    {"n", KeyType::kWhole, "Number of items, 20 if it is not given", 1, kMostItems},
    {"filter", KeyType::kText, "Condition that every item must meet"},
    {"parameters", KeyType::kValues, "Values of $NAME in expressions"},
    {"explain", KeyType::kFlag, "Also give the sources of each item"},
};

Result<Outcome> RunSimilar(const OperationInput& in) {
  const Request& request = in.request;
  if (!request.Has("item")) return InvalidArgument("similar: item: expected an item, found none");
  UPNEXT_ASSIGN_OR_RETURN(const RecommenderUse recommender, in.project->Use(in.progress));
  const serving::SimilarRequest wanted{.item = request.Text("item"),
                                       .n = static_cast<uint32_t>(request.Whole("n", 20)),
                                       .filter = request.Text("filter"),
                                       .parameters = request.Values("parameters"),
                                       .time_ms = recommender->opened()->log.stats().last_ms};
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<serving::Recommendation> items,
                          recommender->engine().Similar(wanted));
  return Outcome{.json = SimilarJson(wanted.item, items, request.Flag("explain")).dump()};
}

constexpr std::string_view kSpaces[] = {"item", "user"};

constexpr Key kVectorsKeys[] = {
    {.name = "space",
     .type = KeyType::kText,
     .help = "Vectors of what: item (if it is not given) or user",
     .choices = kSpaces},
    {"users", KeyType::kTexts, "Users, in place of all of whom there are events"},
};
constexpr std::string_view kVectorTables[] = {"vectors"};

Result<Outcome> RunVectors(const OperationInput& in) {
  const Request& request = in.request;
  const bool of_items = request.Text("space", "item") == "item";
  if (of_items && request.Has("users")) {
    return InvalidArgument("vectors: users: expected none for the space item");
  }
  for (const std::string& user : request.Texts("users")) {
    if (Status valid = schema::CheckId(user); !valid) {
      return WithContext(std::move(valid).error(), "vectors: users");
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(const RecommenderUse recommender, in.project->Use(in.progress));
  const auto make = [&]() -> Result<ArrowResult> {
    if (of_items) return ItemVectors(*recommender);
    if (request.Has("users")) {
      return UserVectors(*recommender, request.Texts("users"), in.progress);
    }
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<std::string> names, recommender->UserNames());
    return UserVectors(*recommender, names, in.progress);
  };
  UPNEXT_ASSIGN_OR_RETURN(ArrowResult table, make());
  Outcome out{.json = nlohmann::json{{"bundle", recommender->opened()->bundle->manifest().version},
                                     {"rows", table.rows}}
                          .dump()};
  out.tables.push_back(std::move(table));
  return out;
}

constexpr Operation kFeedOperations[] = {
    {.name = "recommend",
     .summary = "make the feed of a user or of a visitor, or the feeds of many users",
     .keys = kRecommendKeys,
     .tables = kFeedTables,
     .run = RunRecommend},
    {.name = "similar",
     .summary = "find items like an item",
     .keys = kSimilarKeys,
     .run = RunSimilar},
    {.name = "vectors",
     .summary = "give the vectors of items or users in the candidate model",
     .keys = kVectorsKeys,
     .tables = kVectorTables,
     .run = RunVectors},
};

}  // namespace

std::span<const Operation> FeedOperations() { return kFeedOperations; }

}  // namespace upnext::api
