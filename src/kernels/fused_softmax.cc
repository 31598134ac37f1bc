#include "kernels/fused_softmax.h"

#include <algorithm>
#include <cmath>

#include "kernels/amx_gemm.h"
#include "kernels/amx_tiles.h"
#include "kernels/avx512.h"

namespace upnext::kernels {

using amx::kLanes;
using amx::kStepSize;

namespace {
// Classes whose exponentials are computed before they are multiplied: their rows, in both layouts,
// stay in the second-level cache for all users of a block.
constexpr size_t kChunk = 256;
constexpr size_t kSquare = kLanes * kLanes;
// How far above the shift a logit may lie without overflow, also in sums.
constexpr float kHighest = 40.0f;
// The logit of a class that is excluded.
constexpr float kMasked = -1e30f;
}  // namespace

// The work space of one block, kept by its thread.
struct FusedSoftmax::Work {
  size_t panels = 0, first_step = 0;         // of users, and where they are in the batch
  AlignedBuffer<Bf16> users;                 // right panels [n, dim]
  AlignedBuffer<Bf16> chunk;                 // right panel of exponentials, one chunk
  AlignedBuffer<float> d_users;              // [panels][dim / 32][32 dims, 32 users]
  std::vector<float> shifts, sums, highest;  // [panels * 32]
  std::vector<uint32_t> ids;                 // the same: of targets
  alignas(64) float squares[2][kSquare];     // logits [32 classes, 32 users]
};

#if defined(__x86_64__)

namespace {

UPNEXT_AVX512 inline __m512 Exp(__m512 x) {
  // e^x = 2^n e^r with |r| <= ln(2) / 2. Comparisons keep a NaN in the second operand.
  x = _mm512_max_ps(_mm512_set1_ps(-1000.0f), x);
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)), 0);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
  __m512 p = _mm512_set1_ps(1.0f / 720);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

// The common values of sixteen users of a square.
struct Users {
  __m512 shift, sum, highest;
  __m512i ids;
};

UPNEXT_AVX512 inline __m512 ExpLogits(const float* logits, float correction, uint32_t id,
                                      Users& users) {
  __m512 x = _mm512_sub_ps(_mm512_load_ps(logits), users.shift);
  x = _mm512_add_ps(x, _mm512_set1_ps(correction));
  const __mmask16 hit = _mm512_cmpeq_epi32_mask(users.ids, _mm512_set1_epi32(static_cast<int>(id)));
  x = _mm512_mask_mov_ps(x, hit, _mm512_set1_ps(kMasked));
  users.highest = _mm512_max_ps(users.highest, x);
  const __m512 e = Exp(x);
  users.sum = _mm512_add_ps(users.sum, e);
  return e;
}

// Converts a square of logits to exponentials: `lanes` as a step of a left panel of classes,
// `pairs` as a step of a right panel of users.
UPNEXT_AVX512 void ExpSquare(const float* square, const float* corrections, const uint32_t* ids,
                             const float* shifts, const uint32_t* targets, float* sums,
                             float* highest, Bf16* lanes, Bf16* pairs) {
  alignas(64) static constexpr uint16_t kLow[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                    37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                    11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i low = _mm512_load_si512(kLow);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  Users users[2];
  for (int h = 0; h < 2; ++h) {
    users[h] = {_mm512_loadu_ps(shifts + 16 * h), _mm512_setzero_ps(),
                _mm512_loadu_ps(highest + 16 * h), _mm512_loadu_si512(targets + 16 * h)};
  }
  for (size_t r = 0; r < kLanes; r += 2) {
    __m512i row[2];
    for (size_t i = 0; i < 2; ++i) {
      const float* const logits = square + (r + i) * kLanes;
      const __m512 first = ExpLogits(logits, corrections[r + i], ids[r + i], users[0]);
      const __m512 second = ExpLogits(logits + 16, corrections[r + i], ids[r + i], users[1]);
      row[i] = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first));
      _mm512_store_si512(lanes + (r + i) * 32, row[i]);
    }
    _mm512_store_si512(pairs + r * 16, _mm512_permutex2var_epi16(row[0], low, row[1]));
    _mm512_store_si512(pairs + 512 + r * 16, _mm512_permutex2var_epi16(row[0], high, row[1]));
  }
  for (int h = 0; h < 2; ++h) {
    _mm512_storeu_ps(sums + 16 * h, _mm512_add_ps(_mm512_loadu_ps(sums + 16 * h), users[h].sum));
    _mm512_storeu_ps(highest + 16 * h, users[h].highest);
  }
}

// to[user][i] = scales[user] * from[i][user] for 32 dims and `n` users. A row of `from` has 32; a
// row of `to` has `stride`, of which `width` <= 32 are written.
UPNEXT_AVX512 void TransposeScaled(const float* from, const float* scales, size_t n, size_t width,
                                   float* to, size_t stride) {
  for (size_t user = 0; user < n; user += 16) {
    for (size_t dim = 0; dim < width; dim += 16) {
      __m512i r[16];
      for (size_t i = 0; i < 16; ++i) {
        r[i] = _mm512_load_si512(from + (dim + i) * kLanes + user);
      }
      TransposeDwords(r);
      const auto mask =
          static_cast<__mmask16>((uint32_t{1} << std::min<size_t>(16, width - dim)) - 1);
      for (size_t i = 0; i < 16 && user + i < n; ++i) {
        _mm512_mask_storeu_ps(
            to + (user + i) * stride + dim, mask,
            _mm512_mul_ps(_mm512_castsi512_ps(r[i]), _mm512_set1_ps(scales[user + i])));
      }
    }
  }
}

}  // namespace

bool FusedSoftmax::Available() { return amx::Available(); }

void FusedSoftmax::Begin(const FusedSoftmaxArgs& args) {
  args_ = args;
  const size_t lanes = amx::Panels(args.classes) * kLanes;
  ids_.assign(args.class_ids.begin(), args.class_ids.end());
  ids_.resize(lanes);
  corrections_.assign(args.class_corrections.begin(), args.class_corrections.end());
  corrections_.resize(args.classes);
  corrections_.resize(lanes, kMasked);
  rows_.Reserve(amx::PackedSize(args.classes, args.dim));
  columns_.Reserve(amx::PackedSize(args.dim, args.classes));
  exponentials_.Reserve(amx::PackedSize(args.classes, args.batch));
  scaled_users_.Reserve(amx::PackedSize(args.dim, args.batch));
}

void FusedSoftmax::StoreClasses(size_t begin, size_t n, const float* rows) {
  thread_local AlignedBuffer<Bf16> rounded;
  const size_t dim = args_.dim, steps = amx::Steps(args_.classes);
  rounded.Reserve(n * dim);
  ToBf16({rows, n * dim}, {rounded.data(), n * dim});
  amx::PackLeft({rounded.data(), dim, false}, n, dim, rows_.data() + amx::PackedSize(begin, dim));
  const amx::Source columns{rounded.data(), dim, true};
  for (size_t at = 0; at < n; at += kLanes) {
    for (size_t lane = 0; lane < dim; lane += kLanes) {
      amx::PackLeft(columns.At(lane, at), std::min(dim - lane, kLanes), std::min(n - at, kLanes),
                    columns_.data() + (lane / kLanes * steps + (begin + at) / kLanes) * kStepSize);
    }
  }
}

// One pass over all classes with the current shifts.
void FusedSoftmax::Exponentiate(Work& work) {
  const size_t dim_steps = amx::Steps(args_.dim), dim_panels = amx::Panels(args_.dim);
  const size_t class_panels = amx::Panels(args_.classes), batch_steps = amx::Steps(args_.batch);
  constexpr size_t kChunkPanels = kChunk / kLanes;
  std::ranges::fill(work.sums, 0.0f);
  std::ranges::fill(work.highest, kMasked);
  const amx::TileScope tiles;
  for (size_t first = 0; first < class_panels; first += kChunkPanels) {
    const size_t count = std::min(kChunkPanels, class_panels - first);
    for (size_t panel = 0; panel < work.panels; ++panel) {
      const size_t at = panel * kLanes;
      const auto multiply = [&](size_t i) {
        amx::MultiplyPanels(rows_.data() + (first + i) * dim_steps * kStepSize,
                            work.users.data() + panel * dim_steps * kStepSize, dim_steps,
                            work.squares[i % 2], kLanes, false);
      };
      multiply(0);
      for (size_t i = 0; i < count; ++i) {
        if (i + 1 < count) multiply(i + 1);  // first, so that both can overlap
        ExpSquare(work.squares[i % 2], corrections_.data() + (first + i) * kLanes,
                  ids_.data() + (first + i) * kLanes, work.shifts.data() + at, work.ids.data() + at,
                  work.sums.data() + at, work.highest.data() + at,
                  exponentials_.data() +
                      ((first + i) * batch_steps + work.first_step + panel) * kStepSize,
                  work.chunk.data() + i * kStepSize);
      }
      for (size_t q = 0; q < dim_panels; ++q) {
        amx::MultiplyPanels(
            columns_.data() + (q * class_panels + first) * kStepSize, work.chunk.data(), count,
            work.d_users.data() + (panel * dim_panels + q) * kSquare, kLanes, first > 0);
      }
    }
  }
}

double FusedSoftmax::Block(const FusedSoftmaxBlock& block, float* d_users, float* d_targets) {
  thread_local Work work;
  const size_t n = block.n, dim = args_.dim, dim_panels = amx::Panels(dim);
  work.panels = amx::Panels(n);
  work.first_step = block.begin / kLanes;
  work.users.Reserve(amx::PackedSize(n, dim));
  work.chunk.Reserve(kChunk * kLanes);
  work.d_users.Reserve(work.panels * dim_panels * kSquare);
  for (auto* values : {&work.shifts, &work.sums, &work.highest}) {
    values->assign(work.panels * kLanes, 0.0f);
  }
  work.ids.assign(block.target_ids.begin(), block.target_ids.end());
  work.ids.resize(work.panels * kLanes);
  std::ranges::copy(block.target_logits, work.shifts.begin());
  amx::PackRight({block.rounded_users, dim, false}, n, dim, work.users.data());
  Exponentiate(work);
  bool again = false;
  for (size_t i = 0; i < n; ++i) {
    if (!(work.highest[i] > kHighest)) continue;
    work.shifts[i] += work.highest[i];
    again = true;
  }
  if (again) Exponentiate(work);

  thread_local std::vector<float> scales;
  scales.assign(work.panels * kLanes, 0.0f);
  double loss = 0;
  for (size_t i = 0; i < n; ++i) {
    const double above = static_cast<double>(block.target_logits[i]) - work.shifts[i];
    const double total = static_cast<double>(work.sums[i]) + std::exp(above);
    const double weight = block.weights.empty() ? 1.0 : block.weights[i];
    const double gradient = args_.gradient_scale * weight;
    scales[i] = static_cast<float>(gradient / total);
    d_targets[i] = static_cast<float>(-gradient * (work.sums[i] / total));
    loss += weight * (std::log(total) - above);
  }
  for (size_t panel = 0; panel < work.panels; ++panel) {
    for (size_t q = 0; q < dim_panels; ++q) {
      TransposeScaled(work.d_users.data() + (panel * dim_panels + q) * kSquare,
                      scales.data() + panel * kLanes, std::min(kLanes, n - panel * kLanes),
                      std::min(kLanes, dim - q * kLanes),
                      d_users + panel * kLanes * dim + q * kLanes, dim);
    }
  }
  StoreScaledUsers(block, scales.data());
  return loss;
}

void FusedSoftmax::StoreScaledUsers(const FusedSoftmaxBlock& block, const float* scales) {
  thread_local AlignedBuffer<Bf16> rounded;
  thread_local std::vector<float> scaled;
  const size_t dim = args_.dim, steps = amx::Steps(args_.batch);
  rounded.Reserve(block.n * dim);
  scaled.resize(dim);
  for (size_t i = 0; i < block.n; ++i) {
    for (size_t d = 0; d < dim; ++d) scaled[d] = scales[i] * block.users[i * dim + d];
    ToBf16(scaled, {rounded.data() + i * dim, dim});
  }
  const amx::Source users{rounded.data(), dim, true};
  for (size_t at = 0; at < block.n; at += kLanes) {
    for (size_t lane = 0; lane < dim; lane += kLanes) {
      amx::PackRight(
          users.At(lane, at), std::min(dim - lane, kLanes), std::min(block.n - at, kLanes),
          scaled_users_.data() + (lane / kLanes * steps + (block.begin + at) / kLanes) * kStepSize);
    }
  }
}

void FusedSoftmax::ClassGradients(size_t begin, size_t n, float* d_classes) const {
  amx::MultiplyLaidOut({.m = n, .n = args_.dim, .k = args_.batch, .ldc = args_.dim},
                       exponentials_.data() + amx::PackedSize(begin, args_.batch),
                       scaled_users_.data(), d_classes);
}

#else  // not x86-64: never available, never called

bool FusedSoftmax::Available() { return false; }
void FusedSoftmax::Begin(const FusedSoftmaxArgs&) {}
void FusedSoftmax::StoreClasses(size_t, size_t, const float*) {}
void FusedSoftmax::Exponentiate(Work&) {}
void FusedSoftmax::StoreScaledUsers(const FusedSoftmaxBlock&, const float*) {}
double FusedSoftmax::Block(const FusedSoftmaxBlock&, float*, float*) { return 0; }
void FusedSoftmax::ClassGradients(size_t, size_t, float*) const {}

#endif

}  // namespace upnext::kernels
