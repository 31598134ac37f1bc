#include "features/source_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "schema/event.h"

namespace upnext::features {
namespace {

constexpr const char* kScaledSources = "source_scores.sources";

std::string ScaleSection(uint32_t source) { return fmt::format("source_scores.{}", source); }

}  // namespace

size_t SourceScores::Learn(std::vector<std::vector<float>> by_source) {
  std::vector<uint32_t> fresh;
  for (uint32_t source = 0; source < by_source.size(); ++source) {
    std::erase_if(by_source[source], [](float score) { return !std::isfinite(score); });
    if (!by_source[source].empty() && !scales_.contains(source)) fresh.push_back(source);
  }
  std::ranges::stable_sort(fresh, std::ranges::greater(),
                           [&](uint32_t source) { return by_source[source].size(); });
  const size_t room = kMaxSources - std::min(kMaxSources, scales_.size());
  const size_t learned = std::min(fresh.size(), room);
  for (const uint32_t source : std::span(fresh).first(learned)) {
    scales_.emplace(source, Quantiles::Learn(std::move(by_source[source])));
  }
  return fresh.size() - learned;
}

float SourceScores::ShareOf(const Candidate& candidate) const {
  const auto scale = scales_.find(candidate.source);
  if (scale == scales_.end() || !std::isfinite(candidate.source_score)) return schema::kAbsent;
  return scale->second.Normalize(candidate.source_score);
}

SourceScores SourceScores::Renumbered(std::span<const uint32_t> old_ids) const {
  SourceScores renumbered;
  for (uint32_t id = 0; id < old_ids.size(); ++id) {
    const auto scale = scales_.find(old_ids[id]);
    if (scale != scales_.end()) renumbered.scales_.emplace(id, scale->second);
  }
  return renumbered;
}

Status SourceScores::Save(base::SectionWriter& writer) const {
  if (scales_.empty()) return Ok();
  std::vector<uint32_t> sources;
  for (const auto& [source, scale] : scales_) sources.push_back(source);
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>(kScaledSources, sources));
  for (const auto& [source, scale] : scales_) {
    UPNEXT_RETURN_IF_ERROR(scale.Save(writer, ScaleSection(source)));
  }
  return Ok();
}

Result<SourceScores> SourceScores::Load(const base::SectionFile& file) {
  SourceScores loaded;
  if (!file.Has(kScaledSources)) return loaded;
  UPNEXT_ASSIGN_OR_RETURN(const auto sources, file.Get<uint32_t>(kScaledSources));
  for (const uint32_t source : sources) {
    UPNEXT_ASSIGN_OR_RETURN(Quantiles scale, Quantiles::Load(file, ScaleSection(source)));
    if (scale.empty() || !loaded.scales_.emplace(source, std::move(scale)).second) {
      return DataLoss("{}: {} should name each source with scores once, but not {}; train again",
                      file.path().string(), kScaledSources, source);
    }
  }
  return loaded;
}

}  // namespace upnext::features
