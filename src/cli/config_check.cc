#include "cli/config_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "api/settings.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/file.h"
#include "base/suggest.h"
#include "base/time_text.h"
#include "features/feature_plan.h"
#include "import/select_check.h"
#include "net/tls.h"
#include "onnx/manifest.h"
#include "serving/scenario.h"
#include "training/onnx_models.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVariablePrefix = "UPNEXT_";

// Where the project file has the SELECT of a table: "shop.toml:4".
std::string PlaceOf(const api::Settings& settings, std::string_view table) {
  const std::string key = fmt::format("import.{}", table);
  for (const base::ConfigValue& one : settings.project.config().Values()) {
    if (one.key == key) return one.origin;
  }
  return "";
}

void CheckSelectsOf(const api::Settings& settings, std::vector<Finding>* findings) {
  const auto checks = import::CheckSelects(settings.import);
  if (!checks) {
    findings->push_back({Health::kError, "import", checks.error().message});
    return;
  }
  if (std::ranges::none_of(*checks, [](const auto& one) { return one.table == "events"; })) {
    findings->push_back({Health::kWarning, "events", "[import] has no SELECT of them",
                         "only a server that events are posted to needs none"});
  }
  for (const import::SelectCheck& one : *checks) {
    const std::string table(one.table);
    if (one.error) {
      findings->push_back({Health::kError, table,
                           fmt::format("{}: {}", PlaceOf(settings, table), one.error->message)});
    } else if (!one.files_absent.empty()) {
      findings->push_back({Health::kWarning, table,
                           "the files are not there, so the columns were not checked: " +
                               one.files_absent.substr(0, one.files_absent.find('\n'))});
    } else {
      findings->push_back({Health::kOk, table, fmt::format("{}", fmt::join(one.columns, ", "))});
    }
    if (!one.not_given.empty()) {
      findings->push_back(
          {Health::kWarning, table,
           fmt::format("[schema] declares {}, which the SELECT does not give",
                       fmt::join(one.not_given, ", ")),
           "right if it comes by the API alone; else select it, or take the line out of [schema]"});
    }
  }
}

void CheckFeaturesOf(const api::Settings& settings, std::vector<Finding>* findings) {
  const auto plan =
      features::FeaturePlan::Compile(settings.training.dataset.features, settings.project.schema());
  if (plan) return;
  findings->push_back({Health::kError, "features", plan.error().message});
}

// Pins and hidden items whose time is over have no effect any more.
void CheckPeriodsOf(const api::Settings& settings, std::vector<Finding>* findings) {
  const int64_t now_ms = base::SystemClock().NowMs();
  const auto check = [&](const serving::Scenario& scenario, const char* what,
                         const std::string& item, const serving::Period& period) {
    if (period.until_ms > now_ms) return;
    findings->push_back({Health::kWarning, "scenarios",
                         fmt::format("{}: {} {} is over since {}", scenario.Title(), what, item,
                                     base::FormatTime(period.until_ms)),
                         "take it out"});
  };
  for (const serving::Scenario& scenario : settings.engine.scenarios.all()) {
    for (const auto& pin : scenario.pins) check(scenario, "the pin of", pin.item, pin.period);
    for (const auto& hide : scenario.hides)
      check(scenario, "the hiding of", hide.item, hide.period);
  }
}

// The library that will be loaded: the variable takes the place of the key.
void CheckOnnxRuntimeOf(const api::Settings& settings, std::vector<Finding>* findings) {
  const char* const variable = std::getenv("UPNEXT_ONNXRUNTIME");
  const bool is_replaced = variable != nullptr && *variable != '\0';
  const fs::path library = is_replaced ? fs::path(variable) : settings.project.onnx_runtime();
  std::error_code error;
  // A name without a folder is looked for by the loader.
  if (!library.has_parent_path() || fs::is_regular_file(library, error)) return;
  findings->push_back({Health::kError, "onnxruntime",
                       fmt::format("{}: no such file", library.string()),
                       fmt::format("correct {}", is_replaced ? "the variable UPNEXT_ONNXRUNTIME"
                                                             : "[onnxruntime] library")});
}

// The network that a section names, if any, its manifest, and the files that this names.
void CheckNetworkOf(const api::Settings& settings, std::string_view section,
                    const std::string& onnx, onnx::Of of, std::vector<Finding>* findings) {
  if (onnx.empty()) return;
  const fs::path network = settings.project.Beside(onnx);
  const fs::path manifest = training::ManifestOfNetwork(network);
  const auto check = [&](const fs::path& file, std::string todo) {
    std::error_code error;
    if (fs::is_regular_file(file, error)) return;
    findings->push_back(
        {Health::kError, "onnx", fmt::format("{}: no such file", file.string()), std::move(todo)});
  };
  check(network, fmt::format("correct [{}] onnx", section));
  const Result<std::string> text = base::ReadFile(manifest);
  const Result<onnx::Manifest> read = text ? onnx::Manifest::Parse(*text, manifest.string(), of)
                                           : Result<onnx::Manifest>(std::unexpected(text.error()));
  if (!read) {
    findings->push_back({Health::kError, "onnx", read.error().message,
                         "the network needs its manifest (docs/howto/models-of-others.md)"});
    return;
  }
  // A path that is absolute stays as it is.
  check(manifest.parent_path() / read->features,
        fmt::format("correct \"features\" in {}", manifest.string()));
  if (of == onnx::Of::kUserEncoder) {
    check(manifest.parent_path() / read->items,
          fmt::format("correct \"items\" in {}", manifest.string()));
  }
}

void CheckFilesOf(const api::Settings& settings, std::vector<Finding>* findings) {
  const net::ServerOptions& server = settings.server;
  if (!server.certificate.empty()) {
    if (const auto tls = net::Tls::Open(server.certificate, server.private_key); !tls) {
      findings->push_back({Health::kError, "tls", tls.error().message,
                           "correct [server] certificate, private_key"});
    }
  }
  const training::TrainOptions& train = settings.training.train;
  CheckNetworkOf(settings, "retrieval", train.retrieval_onnx, onnx::Of::kUserEncoder, findings);
  CheckNetworkOf(settings, "ranking", train.ranking_onnx, onnx::Of::kRanker, findings);
  if (!train.retrieval_onnx.empty() || !train.ranking_onnx.empty()) {
    CheckOnnxRuntimeOf(settings, findings);
  }
  const auto folder = [&](const char* key, const fs::path& path, const char* todo) {
    std::error_code error;
    if (path.empty() || fs::is_directory(path, error)) return;
    findings->push_back(
        {Health::kWarning, key, fmt::format("{} is no folder", path.string()), todo});
  };
  folder("inbox", settings.run.inbox, "make it; the server moves files out of it");
  folder("backups", server.backups, "make it; the server writes there");
  folder("data", settings.project.data(), "correct [project] data, UPNEXT_DATA or --data");
}

void CheckEnvironment(const std::set<std::string>& known, std::vector<Finding>* findings) {
  const std::vector<std::string> names(known.begin(), known.end());
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text = *one;
    const std::string name(text.substr(0, text.find('=')));
    if (!name.starts_with(kVariablePrefix) || known.contains(name)) continue;
    findings->push_back({Health::kWarning, "environment",
                         fmt::format("{} is no variable that upnext reads{}", name,
                                     base::DidYouMean(name, names))});
  }
}

}  // namespace

std::vector<Finding> CheckConfig(const project::Location& location,
                                 const std::set<std::string>& known_variables) {
  std::vector<Finding> findings;
  const Result<api::Settings> settings = api::Settings::Load(location);
  if (!settings) {
    const std::string& all = settings.error().message;
    for (size_t begin = 0; begin < all.size();) {
      const size_t end = std::min(all.find('\n', begin), all.size());
      findings.push_back({Health::kError, "project file", all.substr(begin, end - begin)});
      begin = end + 1;
    }
    return findings;
  }
  findings.push_back({Health::kOk, "project file", location.config});
  CheckSelectsOf(*settings, &findings);
  CheckFeaturesOf(*settings, &findings);
  CheckPeriodsOf(*settings, &findings);
  CheckFilesOf(*settings, &findings);
  CheckEnvironment(known_variables, &findings);
  return findings;
}

}  // namespace upnext::cli
