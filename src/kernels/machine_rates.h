// Measures the peak rates of this machine, with which benchmarks compare their results (the
// roofline model, Williams, Waterman and Patterson 2009).
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
  size_t row_floats = 256;  // row length of the table for random reads
  // Size of the memory that is read: several times any cache. Products use no more, unless it is
  // tiny.
  size_t bytes = size_t{1} << 30;
  Precision precision = BestPrecision();
  int rounds = 5;  // the best one is reported
};

struct MachineRates {         // of all threads of the pool together
  double read_gb_s = 0;       // memory in order
  double rows_gb_s = 0;       // random rows
  double update_gb_s = 0;     // memory read, changed and written, in order; bytes of both ways
  double matrix_gflop_s = 0;  // products that fit a core's cache, two operations a multiplication
  double memory_gb_s() const { return std::max({read_gb_s, rows_gb_s, update_gb_s}); }
};

// The work of a step next to what the machine can do. Rows of tables: every reference read once,
// every distinct row read and written once. Operations: two for each multiplication of a product,
// forward and both gradients.
struct Roofline {
  double row_bytes = 0, operations = 0;
  MachineRates rates;
  // The shortest times for rows and for products at the peak rates.
  double memory_s() const { return row_bytes / (rates.memory_gb_s() * 1e9); }
  double matrix_s() const { return operations / (rates.matrix_gflop_s * 1e9); }
  // The longer of the two, which assumes that they fully overlap, as a share of the measured time.
  double share(double step_s) const { return std::max(memory_s(), matrix_s()) / step_s; }
};

MachineRates MeasureMachine(const MachineRatesOptions& options, base::ThreadPool& pool);

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_MACHINE_RATES_H_
