// The sampled softmax of a batch fused with its three products, on the AMX unit. Logits exist only
// in registers and the first-level cache; their exponentials are written once, as the operand of
// the gradients' products. kernels/softmax.h and gemm.h need seven passes for the same.
//
//   FusedSoftmax softmax;                              // if (FusedSoftmax::Available()), bf16 only
//   softmax.Begin({.batch = b, .classes = n, .dim = d, .class_ids = ids, ...});
//   softmax.StoreClasses(first, count, rows);          // of all classes, on any threads
//   loss += softmax.Block(block, d_users, d_targets);  // of all examples, on any threads
//   softmax.ClassGradients(first, count, d_classes);   // of all classes, on any threads
//
// The loss, the corrections and accidental hits are those of SampledSoftmax(). The shift of the
// exponentials is an estimate, the target's logit; a block whose largest logit is far above it is
// computed again. Buffers are kept from batch to batch. Results do not depend on how the work is
// divided; blocks start at multiples of 32.
#ifndef UPNEXT_KERNELS_FUSED_SOFTMAX_H_
#define UPNEXT_KERNELS_FUSED_SOFTMAX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/aligned_buffer.h"
#include "kernels/bf16.h"

namespace upnext::kernels {

struct FusedSoftmaxArgs {
  size_t batch = 0, classes = 0, dim = 0;
  std::span<const uint32_t> class_ids = {};       // [classes], may repeat
  std::span<const float> class_corrections = {};  // [classes], added to logits; empty: none
  float gradient_scale = 1.0f;
};

// Examples [begin, begin + n) of the batch; begin is a multiple of FusedSoftmax::kMultiple.
struct FusedSoftmaxBlock {
  size_t begin = 0, n = 0;
  const float* users = nullptr;               // [n, dim]
  const Bf16* rounded_users = nullptr;        // [n, dim], the same
  std::span<const uint32_t> target_ids = {};  // [n]
  std::span<const float> target_logits = {};  // [n], corrected
  std::span<const float> weights = {};        // [n] of the examples in the loss; empty: 1 each
};

class FusedSoftmax {
 public:
  static constexpr size_t kMultiple = 32;
  static bool Available();

  // The spans must stay valid until the last Block().
  void Begin(const FusedSoftmaxArgs& args);
  // rows [n, dim] of classes [begin, begin + n). begin is a multiple of kMultiple, and so is n
  // except at the end.
  void StoreClasses(size_t begin, size_t n, const float* rows);
  // Returns the block's summed loss. d_users [n, dim] is set to the part of the gradient that comes
  // from the classes' logits, d_targets [n] to the gradient of the targets' logits; both times
  // gradient_scale.
  double Block(const FusedSoftmaxBlock& block, float* d_users, float* d_targets);
  // After all blocks: the gradient [n, dim] of classes [begin, begin + n); multiples as above.
  void ClassGradients(size_t begin, size_t n, float* d_classes) const;

 private:
  struct Work;  // of one block
  void Exponentiate(Work& work);
  void StoreScaledUsers(const FusedSoftmaxBlock& block, const float* scales);

  FusedSoftmaxArgs args_;
  std::vector<uint32_t> ids_;       // [classes, up to a multiple]
  std::vector<float> corrections_;  // the same; entries beyond the classes are ignored
  // Panels (amx_tiles.h): left ones of [classes, dim], of [dim, classes] and of the exponentials
  // [classes, batch]; right ones of [dim, batch], of users times the scales of their exponentials.
  AlignedBuffer<Bf16> rows_, columns_, exponentials_, scaled_users_;
};

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_FUSED_SOFTMAX_H_
