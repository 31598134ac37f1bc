#include "evaluation/bias_by_position.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <utility>

#include "evaluation/position_overlap.h"
#include "features/feature_block.h"
#include "features/feature_plan.h"
#include "features/model_shape.h"
#include "schema/event.h"

namespace upnext::evaluation {
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

struct DeviceClicks {
  uint32_t device = schema::kNone;
  uint64_t impressions = 0;
  PositionCounts::ByPosition positions = {};
};

// The devices with the most impressions at a position.
std::vector<DeviceClicks> CountDevices(const Impressions& impressions) {
  std::map<uint32_t, DeviceClicks> by_device;
  for (size_t i = 0; i < impressions.size(); ++i) {
    const size_t position = impressions.position[i];
    if (position == 0 || position > kOverlapPositions) continue;
    DeviceClicks& counts = by_device[impressions.device[i]];
    counts.device = impressions.device[i];
    counts.impressions += 1;
    counts.positions[position - 1].impressions += 1;
    counts.positions[position - 1].clicks += CountsAsClick(impressions.labels[i]) ? 1 : 0;
  }
  std::vector<DeviceClicks> devices;
  for (auto& [device, counts] : by_device) devices.push_back(counts);
  std::ranges::stable_sort(devices, std::ranges::greater(), &DeviceClicks::impressions);
  devices.resize(std::min(devices.size(), kMaxDevices));
  return devices;
}

std::vector<size_t> PositionsOf(const std::vector<DeviceClicks>& devices) {
  std::array<uint64_t, kOverlapPositions> shown = {};
  uint64_t all = 0;
  for (const DeviceClicks& counts : devices) {
    for (size_t p = 0; p < shown.size(); ++p) shown[p] += counts.positions[p].impressions;
    all += counts.impressions;
  }
  std::vector<size_t> positions;
  for (size_t p = 0; p < shown.size(); ++p) {
    if (shown[p] > 0 && 100 * shown[p] >= all) positions.push_back(p + 1);
  }
  return positions;
}

}  // namespace

std::vector<float> LearnedBias(const ranking::Ranker& ranker, size_t objective, uint32_t device,
                               size_t positions) {
  return ranker.bias().LogitsByPosition(objective, RequestOf(ranker.shape().query, device),
                                        positions);
}

BiasByPosition BiasByPositionOf(const Subject& subject, const Impressions& impressions) {
  const ranking::Ranker* const ranker = subject.ranker->trained();
  const std::vector<DeviceClicks> devices = CountDevices(impressions);
  BiasByPosition report{.positions = PositionsOf(devices)};
  if (report.positions.empty()) return report;
  const features::Vocabulary& rows = subject.tables.vocabulary(features::kDeviceVocabulary);
  for (const DeviceClicks& counts : devices) {
    const bool known = counts.device != schema::kNone;
    const std::string name =
        known ? std::string(subject.source.catalogue.Name(schema::IdSpace::kDevice, counts.device))
              : "unknown device";
    BiasByPosition::Rates rates{.device = name};
    for (const size_t position : report.positions) {
      const PositionCounts::Shown& shown = counts.positions[position - 1];
      rates.impressions.push_back(shown.impressions);
      rates.click_rate.push_back(static_cast<double>(shown.clicks) /
                                 static_cast<double>(shown.impressions));
    }
    report.rates.push_back(std::move(rates));
    const uint32_t row = known ? rows.Row(counts.device) : 0;
    if (ranker == nullptr || (known && row == 0)) continue;
    for (size_t k = 0; k < ranker->objectives().size(); ++k) {
      if (!ranker->bias().HasBias(k)) continue;
      const std::vector<float> logits = LearnedBias(*ranker, k, row, report.positions.back());
      BiasByPosition::Learned learned{.objective = ranker->objectives()[k].name, .device = name};
      for (const size_t position : report.positions) {
        learned.logit.push_back(
            static_cast<double>(logits[position - 1] - logits[report.positions.front() - 1]));
      }
      report.learned.push_back(std::move(learned));
    }
  }
  return report;
}

}  // namespace upnext::evaluation
