#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/recommender.h"
#include "api/settings.h"
#include "base/numbers.h"
#include "cli/context_flag.h"
#include "cli/expression_flags.h"
#include "cli/feed.h"
#include "cli/feeds_file.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "expression/bound_expression.h"
#include "net/slate_json.h"
#include "project/project.h"
#include "schema/values.h"
#include "serving/slate.h"

namespace upnext::cli {
namespace {

struct RecommendFlags {
  project::Location project;
  std::string user, stage = "ranking", out, at = "now", device, region, current_item;
  std::optional<std::string> score;
  std::string scenario;
  std::vector<std::string> context, exclude;
  ExpressionFlags expressions = {};
  uint32_t n = 20, offset = 0;
  bool all_users = false, explain = false, json = false;
};

api::FeedRequest WantedOf(const RecommendFlags& flags, expression::Arguments parameters) {
  return {.request = {.n = flags.n,
                      .offset = flags.offset,
                      .device = flags.device,
                      .region = flags.region,
                      .current_item = flags.current_item,
                      .stage = flags.stage == "retrieval" ? serving::Stage::kRetrieval
                                                          : serving::Stage::kRanking,
                      .exclude = flags.exclude,
                      .score = flags.score,
                      .filter = flags.expressions.filter,
                      .boost = flags.expressions.boost,
                      .parameters = std::move(parameters),
                      .scenario = flags.scenario,
                      .explain = flags.explain},
          .set_context = [&flags](const schema::Schema& schema, serving::Request* request) {
            return SetContext(schema, flags.context, request);
          }};
}

Status RunOne(const RecommendFlags& flags, const api::FeedRequest& wanted,
              api::Recommender& recommender) {
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate, recommender.FeedOf(flags.user, wanted));
  const std::vector<std::string> objectives = recommender.engine().objective_names();
  if (flags.json) {
    Print("{}\n", net::SlateJson(slate, objectives, flags.user, flags.explain).dump(2));
  } else {
    Print("{}", SlateTable(slate, objectives, flags.user, flags.explain, flags.offset));
  }
  return Ok();
}

std::string FeedText(const RecommendFlags& flags, const serving::Slate& slate,
                     const std::string& user) {
  if (slate.items.empty()) return std::string();
  if (flags.json) {
    return net::SlateJson(slate, {}, user, false).dump() + "\n";
  }
  std::string lines;
  for (size_t rank = 0; rank < slate.items.size(); ++rank) {
    const serving::Recommendation& item = slate.items[rank];
    lines +=
        fmt::format("{}\t{}\t{}\t{:.9g}\n", user, item.id, flags.offset + rank + 1, item.score);
  }
  return lines;
}

Status RunAll(const RecommendFlags& flags, const api::FeedRequest& wanted,
              api::Recommender& recommender, base::Progress& progress) {
  UPNEXT_ASSIGN_OR_RETURN(const auto everyone, recommender.Everyone());
  UPNEXT_ASSIGN_OR_RETURN(FeedsFile out, FeedsFile::Create(flags.out));
  size_t empty = 0, degraded = 0;
  std::string why;  // the first that is degraded, and why
  std::vector<std::string> texts(api::Recommender::kBlock), reasons(texts.size());
  const api::FeedsTaker taker = {
      .take =
          [&](size_t place, const std::string& user, const serving::Slate& slate) {
            texts[place] = FeedText(flags, slate, user);
            reasons[place] = slate.degraded.empty()
                                 ? ""
                                 : fmt::format("that of {}: {}", Printable(user),
                                               DegradationText(slate.degraded.front()));
          },
      .end_block = [&](size_t feeds) -> Status {
        for (const std::string& text : std::span(texts).first(feeds)) {
          empty += text.empty();
          UPNEXT_RETURN_IF_ERROR(out.Append(text));
        }
        for (const std::string& reason : std::span(reasons).first(feeds)) {
          degraded += !reason.empty();
          if (why.empty()) why = reason;
        }
        return Ok();
      }};
  if (Status made = recommender.MakeFeeds(everyone, wanted, taker, progress); !made) {
    if (progress.stop_requested()) return Cancelled("stopped; {} was not written", flags.out);
    return made;
  }
  UPNEXT_RETURN_IF_ERROR(out.Commit());
  out.Say(fmt::format("{} users written to {}\n", base::WithThousands(everyone.size() - empty),
                      out.name()));
  if (degraded > 0) {
    out.Say(fmt::format("degraded: {} of {} feeds, first {}\n", base::WithThousands(degraded),
                        base::WithThousands(everyone.size()), why));
  }
  if (empty > 0) {
    out.Say(fmt::format("{} users have nothing left to recommend\n", base::WithThousands(empty)));
  }
  return Ok();
}

Status RunRecommend(const RecommendFlags& flags) {
  if (Status valid = schema::CheckId(flags.user); !valid) {
    return WithContext(std::move(valid).error(), "--user");
  }
  UPNEXT_ASSIGN_OR_RETURN(api::Settings settings, api::Settings::Load(flags.project));
  ProgressBar progress;
  using At = api::Recommender::At;
  UPNEXT_ASSIGN_OR_RETURN(
      const auto recommender,
      api::Recommender::Open(std::move(settings), flags.at == "test" ? At::kTest : At::kNow,
                             progress));
  UPNEXT_ASSIGN_OR_RETURN(expression::Arguments parameters, ParametersOf(flags.expressions));
  const api::FeedRequest wanted = WantedOf(flags, std::move(parameters));
  return flags.all_users ? RunAll(flags, wanted, *recommender, progress)
                         : RunOne(flags, wanted, *recommender);
}

}  // namespace

std::function<Status()> MakeRecommend(CLI::App& app) {
  auto flags = std::make_shared<RecommendFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option* user = app.add_option("--user", flags->user, "User whose feed is printed");
  CLI::Option* all =
      app.add_flag("--all-users", flags->all_users, "Write the feeds of all users to --out");
  all->excludes(user);
  app.add_option("-n", flags->n, "Items in a feed")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--offset", flags->offset,
                 "Leave out so many of the best items: -n 20 --offset 20 is the second page")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  app.add_option("--exclude", flags->exclude, "Item to leave out; repeatable")
      ->type_name("ITEM")
      ->allow_extra_args(false);
  app.add_option("--scenario", flags->scenario,
                 "A place of the site: [scenario.NAME] of the project file");
  app.add_option("--score", flags->score,
                 "Exponents of the score in place of the project file's: watch:1,dismiss:-0.5")
      ->type_name("NAME:EXPONENT,...");
  AddFilterFlags(app, &flags->expressions);
  AddBoostFlag(app, &flags->expressions);
  app.add_option("--stage", flags->stage,
                 "Last stage: retrieval (candidates in their order) or "
                 "ranking")
      ->check(CLI::IsMember({"retrieval", "ranking"}))
      ->capture_default_str();
  app.add_option("--at", flags->at,
                 "now: the end of the log and the store; test: the split's test protocol")
      ->check(CLI::IsMember({"now", "test"}))
      ->capture_default_str();
  CLI::Option* out = app.add_option(
      "--out", flags->out,
      "File for the feeds, or - for stdout: user<TAB>item<TAB>rank<TAB>score lines, with --json a JSON object per line");
  out->needs(all);
  all->needs(out);
  app.add_option("--device", flags->device, "Device of the request");
  app.add_option("--region", flags->region, "Region of the request");
  app.add_option("--current-item", flags->current_item, "The item being watched");
  app.add_option("--context", flags->context,
                 "What else the request says, as NAME=VALUE: a name that is declared in "
                 "[schema.requests], or device, region, current_item; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--explain", flags->explain, "Also print sources, predictions and stage counts")
      ->excludes(all);
  app.add_flag("--json", flags->json, "Print JSON");
  app.parse_complete_callback([user, all] {
    if (user->count() + all->count() == 0) throw CLI::RequiredError("--user U or --all-users");
  });
  return [flags] { return RunRecommend(*flags); };
}

}  // namespace upnext::cli
