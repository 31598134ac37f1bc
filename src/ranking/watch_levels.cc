#include "ranking/watch_levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "nn/losses.h"

namespace upnext::ranking {
namespace {

// Thresholds inside of sorted `values` that cut them into this many buckets. The density is taken
// as constant between quantiles; then density^(1/3) has the area width^(2/3) there, up to a factor.
std::vector<float> InnerThresholds(std::span<const float> values, size_t buckets) {
  constexpr size_t kCells = 1000;
  const size_t cells = std::min(kCells, values.size() - 1);
  std::vector<double> edges, areas = {0};
  for (size_t i = 0; i <= cells; ++i) {
    edges.push_back(values[cells == 0 ? 0 : i * (values.size() - 1) / cells]);
    if (i > 0) areas.push_back(areas.back() + std::pow(edges[i] - edges[i - 1], 2.0 / 3));
  }
  std::vector<float> thresholds;
  size_t cell = 1;
  for (size_t step = 1; step < buckets && areas.back() > 0; ++step) {
    const double area = areas.back() * static_cast<double>(step) / static_cast<double>(buckets);
    while (cell + 1 < areas.size() && areas[cell] < area) ++cell;
    const double share = (area - areas[cell - 1]) / (areas[cell] - areas[cell - 1]);
    thresholds.push_back(
        static_cast<float>(edges[cell - 1] + share * (edges[cell] - edges[cell - 1])));
  }
  return thresholds;
}

}  // namespace

WatchLevels WatchLevels::Learn(std::vector<float> watch_s, size_t buckets) {
  WatchLevels learned;
  if (watch_s.empty()) return learned;
  std::ranges::sort(watch_s);
  const auto longer = std::ranges::upper_bound(watch_s, watch_s.front());
  std::vector<float> candidates = {watch_s.front()};
  if (longer != watch_s.end()) {
    const std::vector<float> inner = InnerThresholds({longer, watch_s.end()}, buckets - 1);
    candidates.insert(candidates.end(), inner.begin(), inner.end());
  }
  auto begin = watch_s.begin();
  const auto close = [&](auto end) {
    const double sum = std::accumulate(begin, end, 0.0);
    learned.levels_.push_back(static_cast<float>(sum / static_cast<double>(end - begin)));
    begin = end;
  };
  for (const float threshold : candidates) {
    const auto end = std::ranges::upper_bound(watch_s, threshold);
    if (end <= begin || end == watch_s.end()) continue;
    close(end);
    learned.thresholds_.push_back(threshold);
  }
  close(watch_s.end());
  return learned;
}

float WatchLevels::Expectation(std::span<const float> logits) const {
  double seconds = levels_.front();
  for (size_t k = 0; k < thresholds_.size(); ++k) {
    const double step = static_cast<double>(levels_[k + 1]) - levels_[k];
    seconds += step * static_cast<double>(nn::Sigmoid(logits[k]));
  }
  return static_cast<float>(seconds);
}

nn::Graph::Value WatchLevels::AppendExpectation(nn::Graph& graph,
                                                const nn::Graph::Value& logits) const {
  std::vector<float> steps;
  for (size_t k = 0; k < thresholds_.size(); ++k) steps.push_back(levels_[k + 1] - levels_[k]);
  const nn::Graph::Value all =
      graph.Floats(std::move(steps), {static_cast<int64_t>(thresholds_.size())});
  const nn::Graph::Value above = graph.Op("MatMul", {graph.Op("Sigmoid", {logits}), all});
  return graph.Op("Add", {above, graph.Float(levels_.front())});
}

Status WatchLevels::Save(base::SectionWriter& writer, std::string_view name) const {
  UPNEXT_RETURN_IF_ERROR(writer.Add(fmt::format("{}.thresholds", name), thresholds_));
  return writer.Add(fmt::format("{}.levels", name), levels_);
}

Result<WatchLevels> WatchLevels::Load(const base::SectionFile& file, std::string_view name) {
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const float> thresholds,
                          file.Get<float>(fmt::format("{}.thresholds", name)));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const float> levels,
                          file.Get<float>(fmt::format("{}.levels", name)));
  bool valid = !thresholds.empty() && thresholds.size() < kMaxBuckets &&
               levels.size() == thresholds.size() + 1 && levels.front() >= 0 &&
               std::isfinite(levels.back());
  for (size_t k = 0; valid && k < thresholds.size(); ++k) {  // false for NaN too
    valid = levels[k] <= thresholds[k] && thresholds[k] < levels[k + 1];
  }
  if (!valid) {
    return DataLoss(
        "{}: sections {}.thresholds and {}.levels should hold 1 to {} watch times that ascend and "
        "the mean of each bucket between them; train again",
        file.path().string(), name, name, kMaxBuckets - 1);
  }
  WatchLevels read;
  read.thresholds_.assign(thresholds.begin(), thresholds.end());
  read.levels_.assign(levels.begin(), levels.end());
  return read;
}

}  // namespace upnext::ranking
