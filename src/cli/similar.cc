#include <fmt/format.h>

#include <memory>
#include <utility>

#include "api/feeds.h"
#include "api/recommender.h"
#include "api/settings.h"
#include "catalogue/catalogue.h"
#include "cli/expression_flags.h"
#include "cli/feed.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "project/project.h"
#include "schema/event.h"
#include "serving/engine.h"

namespace upnext::cli {
namespace {

struct SimilarFlags {
  project::Location project;
  std::string item;
  uint32_t n = 20;
  ExpressionFlags expressions = {};
  bool explain = false, json = false;
};

Status RunSimilar(const SimilarFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(api::Settings settings, api::Settings::Load(flags.project));
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(
      const auto recommender,
      api::Recommender::Open(std::move(settings), api::Recommender::At::kNow, progress));
  serving::SimilarRequest request{.item = flags.item,
                                  .n = flags.n,
                                  .filter = flags.expressions.filter,
                                  .time_ms = recommender->opened()->log.stats().last_ms};
  UPNEXT_ASSIGN_OR_RETURN(request.parameters, ParametersOf(flags.expressions));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<serving::Recommendation> items,
                          recommender->engine().Similar(request));
  if (flags.json) {
    Print("{}\n", api::SimilarJson(flags.item, items, flags.explain).dump(2));
  } else {
    const catalogue::Catalogue& catalogue = recommender->catalogue();
    const uint32_t item = catalogue.Find(schema::IdSpace::kItem, flags.item);
    Print("Like {} {}\n{}", flags.item, Printable(catalogue.item(item).title),
          ItemsTable(items, {}, flags.explain));
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeSimilar(CLI::App& app) {
  auto flags = std::make_shared<SimilarFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--item", flags->item, "Item to find similar items for")->required();
  app.add_option("-n", flags->n, "Number of items")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  AddFilterFlags(app, &flags->expressions);
  app.add_flag("--explain", flags->explain, "Also print the source of each item");
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunSimilar(*flags); };
}

}  // namespace upnext::cli
