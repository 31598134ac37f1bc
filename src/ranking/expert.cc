#include "ranking/expert.h"

namespace upnext::ranking {
namespace {

std::variant<nn::Tower, nn::NormSiluTower> MakeNet(size_t input, const std::vector<size_t>& widths,
                                                   ExpertLayer layer, base::Rng& rng) {
  if (layer == ExpertLayer::kRelu) return nn::Tower({.input = input, .widths = widths}, rng);
  return nn::NormSiluTower(input, widths, rng);
}

}  // namespace

Expert::Expert(size_t input, const std::vector<size_t>& widths, ExpertLayer layer, base::Rng& rng)
    : net_(MakeNet(input, widths, layer, rng)) {}

size_t Expert::output() const {
  return std::visit([](const auto& net) { return net.output(); }, net_);
}

size_t Expert::multiplications() const {
  return std::visit([](const auto& net) { return net.multiplications(); }, net_);
}

const float* Expert::Forward(const float* x, size_t batch, const nn::Compute& compute) {
  return std::visit([&](auto& net) { return net.Forward(x, batch, compute); }, net_);
}

void Expert::Backward(const float* d_out, float* d_x, const nn::Compute& compute) {
  std::visit([&](auto& net) { net.Backward(d_out, d_x, compute); }, net_);
}

void Expert::Infer(const float* x, size_t batch, float* out, Scratch& scratch,
                   const nn::Compute& compute) const {
  if (const auto* net = std::get_if<nn::Tower>(&net_)) {
    net->Infer(x, batch, out, scratch.relu, compute);
  } else {
    std::get<nn::NormSiluTower>(net_).Infer(x, batch, out, scratch.norm_silu, compute);
  }
}

void Expert::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  std::visit([&](auto& net) { net.AppendParameters(name, parameters); }, net_);
}

}  // namespace upnext::ranking
