#include "training/gate.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <initializer_list>

#include "base/file.h"
#include "base/versioned_root.h"
#include "report/render.h"

namespace upnext::training {
namespace {

// A figure of which less is better, or more.
struct MainMetric {
  const char* name;
  bool less_is_better;
};

// "" unless `next` is worse than `current` beyond the margin on the figure that decides.
std::string StageWorseThan(const char* stage, const evaluation::ModelMetrics& next,
                           const evaluation::ModelMetrics& current,
                           std::initializer_list<MainMetric> main, double margin) {
  for (const MainMetric& metric : main) {
    const auto ours = next.metrics.find(metric.name), theirs = current.metrics.find(metric.name);
    if (theirs == current.metrics.end() || std::isnan(theirs->second.value)) continue;
    if (ours == next.metrics.end() || std::isnan(ours->second.value)) continue;
    const double before = theirs->second.value, after = ours->second.value;
    const double loss = metric.less_is_better ? after - before : before - after;
    if (loss <= margin * std::abs(before)) return "";
    return fmt::format("{} {} would go from {:.4f} to {:.4f}, worse by more than {:g} %", stage,
                       metric.name, before, after, 100 * margin);
  }
  return "";
}

// What the figures of the stages that both have are of.
std::string TestSetOf(const evaluation::Report& report, const evaluation::Report& other) {
  std::string text = report.split;
  if (report.retrieval && other.retrieval) {
    text += fmt::format(", {} users of retrieval", report.retrieval->users);
  }
  if (report.ranking && other.ranking) {
    text += fmt::format(", {} impressions", report.ranking->impressions);
  }
  return text;
}

std::string LacksStage(const char* stage) {
  return fmt::format("the new bundle has no {} figures, the current one has", stage);
}

}  // namespace

Result<std::optional<evaluation::Report>> CurrentReport(const project::Project& project) {
  const base::VersionedRoot bundles = project.bundles();
  const Result<std::string> version = bundles.Current();
  if (!version && version.error().code == Code::kNotFound) return std::nullopt;
  if (!version) return std::unexpected(version.error());
  const std::filesystem::path file = bundles.Path(*version) / "report.json";
  UPNEXT_ASSIGN_OR_RETURN(const std::string json, base::ReadFile(file));
  Result<evaluation::Report> report = report::ParseJson(json);
  if (!report) return WithContext(std::move(report).error(), file.string());
  return *std::move(report);
}

std::string WorseThan(const evaluation::Report& next, const evaluation::Report& current,
                      double margin) {
  std::string why;
  if (current.retrieval) {
    why = next.retrieval ? StageWorseThan("retrieval", next.retrieval->model,
                                          current.retrieval->model, {{"ndcg@10", false}}, margin)
                         : LacksStage("retrieval");
  }
  if (why.empty() && current.ranking) {
    why = next.ranking
              ? StageWorseThan("ranking", next.ranking->model, current.ranking->model,
                               {{"weighted_user_loss", true}, {"watch_rmse_s", true}}, margin)
              : LacksStage("ranking");
  }
  const std::string now = TestSetOf(next, current), before = TestSetOf(current, next);
  if (why.empty() || now == before) return why;
  return fmt::format("{} (the figures come from different test sets: now {}; before {})", why, now,
                     before);
}

}  // namespace upnext::training
