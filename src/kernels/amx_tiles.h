// Tiles of the AMX matrix unit (16 rows of 64 bytes), and the panels into which bf16 operands are
// cut. For the .cc files of this room that multiply on AMX; other code includes gemm.h.
//
//   if (amx::Available()) {
//     amx::PackLeft(a, rows, k, left);  amx::PackRight(b, columns, k, right);
//     amx::TileScope tiles;
//     amx::MultiplyPanels(left, right, amx::Steps(k), c, ldc, /*add=*/false);
//   }
//
// A panel is 32 lanes (rows of the left matrix, columns of the right one) times k. k is cut in
// steps of 32 and padded with zeros: [step][2 tiles][16 rows][32 elements]. A row of a left tile is
// a lane; a row of a right tile holds two neighbours along k of each of 16 lanes, as the
// instruction requires (Intel SDM, TDPBF16PS). Safe from any thread on disjoint outputs.
#ifndef UPNEXT_KERNELS_AMX_TILES_H_
#define UPNEXT_KERNELS_AMX_TILES_H_

#include <cstddef>

#include "kernels/bf16.h"

namespace upnext::kernels::amx {

// True when the processor has AMX for bf16, the system lets this process use it, and neither
// ONEDNN_MAX_CPU_ISA nor UPNEXT_MAX_ISA excludes it. Determined once.
bool Available();

constexpr size_t kLanes = 32;                 // of a panel
constexpr size_t kStep = 32;                  // along k
constexpr size_t kStepSize = kLanes * kStep;  // elements of one step of a panel
inline size_t Steps(size_t k) { return (k + kStep - 1) / kStep; }
inline size_t Panels(size_t lanes) { return (lanes + kLanes - 1) / kLanes; }
// Elements in the panels of a [lanes, k] matrix.
inline size_t PackedSize(size_t lanes, size_t k) { return Panels(lanes) * Steps(k) * kStepSize; }

// A bf16 matrix, not owned: [lanes, k], or [k, lanes] when `k_major`.
struct Source {
  const Bf16* data = nullptr;
  size_t stride = 0;  // elements from one stored row to the next
  bool k_major = false;
  Source At(size_t lane, size_t k) const {
    return {data + (k_major ? k * stride + lane : lane * stride + k), stride, k_major};
  }
};

// Writes lanes [0, lanes) x [0, k) panel after panel, each Steps(k) long.
void PackLeft(const Source& from, size_t lanes, size_t k, Bf16* panels);
void PackRight(const Source& from, size_t lanes, size_t k, Bf16* panels);

// Configures the calling thread's tiles and releases them at the end, so that the system need not
// save them.
class TileScope {
 public:
  TileScope();
  ~TileScope();
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;
};

// c [32, 32] = left * right, or += with `add`. Within a TileScope.
void MultiplyPanels(const Bf16* left, const Bf16* right, size_t steps, float* c, size_t ldc,
                    bool add);
// The same for the first rows and columns of a square, when c has no more.
void MultiplyCorner(const Bf16* left, const Bf16* right, size_t steps, size_t rows, size_t columns,
                    float* c, size_t ldc, bool add);

}  // namespace upnext::kernels::amx

#endif  // UPNEXT_KERNELS_AMX_TILES_H_
