// The layers between the concatenated input and the task logits. Each architecture is a file; the
// registry in architecture.cc lists them.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto net, MakeArchitecture("shared-bottom", {320, {256, 128}, 2}, rng));
//   const float* logits = net->Forward(x, batch, compute);  // training: one thread
//   net->Backward(d_logits, d_x, compute);
//   const auto scratch = net->MakeScratch();                // serving: any number of threads,
//   net->Infer(x, batch, logits, *scratch, compute);        // one scratch each
#ifndef UPNEXT_RANKING_ARCHITECTURE_H_
#define UPNEXT_RANKING_ARCHITECTURE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/status.h"
#include "nn/parameter.h"

namespace upnext::ranking {

struct ArchitectureOptions {
  size_t input = 0;            // numbers per example
  std::vector<size_t> widths;  // of hidden layers; "linear" has none and ignores them
  size_t tasks = 1;
};

// The work space of Infer. Only the architecture that made it knows its content.
struct ArchitectureScratch {
  virtual ~ArchitectureScratch() = default;
};

class Architecture {
 public:
  virtual ~Architecture() = default;
  // x [batch, input] must stay valid until Backward. Returns logits [batch, tasks], owned by the
  // architecture and valid until the next Forward.
  virtual const float* Forward(const float* x, size_t batch, const nn::Compute& compute) = 0;
  // After Forward, for the same batch: adds to the gradients and overwrites d_x [batch, input].
  virtual void Backward(const float* d_logits, float* d_x, const nn::Compute& compute) = 0;
  virtual std::unique_ptr<ArchitectureScratch> MakeScratch() const = 0;
  // The const variant of Forward, with the same results. `scratch` is from MakeScratch of this
  // object.
  virtual void Infer(const float* x, size_t batch, float* logits, ArchitectureScratch& scratch,
                     const nn::Compute& compute) const = 0;
  // Sets the outputs for an input without information; biases [tasks].
  virtual void SetOutputBiases(std::span<const float> biases) = 0;
  virtual void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) = 0;
  virtual size_t multiplications() const = 0;
  // TR-05: for each ReLU layer, the share of units that were zero for every example since the
  // reset.
  virtual std::vector<double> DeadUnitShares() const = 0;
  virtual void ResetActivity() = 0;
  // As in nn::Tower, for checkpoints.
  virtual std::vector<uint64_t> Activity() const = 0;
  virtual bool SetActivity(std::span<const uint64_t> activity) = 0;
};

std::vector<std::string> ArchitectureNames();
// kInvalidArgument for an unknown name, with the known ones.
Result<std::unique_ptr<Architecture>> MakeArchitecture(std::string_view name,
                                                       const ArchitectureOptions& options,
                                                       base::Rng& rng);

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_ARCHITECTURE_H_
