#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "studies/study.h"

namespace upnext::studies {
namespace {

using json = nlohmann::ordered_json;  // arms keep their order

// One report's seeds. Throws as nlohmann's accessors do where the text is no report.
struct SeedsOfReport {
  uint64_t first = 0;
  std::string study, scale, machine;
  double seconds_per_seed = 0;
  std::vector<Measurements> seeds;

  explicit SeedsOfReport(const json& report)
      : first(report.at("first_seed").get<uint64_t>()),
        study(report.at("study").get<std::string>()),
        scale(report.at("scale").get<std::string>()),
        machine(report.at("machine").get<std::string>()),
        seconds_per_seed(report.at("seconds_per_seed").get<double>()),
        seeds(report.at("seeds").get<size_t>()) {
    for (const auto& [arm, metrics] : report.at("arms").items()) {
      for (const auto& [metric, estimate] : metrics.items()) {
        for (size_t i = 0; i < seeds.size(); ++i) {
          const json& value = estimate.at("values").at(i);
          if (!value.is_null()) seeds[i].Set(arm, metric, value.get<double>());
        }
      }
    }
    // A report has the means of its curves: each of its seeds gets them.
    for (const json& curve : report.at("curves")) {
      for (const json& point : curve.at("points")) {
        for (Measurements& seed : seeds) {
          seed.AddPoint(curve.at("plot").get<std::string>(), curve.at("line").get<std::string>(),
                        point.at(0).get<double>(), point.at(1).get<double>());
        }
      }
    }
  }
};

}  // namespace

Result<StudyReport> MergeReports(const Study& study, std::span<const std::string> reports) {
  std::vector<SeedsOfReport> parts;
  for (const std::string& text : reports) {
    try {
      parts.emplace_back(json::parse(text));
    } catch (const json::exception& error) {
      return InvalidArgument("report {}: expected what `upnext study {} --json` prints: {}",
                             parts.size() + 1, study.name, error.what());
    }
  }
  if (parts.empty()) return InvalidArgument("expected at least one report of {}", study.name);
  std::ranges::sort(parts, {}, &SeedsOfReport::first);
  std::vector<Measurements> seeds;
  double seconds = 0;
  for (const SeedsOfReport& part : parts) {
    if (part.study != study.name || part.scale != parts[0].scale) {
      return InvalidArgument("expected reports of {} at the {} scale, found {} at the {} scale",
                             study.name, parts[0].scale, part.study, part.scale);
    }
    if (part.first != parts[0].first + seeds.size()) {
      return InvalidArgument("expected seed {} next, found {}: each seed once, without gaps",
                             parts[0].first + seeds.size(), part.first);
    }
    seconds += part.seconds_per_seed * static_cast<double>(part.seeds.size());
    seeds.insert(seeds.end(), part.seeds.begin(), part.seeds.end());
  }
  StudyReport merged = Summarise(study,
                                 {.seeds = static_cast<int>(seeds.size()),
                                  .first_seed = parts[0].first,
                                  .scale = parts[0].scale == "tiny" ? Scale::kTiny : Scale::kFull},
                                 seeds);
  merged.machine = parts[0].machine;
  merged.seconds_per_seed = seconds / static_cast<double>(seeds.size());
  return merged;
}

}  // namespace upnext::studies
