// Which units of a ReLU layer were zero for every example since a reset: training can no longer
// change them (TR-05).
//
//   DeadUnits dead(128);
//   dead.Note(y, batch);            after each forward pass
//   double share = dead.share();    of the units; 0 when there was no example
//
// One thread.
#ifndef UPNEXT_NN_DEAD_UNITS_H_
#define UPNEXT_NN_DEAD_UNITS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/gemm.h"

namespace upnext::nn {

class DeadUnits {
 public:
  explicit DeadUnits(size_t units) : units_(units) { Reset(); }
  void Reset();
  // y [batch, units]. Tests only units that have been zero for every example so far, which soon
  // are few.
  void Note(kernels::OperandView y, size_t batch);
  double share() const;

  // For checkpoints. Restore takes what Append gave from the front of `from`; false, without a
  // change, when it is not of a layer of this size.
  void Append(std::vector<uint64_t>* to) const;
  bool Restore(std::span<const uint64_t>* from);

 private:
  size_t units_;
  uint64_t examples_ = 0;
  std::vector<uint32_t> asleep_;
};

// All of a model's layers at once.
std::vector<double> Shares(std::span<DeadUnits* const> layers);
std::vector<uint64_t> Save(std::span<DeadUnits* const> layers);
bool Restore(std::span<DeadUnits* const> layers, std::span<const uint64_t> saved);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_DEAD_UNITS_H_
