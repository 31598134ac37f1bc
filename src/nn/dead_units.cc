#include "nn/dead_units.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace upnext::nn {

void DeadUnits::Reset() {
  examples_ = 0;
  asleep_.resize(units_);
  std::iota(asleep_.begin(), asleep_.end(), 0u);
}

void DeadUnits::Note(kernels::OperandView y, size_t batch) {
  examples_ += batch;
  std::erase_if(asleep_, [&](uint32_t unit) {
    for (size_t at = unit; at < batch * units_; at += units_) {
      if ((y.fp32 != nullptr ? y.fp32[at] : kernels::ToFloat(y.bf16[at])) > 0.0f) return true;
    }
    return false;
  });
}

double DeadUnits::share() const {
  if (examples_ == 0 || units_ == 0) return 0.0;
  return static_cast<double>(asleep_.size()) / static_cast<double>(units_);
}

// The number of examples, the number of dead units, their indexes.
void DeadUnits::Append(std::vector<uint64_t>* to) const {
  to->push_back(examples_);
  to->push_back(asleep_.size());
  to->insert(to->end(), asleep_.begin(), asleep_.end());
}

bool DeadUnits::Restore(std::span<const uint64_t>* from) {
  if (from->size() < 2 || (*from)[1] > from->size() - 2) return false;
  const auto units = from->subspan(2, (*from)[1]);
  if (!std::ranges::is_sorted(units, std::less_equal<>()) ||
      (!units.empty() && units.back() >= units_)) {
    return false;
  }
  examples_ = from->front();
  asleep_.assign(units.begin(), units.end());
  *from = from->subspan(2 + units.size());
  return true;
}

std::vector<double> Shares(std::span<DeadUnits* const> layers) {
  std::vector<double> shares;
  for (const DeadUnits* layer : layers) shares.push_back(layer->share());
  return shares;
}

std::vector<uint64_t> Save(std::span<DeadUnits* const> layers) {
  std::vector<uint64_t> saved;
  for (const DeadUnits* layer : layers) layer->Append(&saved);
  return saved;
}

bool Restore(std::span<DeadUnits* const> layers, std::span<const uint64_t> saved) {
  std::vector<DeadUnits> restored;
  for (const DeadUnits* layer : layers) {
    if (!restored.emplace_back(*layer).Restore(&saved)) return false;
  }
  if (!saved.empty()) return false;
  for (size_t i = 0; i < layers.size(); ++i) *layers[i] = std::move(restored[i]);
  return true;
}

}  // namespace upnext::nn
