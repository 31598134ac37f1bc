#include "studies/study.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>

#include "base/file.h"
#include "base/machine.h"
#include "kernels/gemm.h"

namespace upnext::studies {
namespace {

namespace fs = std::filesystem;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A folder of its own below `parent`, removed with everything in it at the end.
class ScratchFolder {
 public:
  static Result<ScratchFolder> Make(fs::path parent) {
    std::error_code error;
    if (parent.empty()) parent = fs::temp_directory_path(error);
    if (error) return base::OsError(error.value(), "TMPDIR", "find the temporary folder of");
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(parent));
    std::string name = (parent / "upnext-study-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) return base::OsError(errno, parent, "make a folder in");
    return ScratchFolder(std::move(name));
  }
  ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    if (!path_.empty()) (void)base::RemoveAll(path_);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit ScratchFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

template <typename T>
void AddOnce(std::vector<T>& list, T value) {
  if (!std::ranges::count(list, value)) list.push_back(std::move(value));
}

// Means over seeds of each point; a seed with fewer points ends the curve.
Measurements::Curve MeanCurve(std::span<const Measurements> seeds, const std::string& plot,
                              const std::string& line) {
  Measurements::Curve mean;
  size_t count = 0;
  for (const Measurements& seed : seeds) {
    const Measurements::Curve& curve = seed.curve(plot, line);
    if (curve.empty()) continue;
    if (count++ == 0) {
      mean = curve;
      continue;
    }
    mean.resize(std::min(mean.size(), curve.size()));
    for (size_t i = 0; i < mean.size(); ++i) {
      mean[i].first += curve[i].first;
      mean[i].second += curve[i].second;
    }
  }
  for (auto& [x, y] : mean) {
    x /= static_cast<double>(count);
    y /= static_cast<double>(count);
  }
  return mean;
}

std::vector<double> ValuesOf(const Claim& claim, std::span<const Measurements> seeds) {
  std::vector<double> values;
  for (const Measurements& seed : seeds) {
    const double other = claim.than.empty() ? 0 : seed.Get(claim.than, claim.metric);
    values.push_back(seed.Get(claim.arm, claim.metric) - other);
  }
  return values;
}

}  // namespace

void Measurements::Set(std::string_view arm, std::string_view metric, double value) {
  AddOnce(arms_, std::string(arm));
  figures_[{std::string(arm), std::string(metric)}] = value;
}

void Measurements::AddPoint(std::string_view plot, std::string_view line, double x, double y) {
  std::pair<std::string, std::string> key(plot, line);
  AddOnce(lines_, key);
  curves_[std::move(key)].emplace_back(x, y);
}

double Measurements::Get(std::string_view arm, std::string_view metric) const {
  const auto found = figures_.find(std::pair(std::string(arm), std::string(metric)));
  return found == figures_.end() ? kNan : found->second;
}

const Measurements::Curve& Measurements::curve(std::string_view plot, std::string_view line) const {
  static const Curve kEmpty;
  const auto found = curves_.find(std::pair(std::string(plot), std::string(line)));
  return found == curves_.end() ? kEmpty : found->second;
}

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHeld:
      return "held";
    case Verdict::kOpen:
      return "open";
    case Verdict::kNotHeld:
      return "not held";
  }
  std::unreachable();
}

Verdict Judge(const Claim& claim, const Estimate& found) {
  if (!(found.mean >= claim.low && found.mean <= claim.high)) return Verdict::kNotHeld;
  return found.low >= claim.low && found.high <= claim.high ? Verdict::kHeld : Verdict::kOpen;
}

const Study* FindStudy(std::string_view name) {
  for (const Study& study : Studies()) {
    if (study.name == name) return &study;
  }
  return nullptr;
}

StudyReport Summarise(const Study& study, const StudyOptions& options,
                      std::span<const Measurements> seeds) {
  StudyReport report{.study = &study,
                     .options = options,
                     .arms = {},
                     .curves = {},
                     .claims = {},
                     .machine = {},
                     .seconds_per_seed = 0};
  std::vector<std::string> arms;
  std::vector<std::pair<std::string, std::string>> lines;
  for (const Measurements& seed : seeds) {
    for (const std::string& arm : seed.arms()) AddOnce(arms, arm);
    for (const auto& line : seed.lines()) AddOnce(lines, line);
  }
  for (const std::string& name : arms) {
    ArmReport arm{name, {}, {}};
    for (const MetricInfo& metric : study.metrics) {
      std::vector<double> values;
      for (const Measurements& seed : seeds) values.push_back(seed.Get(name, metric.name));
      const Estimate estimate = MeanWithInterval(values);
      if (estimate.values == 0) continue;
      arm.metrics[metric.name] = estimate;
      arm.values[metric.name] = std::move(values);
    }
    report.arms.push_back(std::move(arm));
  }
  for (const auto& [plot, line] : lines) {
    report.curves.push_back({plot, line, MeanCurve(seeds, plot, line)});
  }
  for (const Claim& claim : study.claims) {
    const Estimate found = MeanWithInterval(ValuesOf(claim, seeds));
    report.claims.push_back({claim, found, Judge(claim, found)});
  }
  return report;
}

Result<StudyReport> RunStudy(const Study& study, const StudyOptions& options,
                             base::ThreadPool& pool, base::Progress& progress) {
  if (options.seeds < 1) {
    return InvalidArgument("seeds: expected at least 1, found {}", options.seeds);
  }
  const auto begin = std::chrono::steady_clock::now();
  UPNEXT_ASSIGN_OR_RETURN(const ScratchFolder scratch, ScratchFolder::Make(options.scratch));
  std::vector<Measurements> seeds;
  for (int i = 0; i < options.seeds; ++i) {
    const uint64_t seed = options.first_seed + static_cast<uint64_t>(i);
    const fs::path folder = scratch.path() / fmt::format("seed-{}", seed);
    UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
    progress.Note(fmt::format("{}: seed {} ({} of {})", study.name, seed, i + 1, options.seeds));
    Result<Measurements> measured = study.run({.seed = seed,
                                               .scale = options.scale,
                                               .folder = folder,
                                               .pool = pool,
                                               .progress = progress});
    if (!measured) {
      return WithContext(std::move(measured).error(), fmt::format("{}, seed {}", study.name, seed));
    }
    seeds.push_back(*std::move(measured));
    UPNEXT_RETURN_IF_ERROR(base::RemoveAll(folder));
  }
  StudyReport report = Summarise(study, options, seeds);
  report.machine =
      base::MachineName(pool.threads(), kernels::PrecisionName(kernels::BestPrecision()));
  report.seconds_per_seed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() /
      options.seeds;
  return report;
}

}  // namespace upnext::studies
