// Operations on simulated sites, which need no project.
#include <nlohmann/json.hpp>
#include <utility>

#include "api/operations.h"
#include "api/simulated_log.h"
#include "base/file.h"
#include "base/suggest.h"
#include "base/thread_pool.h"
#include "simulator/log_writer.h"
#include "studies/study.h"

namespace upnext::api {
namespace {

constexpr Key kSimulateKeys[] = {
    {.name = "site",
     .type = KeyType::kText,
     .help = "Kind of site: video (if it is not given), shop, news or music",
     .choices = kSites},
    {"out", KeyType::kText, "Folder for the files of the log: Parquet of video, CSV of others"},
    {"users", KeyType::kWhole, "Users; if not given, the site's own number", 1, 1e8},
    {"items", KeyType::kWhole, "Items; if not given, the site's own number", 100, 1e8},
    {"days", KeyType::kWhole, "Days of the world; if not given, the site's own number", 2, 3650},
    {"log_days", KeyType::kWhole, "Of video: the log contains only the first days", 1, 3650},
    {"seed", KeyType::kWhole, "Seed, 1 if it is not given; the same seed gives the same bytes", 0,
     9e15},
    {"world", KeyType::kText, "Of video: TOML file with the world's parameters"},
    {"truth", KeyType::kFlag,
     "Of video: also write the ground truth of impressions, positions and items"},
};

Result<Outcome> RunSimulate(const OperationInput& in) {
  const Request& request = in.request;
  if (!request.Has("out")) return InvalidArgument("simulate: out: expected a folder, found none");
  SimulateRequest wanted = {.site = request.Text("site", "video"),
                            .out = request.Text("out"),
                            .world = request.Text("world"),
                            .users = static_cast<uint32_t>(request.Whole("users", 0)),
                            .items = static_cast<uint32_t>(request.Whole("items", 0)),
                            .days = static_cast<int>(request.Whole("days", 0))};
  if (request.Has("seed")) wanted.seed = static_cast<uint64_t>(request.Whole("seed", 1));
  if (wanted.site != kSites.front()) {
    for (const char* key : {"world", "truth", "log_days"}) {
      if (!request.Has(key)) continue;
      return InvalidArgument("simulate: {} is for the site video, not for {}", key, wanted.site);
    }
    UPNEXT_ASSIGN_OR_RETURN(const simulator::SiteReport report, SimulateSite(wanted, in.progress));
    return Outcome{.json = SiteLogJson(wanted.site, report).dump()};
  }
  UPNEXT_ASSIGN_OR_RETURN(const simulator::WorldOptions options, WorldOf(wanted));
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(wanted.out));
  const simulator::LogOptions log{.end_day = static_cast<int>(request.Whole("log_days", 0)),
                                  .truth = request.Flag("truth")};
  UPNEXT_ASSIGN_OR_RETURN(const simulator::LogReport report,
                          simulator::SimulateLog(options, log, wanted.out, in.progress));
  const int days = log.end_day > 0 ? log.end_day : options.days;
  return Outcome{.json = VideoLogJson(options, days, report).dump()};
}

constexpr std::string_view kScales[] = {"full", "tiny"};

constexpr Key kStudyKeys[] = {
    {"name", KeyType::kText, "Name of the study, one of those that studies lists"},
    {"seeds", KeyType::kWhole, "Number of worlds, one seed each; 10 if it is not given", 1, 1000},
    {"first_seed", KeyType::kWhole, "First seed, 1 if it is not given", 0, 9e15},
    {.name = "scale",
     .type = KeyType::kText,
     .help = "full (if it is not given); tiny takes seconds, for a quick check",
     .choices = kScales},
    {"threads", KeyType::kWhole, "Threads; 0 and if it is not given: all processors", 0, 1024},
    {"scratch", KeyType::kText, "Temporary folder for logs and bundles, else the system's"},
    {"html", KeyType::kFlag, "Also give the page with tables and plots, as `html`"},
};

Result<Outcome> RunStudyOperation(const OperationInput& in) {
  const Request& request = in.request;
  const std::string name = request.Text("name");
  const studies::Study* study = studies::FindStudy(name);
  if (study == nullptr) {
    std::vector<std::string> names;
    for (const studies::Study& one : studies::Studies()) names.push_back(one.name);
    return NotFound("study: unknown study '{}'{}; the operation studies lists them",
                    name.substr(0, 60), base::DidYouMean(name, names));
  }
  const studies::StudyOptions options{
      .seeds = static_cast<int>(request.Whole("seeds", 10)),
      .first_seed = static_cast<uint64_t>(request.Whole("first_seed", 1)),
      .scale =
          request.Text("scale", "full") == "tiny" ? studies::Scale::kTiny : studies::Scale::kFull,
      .scratch = request.Text("scratch")};
  base::ThreadPool pool(static_cast<int>(request.Whole("threads", 0)));
  UPNEXT_ASSIGN_OR_RETURN(const studies::StudyReport report,
                          studies::RunStudy(*study, options, pool, in.progress));
  if (!request.Flag("html")) return Outcome{.json = studies::RenderJson(report)};
  nlohmann::ordered_json out = nlohmann::ordered_json::parse(studies::RenderJson(report));
  out["html"] = studies::RenderHtml(report);
  return Outcome{.json = out.dump()};
}

Result<Outcome> RunStudies(const OperationInput&) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const studies::Study& one : studies::Studies()) {
    list.push_back({{"name", one.name}, {"question", one.question}});
  }
  return Outcome{.json = nlohmann::ordered_json{{"studies", std::move(list)}}.dump()};
}

constexpr Operation kSimulatorOperations[] = {
    {.name = "simulate",
     .summary = "write the log of a simulated site",
     .needs_project = false,
     .keys = kSimulateKeys,
     .run = RunSimulate},
    {.name = "study",
     .summary = "run an experiment on the simulated world, over seeds",
     .needs_project = false,
     .keys = kStudyKeys,
     .run = RunStudyOperation},
    {.name = "studies",
     .summary = "list the studies and their questions",
     .needs_project = false,
     .keys = {},
     .run = RunStudies},
};

}  // namespace

std::span<const Operation> SimulatorOperations() { return kSimulatorOperations; }

}  // namespace upnext::api
