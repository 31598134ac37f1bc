// What the machine at hand can do at most, measured: the roof that benchmarks compare with
// (Williams, Waterman and Patterson 2009).
//
//   const MachineRates rates = MeasureMachine({.row_floats = 256}, pool);
//
// Takes a second or two and `bytes` of memory while it runs. One caller at a time per pool.
#ifndef UPNEXT_KERNELS_MACHINE_RATES_H_
#define UPNEXT_KERNELS_MACHINE_RATES_H_

#include <algorithm>
#include <cstddef>

#include "base/thread_pool.h"
#include "kernels/gemm.h"

namespace upnext::kernels {

struct MachineRatesOptions {
  size_t row_floats = 256;  // of the table that random rows are read from
  // Of memory read, several times any cache; but for the smallest, products stay within it too.
  size_t bytes = size_t{1} << 30;
  Precision precision = BestPrecision();
  int rounds = 5;  // the best of these counts
};

struct MachineRates {         // of all threads of the pool together
  double read_gb_s = 0;       // memory in order
  double rows_gb_s = 0;       // random rows
  double update_gb_s = 0;     // memory read, changed and written, in order; bytes of both ways
  double matrix_gflop_s = 0;  // products that fit a core's cache, two operations a multiplication
  double memory_gb_s() const { return std::max({read_gb_s, rows_gb_s, update_gb_s}); }
};

MachineRates MeasureMachine(const MachineRatesOptions& options, base::ThreadPool& pool);

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_MACHINE_RATES_H_
