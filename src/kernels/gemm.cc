#include "kernels/gemm.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "dnnl.hpp"
#include "kernels/aligned_buffer.h"
#include "kernels/amx_gemm.h"
#include "kernels/fp32_gemm.h"
#include "kernels/isa.h"
#include "kernels/vector_ops.h"

// libgomp's two entry points, declared here since nothing else of OpenMP is used.
extern "C" int omp_get_max_threads();
extern "C" void omp_set_num_threads(int threads);

namespace upnext::kernels {
namespace {

// Below this number of multiplications a oneDNN call costs more than the product (gemm_bench.cc).
constexpr size_t kTinyProduct = 1000;
// Up to this number of rows of A a product with B^T amounts to a few scans of B, for which oneDNN
// is several times slower.
constexpr size_t kThinRows = 2;
// Rows of A from which it pays to lay out B for our own kernels: bf16, fp32.
constexpr size_t kLeastRows = 16, kLeastFp32Rows = 64;
// Columns of C below which most of a tile of our fp32 kernel would be zeros.
constexpr size_t kLeastFp32Columns = 16;
// Elements of B (half a megabyte) above which oneDNN's fp32 products, which read B in place, become
// slower than ours.
constexpr size_t kLargeFp32 = 128 * 1024;
// Primitives kept per thread; batches come in few shapes, the last of an epoch in one more.
constexpr size_t kPrimitiveLimit = 512;
// Elements that one chunk of the pool converts to bf16.
constexpr size_t kConvertGrain = 32768;

struct Shape : GemmShape {
  bool bf16 = false;
  friend bool operator==(const Shape& a, const Shape& b) {
    return a.m == b.m && a.n == b.n && a.k == b.k && a.transpose_a == b.transpose_a &&
           a.transpose_b == b.transpose_b && a.lda == b.lda && a.ldb == b.ldb && a.ldc == b.ldc &&
           a.beta == b.beta && a.bf16 == b.bf16;
  }
};

struct ShapeHash {
  size_t operator()(const Shape& s) const {
    size_t hash = s.m;
    for (size_t part : {s.n, s.k, s.lda, s.ldb, s.ldc}) {
      hash = (hash ^ part) * 0x9e3779b97f4a7c15ULL;
      hash ^= hash >> 29;
    }
    return hash ^ (s.transpose_a ? 1u : 0u) ^ (s.transpose_b ? 2u : 0u) ^ (s.bf16 ? 4u : 0u);
  }
};

const dnnl::engine& Engine() {
  // Never destroyed: threads may still multiply while the process ends.
  static const dnnl::engine& engine = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

// A compiled product with its memory objects, whose pointers are set for each call.
struct Product {
  dnnl::matmul primitive;
  dnnl::memory a, b, c;
};

dnnl::memory::desc Describe(size_t rows, size_t columns, size_t stride, bool transposed,
                            dnnl::memory::data_type type) {
  using dim = dnnl::memory::dim;
  const dnnl::memory::dims dims = {static_cast<dim>(rows), static_cast<dim>(columns)};
  const dnnl::memory::dims strides = transposed ? dnnl::memory::dims{1, static_cast<dim>(stride)}
                                                : dnnl::memory::dims{static_cast<dim>(stride), 1};
  return {dims, type, strides};
}

Product MakeProduct(const Shape& s) {
  const auto type = s.bf16 ? dnnl::memory::data_type::bf16 : dnnl::memory::data_type::f32;
  const auto a = Describe(s.m, s.k, s.lda, s.transpose_a, type);
  const auto b = Describe(s.k, s.n, s.ldb, s.transpose_b, type);
  const auto c = Describe(s.m, s.n, s.ldc, false, dnnl::memory::data_type::f32);
  dnnl::primitive_attr attributes;
  if (s.beta != 0.0f) {
    dnnl::post_ops accumulate;
    accumulate.append_sum(s.beta);
    attributes.set_post_ops(accumulate);
  }
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc description(Engine(), a, b, c, attributes);
#else
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, Engine());
#endif
  return {dnnl::matmul(description), dnnl::memory(a, Engine(), nullptr),
          dnnl::memory(b, Engine(), nullptr), dnnl::memory(c, Engine(), nullptr)};
}

void Execute(const Shape& shape, const void* a, const void* b, float* c) {
  thread_local std::unordered_map<Shape, std::unique_ptr<Product>, ShapeHash> products;
  thread_local dnnl::stream stream(Engine());
  auto found = products.find(shape);
  if (found == products.end()) {
    if (products.size() >= kPrimitiveLimit) products.clear();
    found = products.emplace(shape, std::make_unique<Product>(MakeProduct(shape))).first;
  }
  Product& product = *found->second;
  // oneDNN takes no const pointers, but writes only the destination.
  product.a.set_data_handle(const_cast<void*>(a));
  product.b.set_data_handle(const_cast<void*>(b));
  product.c.set_data_handle(c);
  product.primitive.execute(
      stream,
      {{DNNL_ARG_SRC, product.a}, {DNNL_ARG_WEIGHTS, product.b}, {DNNL_ARG_DST, product.c}});
  stream.wait();
}

// Plain loops, for tiny products and for those that oneDNN does not support.
void MultiplyPlainly(const Shape& s, const float* a, const float* b, float* c) {
  for (size_t i = 0; i < s.m; ++i) {
    float* row = c + i * s.ldc;
    if (s.beta == 0.0f && s.transpose_b && !s.transpose_a) {
      DotRows(a + i * s.lda, b, s.ldb, s.n, s.k, row);
      continue;
    }
    if (s.beta == 0.0f) {
      std::fill(row, row + s.n, 0.0f);
    } else if (s.beta != 1.0f) {
      Scale(s.beta, row, s.n);
    }
    if (s.transpose_b && !s.transpose_a) {
      for (size_t j = 0; j < s.n; ++j) row[j] += Dot(a + i * s.lda, b + j * s.ldb, s.k);
      continue;
    }
    for (size_t p = 0; p < s.k; ++p) {
      const float factor = s.transpose_a ? a[p * s.lda + i] : a[i * s.lda + p];
      if (!s.transpose_b) {
        Axpy(factor, b + p * s.ldb, row, s.n);
      } else {
        for (size_t j = 0; j < s.n; ++j) row[j] += factor * b[j * s.ldb + p];
      }
    }
  }
}

// Floats in a stored [rows, columns] matrix: its last row may end before the stride.
size_t Extent(size_t rows, size_t columns, size_t stride) {
  return rows == 0 ? 0 : (rows - 1) * stride + columns;
}
size_t ExtentOfA(const Shape& s) {
  return s.transpose_a ? Extent(s.k, s.m, s.lda) : Extent(s.m, s.k, s.lda);
}
size_t ExtentOfB(const Shape& s) {
  return s.transpose_b ? Extent(s.n, s.k, s.ldb) : Extent(s.k, s.n, s.ldb);
}

void MultiplyPlainly(const Shape& s, const Bf16* a, const Bf16* b, float* c) {
  std::vector<float> wide_a(ExtentOfA(s)), wide_b(ExtentOfB(s));
  ToFloat({a, wide_a.size()}, wide_a);
  ToFloat({b, wide_b.size()}, wide_b);
  MultiplyPlainly(s, wide_a.data(), wide_b.data(), c);
}

Shape Completed(const GemmShape& shape, bool bf16) {
  Shape s;
  static_cast<GemmShape&>(s) = shape;
  s.bf16 = bf16;
  if (s.lda == 0) s.lda = s.transpose_a ? s.m : s.k;
  if (s.ldb == 0) s.ldb = s.transpose_b ? s.k : s.n;
  if (s.ldc == 0) s.ldc = s.n;
  return s;
}

bool OneDnnKnows(dnnl::cpu_isa isa) {
  const auto bits = static_cast<unsigned>(isa);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

// True where oneDNN is limited to AVX2 and slower than our own kernel (docs/decisions/0011). The
// two were not compared with AVX-512.
bool IsOurs(const Shape& s) {
  static const bool avx512 = OneDnnKnows(dnnl::cpu_isa::avx512_core);
  return !avx512 && s.m >= kLeastFp32Rows && s.n >= kLeastFp32Columns &&
         (s.transpose_a || s.n * s.k >= kLargeFp32);
}

template <typename T>
void MultiplyHere(Shape s, const T* a, const T* b, float* c) {
  if constexpr (std::is_same_v<T, Bf16>) {
    if (s.m >= kLeastRows && amx::Suits(s.n, s.k)) {
      amx::Multiply({s.m, s.n, s.k, s.ldc, s.beta}, {a, s.lda, s.transpose_a},
                    {b, s.ldb, !s.transpose_b}, c);
      return;
    }
  } else if (IsOurs(s)) {
    fp32::Multiply(s, a, b, c);
    return;
  }
  // oneDNN's own threads would spin while idle and take processor time from our pool.
  if (omp_get_max_threads() != 1) omp_set_num_threads(1);
  try {
    Execute(s, a, b, c);
  } catch (const std::exception&) {
    // This oneDNN does not support the shape, or there is no memory for its code. It fails when the
    // product is compiled, before anything is written to C; the plain loops give the same result.
    MultiplyPlainly(s, a, b, c);
  }
}

// Divides C along its longer side into one piece per thread, at multiples that suit the kernels.
template <typename T>
void Multiply(const Shape& s, const T* a, const T* b, float* c, base::ThreadPool* pool) {
  constexpr size_t kMultiple = 32;
  if (pool == nullptr || pool->threads() <= 1 || s.m * s.n * s.k < 64 * kTinyProduct) {
    MultiplyHere(s, a, b, c);
    return;
  }
  const bool by_rows = s.m >= s.n;
  const size_t length = by_rows ? s.m : s.n;
  const size_t pieces = static_cast<size_t>(pool->threads());
  const size_t grain = (length + pieces * kMultiple - 1) / (pieces * kMultiple) * kMultiple;
  pool->ParallelFor(length, grain, [&](size_t begin, size_t end) {
    Shape part = s;
    if (by_rows) {
      part.m = end - begin;
      MultiplyHere(part, a + (s.transpose_a ? begin : begin * s.lda), b, c + begin * s.ldc);
    } else {
      part.n = end - begin;
      MultiplyHere(part, a, b + (s.transpose_b ? begin * s.ldb : begin), c + begin);
    }
  });
}

// Rounds a stored [rows, columns] matrix with the given stride to contiguous rows.
void Round(const float* from, size_t rows, size_t columns, size_t stride, Bf16* to,
           base::ThreadPool* pool) {
  const auto convert = [&](size_t begin, size_t end) {
    if (stride == columns) {
      ToBf16({from + begin * columns, (end - begin) * columns},
             {to + begin * columns, (end - begin) * columns});
      return;
    }
    for (size_t row = begin; row < end; ++row) {
      ToBf16({from + row * stride, columns}, {to + row * columns, columns});
    }
  };
  const size_t grain = std::max<size_t>(1, kConvertGrain / std::max<size_t>(1, columns));
  if (pool == nullptr || rows <= grain) {
    convert(0, rows);
  } else {
    pool->ParallelFor(rows, grain, convert);
  }
}

bool IsEmpty(const Shape& s, float* c) {
  if (s.m == 0 || s.n == 0) return true;
  if (s.k > 0) return false;
  MultiplyPlainly(s, static_cast<const float*>(nullptr), nullptr, c);  // C = beta C
  return true;
}

bool IsTiny(const Shape& s) { return s.m * s.n * s.k <= kTinyProduct; }
bool IsThin(const Shape& s) { return s.m <= kThinRows && s.transpose_b && !s.transpose_a; }

}  // namespace

bool HasFastBf16() {
  static const bool fast = OneDnnKnows(dnnl::cpu_isa::avx512_core_bf16) && !LimitIsa();
  return fast;
}

Precision BestPrecision() { return HasFastBf16() ? Precision::kBf16 : Precision::kFp32; }

std::string_view PrecisionName(Precision precision) {
  return precision == Precision::kBf16 && HasFastBf16() ? "bf16" : "fp32";
}

void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision,
          base::ThreadPool* pool) {
  Shape s = Completed(shape, precision == Precision::kBf16 && HasFastBf16());
  if (IsEmpty(s, c)) return;
  if (!s.bf16) {
    if (IsTiny(s) || IsThin(s)) {
      MultiplyPlainly(s, a, b, c);
    } else {
      Multiply(s, a, b, c, pool);
    }
    return;
  }
  thread_local AlignedBuffer<Bf16> scratch;
  const size_t a_size = s.m * s.k, b_size = s.n * s.k;
  const size_t b_begin = (a_size + 31) / 32 * 32;
  scratch.Reserve(b_begin + b_size);
  Bf16* rounded_a = scratch.data();
  Bf16* rounded_b = scratch.data() + b_begin;
  const size_t a_columns = s.transpose_a ? s.m : s.k, b_columns = s.transpose_b ? s.k : s.n;
  Round(a, a_size / a_columns, a_columns, s.lda, rounded_a, pool);
  Round(b, b_size / b_columns, b_columns, s.ldb, rounded_b, pool);
  s.lda = a_columns;
  s.ldb = b_columns;
  if (IsTiny(s)) {
    MultiplyPlainly(s, rounded_a, rounded_b, c);
  } else {
    Multiply(s, rounded_a, rounded_b, c, pool);
  }
}

void Gemm(const GemmShape& shape, const Bf16* a, const Bf16* b, float* c, base::ThreadPool* pool) {
  const Shape s = Completed(shape, HasFastBf16());
  if (IsEmpty(s, c)) return;
  if (s.bf16 && !IsTiny(s)) {
    Multiply(s, a, b, c, pool);
    return;
  }
  if (IsTiny(s)) {
    MultiplyPlainly(s, a, b, c);
    return;
  }
  thread_local std::vector<float> wide;
  const size_t a_size = ExtentOfA(s), b_size = ExtentOfB(s);
  if (wide.size() < a_size + b_size) wide.resize(a_size + b_size);
  float* wide_a = wide.data();
  float* wide_b = wide.data() + a_size;
  ToFloat({a, a_size}, {wide_a, a_size});
  ToFloat({b, b_size}, {wide_b, b_size});
  Multiply(s, wide_a, wide_b, c, pool);
}

void Gemm(const GemmShape& shape, OperandView a, OperandView b, float* c, base::ThreadPool* pool) {
  if (a.fp32 != nullptr) {
    Gemm(shape, a.fp32, b.fp32, c, Precision::kFp32, pool);
  } else {
    Gemm(shape, a.bf16, b.bf16, c, pool);
  }
}

namespace reference {

void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision) {
  const Shape s = Completed(shape, false);
  const auto operand = [&](float value) {
    return precision == Precision::kBf16 ? kernels::ToFloat(kernels::ToBf16(value)) : value;
  };
  for (size_t i = 0; i < s.m; ++i) {
    for (size_t j = 0; j < s.n; ++j) {
      double sum = s.beta == 0.0f ? 0.0 : static_cast<double>(s.beta) * c[i * s.ldc + j];
      for (size_t p = 0; p < s.k; ++p) {
        const float left = s.transpose_a ? a[p * s.lda + i] : a[i * s.lda + p];
        const float right = s.transpose_b ? b[j * s.ldb + p] : b[p * s.ldb + j];
        sum += static_cast<double>(operand(left)) * operand(right);
      }
      c[i * s.ldc + j] = static_cast<float>(sum);
    }
  }
}

}  // namespace reference
}  // namespace upnext::kernels
