// A study asks one question about the simulated world, whose ground truth is known: world -> log ->
// train -> compare with the truth, for several arms (models, policies), over several seeds.
//
//   const Study* study = FindStudy("example-age");
//   UPNEXT_ASSIGN_OR_RETURN(StudyReport report, RunStudy(*study, {.seeds = 10}, pool, progress));
//   fmt::print("{}", RenderTable(report));
//
// To add one: a source file that defines it and a line in registry.cc. One study at a time per
// pool.
#ifndef UPNEXT_STUDIES_STUDY_H_
#define UPNEXT_STUDIES_STUDY_H_

#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "studies/estimate.h"

namespace upnext::studies {

// kTiny takes seconds, for tests; its results mean little.
enum class Scale : uint8_t { kTiny, kFull };

// One seed's run.
struct StudyRun {
  uint64_t seed;  // of the world and of training
  Scale scale;
  std::filesystem::path folder;  // empty; removed after the seed
  base::ThreadPool& pool;
  base::Progress& progress;
};

// The measurements of one seed: metrics by arm, and curves.
class Measurements {
 public:
  using Curve = std::vector<std::pair<double, double>>;

  void Set(std::string_view arm, std::string_view metric, double value);
  // Points of a line in ascending x.
  void AddPoint(std::string_view plot, std::string_view line, double x, double y);
  double Get(std::string_view arm, std::string_view metric) const;  // NaN when absent
  // In the order of first use.
  const std::vector<std::string>& arms() const { return arms_; }
  const std::vector<std::pair<std::string, std::string>>& lines() const { return lines_; }
  const Curve& curve(std::string_view plot, std::string_view line) const;  // empty when absent

 private:
  std::vector<std::string> arms_;
  std::map<std::pair<std::string, std::string>, double, std::less<>> figures_;
  std::vector<std::pair<std::string, std::string>> lines_;  // plot, line
  std::map<std::pair<std::string, std::string>, Curve, std::less<>> curves_;
};

struct MetricInfo {
  std::string name, help;
  int digits = 4;
};
struct PlotInfo {
  std::string name, x_label, y_label;
  bool diagonal = false;  // draws y = x, the ideal curve
};

// The expected range of a mean over seeds: of the metric of one arm, or of its difference from
// another arm with the same seed.
struct Claim {
  std::string text;
  std::string metric, arm, than = {};  // than: the other arm; "": the metric itself
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};
// held: the whole interval is inside the expected range; not held: the mean is outside; open: the
// mean is inside and the interval extends outside, or there is one seed and no interval.
enum class Verdict : uint8_t { kHeld, kOpen, kNotHeld };
std::string_view VerdictName(Verdict verdict);
Verdict Judge(const Claim& claim, const Estimate& found);

struct Study {
  std::string name, question, method;
  std::vector<MetricInfo> metrics;
  std::vector<PlotInfo> plots;
  std::vector<Claim> claims;
  // The settings of world and models that matter for the question, for display.
  std::vector<std::pair<std::string, std::string>> (*settings)(Scale scale);
  // kCancelled on request; other errors end the study.
  Result<Measurements> (*run)(const StudyRun& run);
};

// Explicit list, in the order of the guide.
std::span<const Study> Studies();
// nullptr when there is no study with this name.
const Study* FindStudy(std::string_view name);

struct StudyOptions {
  int seeds = 10;
  uint64_t first_seed = 1;
  Scale scale = Scale::kFull;
  std::filesystem::path scratch = {};  // for logs and bundles; "": the system's temporary folder
};

struct ArmReport {
  std::string name;
  std::map<std::string, Estimate> metrics;
  std::map<std::string, std::vector<double>> values;  // by seed
};
struct CurveReport {
  std::string plot, line;
  Measurements::Curve points;  // means over seeds of the first, second ... point
};
struct ClaimReport {
  Claim claim;
  Estimate found;
  Verdict verdict;
};
struct StudyReport {
  const Study* study = nullptr;
  StudyOptions options;
  std::vector<ArmReport> arms;
  std::vector<CurveReport> curves;
  std::vector<ClaimReport> claims;
  std::string machine;
  double seconds_per_seed = 0;
};

// kInvalidArgument for fewer than one seed, else the error of the study's run.
Result<StudyReport> RunStudy(const Study& study, const StudyOptions& options,
                             base::ThreadPool& pool, base::Progress& progress);
// The means, intervals and verdicts of the seeds' measurements. Pure.
StudyReport Summarise(const Study& study, const StudyOptions& options,
                      std::span<const Measurements> seeds);

// One report of the seeds of several, each the text that RenderJson gave for this study: a study's
// seeds may run in processes of their own. kInvalidArgument when a text is no such report, when the
// scales differ, and when a seed is missing or comes twice.
Result<StudyReport> MergeReports(const Study& study, std::span<const std::string> reports);

std::string RenderTable(const StudyReport& report);  // for a terminal
std::string RenderJson(const StudyReport& report);
std::string RenderHtml(const StudyReport& report);  // one self-contained page

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_STUDY_H_
