#include "api/inspect.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "api/settings.h"
#include "base/numbers.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct InspectFlags {
  project::Location project;
  std::string path;
  bool json = false;
};

void PrintSegment(const nlohmann::ordered_json& segment, int indent) {
  Print("{:{}}{:>14} events {:>14} bytes  {} to {}\n", "", indent,
        base::WithThousands(segment["events"].get<uint64_t>()),
        base::WithThousands(segment["bytes"].get<uint64_t>()), segment.value("first", "-"),
        segment.value("last", "-"));
}

// One "key  value" line per entry; nested tables are indented, numbers have thousands separators.
void PrintInspectTable(const nlohmann::ordered_json& table, int indent) {
  for (const auto& [key, value] : table.items()) {
    if (value.is_object()) {
      Print("{:{}}{}\n", "", indent, key);
      PrintInspectTable(value, indent + 2);
    } else if (value.is_array()) {
      Print("{:{}}{}\n", "", indent, key);
      for (const auto& row : value) {
        if (!row.contains("name")) {
          PrintSegment(row, indent + 2);
          continue;
        }
        Print("{:{}}{:<18} {:>14} bytes  {}\n", "", indent + 2, row["name"].get<std::string>(),
              base::WithThousands(row["bytes"].get<uint64_t>()),
              row["checksum"].get<std::string>());
      }
    } else {
      const std::string text = value.is_number_unsigned()
                                   ? base::WithThousands(value.get<uint64_t>())
                               : value.is_string() ? value.get<std::string>()
                                                   : value.dump();
      Print("{:{}}{:<{}} {}\n", "", indent, key, 18 - indent, text);
    }
  }
}

Status RunInspect(const InspectFlags& flags) {
  nlohmann::ordered_json found = nlohmann::ordered_json::array();
  if (!flags.path.empty()) {
    UPNEXT_ASSIGN_OR_RETURN(nlohmann::ordered_json one, api::InspectFolder(flags.path));
    found.push_back(std::move(one));
  } else {
    UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
    UPNEXT_ASSIGN_OR_RETURN(found, api::InspectProject(settings.project));
  }
  if (flags.json) {
    Print("{}\n", found.dump(2));
    return Ok();
  }
  for (const nlohmann::ordered_json& one : found) {
    PrintInspectTable(one, 0);
    Print("\n");
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeInspect(CLI::App& app) {
  auto flags = std::make_shared<InspectFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("path", flags->path,
                 "A log or bundle folder (default: the project's current log and bundle)")
      ->type_name("FOLDER");
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunInspect(*flags); };
}

}  // namespace upnext::cli
