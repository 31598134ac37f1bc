// upnext version: what a report of a mistake has to say of the program.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/build_info.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "kernels/gemm.h"
#include "kernels/targets.h"
#include "kernels/vector_ops.h"

namespace upnext::cli {
namespace {

Status RunVersion(bool as_json) {
  const BuildFacts& build = BuildInfo();
  const auto targets = kernels::UsableTargets();
  const auto precision = kernels::PrecisionName(kernels::BestPrecision());
  if (as_json) {
    nlohmann::ordered_json out = {
        {"version", UPNEXT_VERSION},
        {"commit", build.commit},
        {"changed", build.is_changed},
        {"compiler", build.compiler},
        {"build", build.build_type},
        {"minimum_processor", build.minimum_processor},
        {"vector_units", {{"used", kernels::SimdName()}, {"usable", targets}}},
        {"products", precision},
        {"libraries", nlohmann::ordered_json::object()}};
    for (const BorrowedLibrary& one : build.libraries) out["libraries"][one.name] = one.version;
    Print("{}\n", out.dump(2));
    return Ok();
  }
  Print("upnext {}\n", UPNEXT_VERSION);
  Print("commit        {}{}\n", build.commit.empty() ? "unknown" : build.commit,
        build.is_changed ? ", with changes" : "");
  Print("compiler      {}, {}, for {} or newer\n", build.compiler, build.build_type,
        build.minimum_processor);
  Print("vector units  {} in use, of {}; products in {}\n", kernels::SimdName(),
        fmt::join(targets, ", "), precision);
  Print("libraries     ");
  for (const BorrowedLibrary& one : build.libraries) {
    Print("{}{} {}", &one == build.libraries.data() ? "" : ", ", one.name, one.version);
  }
  Print("\n");
  return Ok();
}

}  // namespace

std::function<Status()> MakeVersion(CLI::App& app) {
  auto as_json = std::make_shared<bool>(false);
  app.add_flag("--json", *as_json, "Print JSON");
  return [as_json] { return RunVersion(*as_json); };
}

}  // namespace upnext::cli
