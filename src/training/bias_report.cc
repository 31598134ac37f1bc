#include "training/bias_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/model_shape.h"
#include "schema/event.h"

namespace upnext::training {
namespace {

constexpr size_t kMaxDevices = 8;

// A request of this device of which nothing else is known.
features::FeatureBlock RequestOf(const features::ModelShape::SideShape& side, uint32_t device) {
  features::FeatureBlock queries;
  queries.rows = 1;
  queries.categorical.resize(side.slots.size());
  for (size_t slot = 0; slot < side.slots.size(); ++slot) {
    if (side.slots[slot].feature == "device") queries.categorical[slot].ids.push_back(device);
    queries.categorical[slot].Close();
  }
  return queries;
}

}  // namespace

std::vector<float> LearnedBias(const ranking::Ranker& ranker, size_t objective, uint32_t device,
                               size_t positions) {
  return ranker.bias().LogitsByPosition(objective, RequestOf(ranker.shape().query, device),
                                        positions);
}

std::vector<std::string> DescribeBias(const ranking::Ranker& ranker,
                                      std::span<const NamedRow> devices,
                                      const evaluation::PositionOverlap& overlap) {
  std::vector<std::string> lines;
  const ranking::PositionBias& bias = ranker.bias();
  if (bias.options().method != ranking::BiasMethod::kTower || overlap.positions.empty()) {
    return lines;
  }
  std::string positions, rates;
  for (const auto& position : overlap.positions) {
    positions += fmt::format("{}{}", positions.empty() ? "" : ", ", position.position);
    rates += fmt::format(" {:.3f}", position.click_rate);
  }
  lines.push_back(fmt::format("click rate at positions {}:{}", positions, rates));
  for (size_t k = 0; k < ranker.objectives().size(); ++k) {
    if (!bias.HasBias(k)) continue;
    for (const NamedRow& device : devices) {
      const std::vector<float> logits =
          LearnedBias(ranker, k, device.row, overlap.positions.back().position);
      std::string text;
      for (const auto& position : overlap.positions) {
        text += fmt::format(" {:.2f}", logits[position.position - 1] -
                                           logits[overlap.positions.front().position - 1]);
      }
      lines.push_back(fmt::format("learned bias of {} there on {}, in the logit:{}",
                                  ranker.objectives()[k].name, device.name, text));
    }
  }
  return lines;
}

std::vector<std::string> DescribeBias(const ranking::Ranker& ranker,
                                      const features::FeatureStatistics& statistics,
                                      const catalogue::Catalogue& catalogue,
                                      const evaluation::PositionOverlap& overlap) {
  const features::Vocabulary& rows = statistics.vocabulary(features::kDeviceVocabulary);
  std::vector<NamedRow> devices;
  for (uint32_t id = 0; id < rows.ids() && devices.size() < kMaxDevices; ++id) {
    if (rows.Row(id) == 0) continue;
    devices.push_back({catalogue.Name(schema::IdSpace::kDevice, id), rows.Row(id)});
  }
  if (devices.empty()) devices.push_back({"any device", 0});
  return DescribeBias(ranker, devices, overlap);
}

}  // namespace upnext::training
