// The layers between the input of the ranker and the task logits. Each architecture is a file; the
// registry in architecture.cc lists them.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto net, MakeArchitecture(options, {{120, 200}, {1, 1}}, rng));
//   const float* logits = net->Forward(input, compute, &noise);  // training: one thread
//   net->Backward(d_logits, d_input, compute);
//   const auto scratch = net->MakeScratch();                     // serving: any number of threads,
//   net->Infer(input, logits, *scratch, compute);                // one scratch each
#ifndef UPNEXT_RANKING_ARCHITECTURE_H_
#define UPNEXT_RANKING_ARCHITECTURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "base/status.h"
#include "nn/dead_units.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "ranking/net_input.h"

namespace upnext::ranking {

// ReLU as in Zhao 2019, or LayerNorm and SiLU (nn/norm_silu.h).
enum class ExpertLayer : uint8_t { kRelu, kNormSilu };
inline constexpr std::string_view kExpertLayers[] = {"relu", "norm-silu"};

inline constexpr size_t kMaxWidth = 16384;  // of a layer
// Widths of layers, at least `least` of them.
std::vector<size_t> WidthsFromConfig(const base::ConfigTable& table, std::string_view key,
                                     const std::vector<int64_t>& otherwise, size_t least);
// kInvalidArgument for fewer layers than `least`, too many, and widths that no layer can have.
Status CheckWidths(std::string_view key, const std::vector<size_t>& widths, size_t least);

// Of [ranking]. An architecture reads those that it has, and has no others.
struct ArchitectureOptions {
  std::string name = "tower";
  std::vector<size_t> widths = {256, 128};  // hidden layers that all tasks share
  std::vector<size_t> task_widths = {};     // hidden layers of each task
  // "mmoe" and "ple":
  size_t experts = 8;       // that all tasks share
  size_t task_experts = 2;  // "ple": of each task
  size_t levels = 1;        // "ple": of extraction
  std::vector<size_t> expert_widths = {64};
  ExpertLayer expert_layer = ExpertLayer::kRelu;
  bool gates_on_input = false;  // "mmoe": gates read the input, not the shared hidden layer
  float gate_dropout = 0.1f;    // MT-04

  static ArchitectureOptions FromConfig(const base::ConfigTable& ranking);
};
// "mmoe 256-128, 8 experts 64, tasks 32": the name and what it has.
std::string Describe(const ArchitectureOptions& options);
bool HasExperts(const ArchitectureOptions& options);

struct NetShape {
  NetWidths input;
  std::vector<size_t> outputs = {1};  // of each task
  size_t tasks() const { return outputs.size(); }
  size_t logits() const { return std::accumulate(outputs.begin(), outputs.end(), size_t{0}); }
};

// The work space of Infer. Only the architecture that made it knows its content.
struct ArchitectureScratch {
  virtual ~ArchitectureScratch() = default;
};

// How a task weighs the experts that it may use, for one gate.
struct GateWeights {
  size_t task = 0;
  std::vector<std::string> experts = {};  // "shared 0", "task 1, 0"
  std::span<const float> weights = {};    // [rows, experts], each row adds up to 1
};

class Architecture {
 public:
  virtual ~Architecture() = default;
  // What the input refers to must stay valid until Backward. `noise` is for dropout, null: none.
  // Returns logits [rows, outputs of all tasks, one task after the other], owned by the architecture and valid until the next Forward.
  virtual const float* Forward(const NetInput& input, const nn::Compute& compute,
                               base::Rng* noise) = 0;
  // After Forward, for the same batch: adds to the gradients and to d_input.
  virtual void Backward(const float* d_logits, const NetGradient& d_input,
                        const nn::Compute& compute) = 0;
  // The last hidden layer that all tasks share, and its output in the last Forward: [rows,
  // shared_width()], owned by the architecture. 0 and null: it has none.
  virtual size_t shared_width() const { return 0; }
  virtual const float* shared() const { return nullptr; }
  virtual std::unique_ptr<ArchitectureScratch> MakeScratch() const = 0;
  // The const variant of Forward without dropout. `scratch` is from MakeScratch of this object.
  virtual void Infer(const NetInput& input, float* logits, ArchitectureScratch& scratch,
                     const nn::Compute& compute) const = 0;
  // Infer, as operations: the logits.
  virtual nn::Graph::Value AppendTo(nn::Graph& graph, const NetValues& input) const = 0;
  // Of the last Infer with this scratch, for those that have gates (MT-06). Views into the scratch.
  virtual std::vector<GateWeights> Gates(const ArchitectureScratch&) const { return {}; }
  // Sets the biases of the first hidden layer so that each of its units has mean 0 over these
  // impressions, before its ReLU. Numbers in the input have means far from 0 and the same sign for
  // every impression, so that from random weights alone many units would never be active.
  virtual void CentreUnits(const NetInput&, const nn::Compute&) {}
  // Sets the outputs for an input without information; biases [outputs of all tasks].
  virtual void SetOutputBiases(std::span<const float> biases) = 0;
  virtual void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) = 0;
  // Of one impression whose request has no other (MT-05; Zhao 2019, section 5.2).
  virtual size_t multiplications() const = 0;
  virtual std::vector<nn::DeadUnits*> ReluLayers() = 0;  // TR-05
};

std::vector<std::string> ArchitectureNames();
// Whether one made of these options has a shared_width().
bool HasSharedLayers(const ArchitectureOptions& options);
// kInvalidArgument for an unknown name, with the known ones, and for sizes that it cannot have.
Result<std::unique_ptr<Architecture>> MakeArchitecture(const ArchitectureOptions& options,
                                                       const NetShape& shape, base::Rng& rng);
// Numbers in the weights of one, at least, without making it: what untrusted options ask for.
double WeightsOf(const ArchitectureOptions& options, const NetShape& shape);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_ARCHITECTURE_H_
