// What figures were measured on, in one line for reports.
//
//   MachineName(pool.threads(), "bf16")                "Intel(R) Xeon(R) ..., 2 threads, bf16"
#ifndef UPNEXT_BASE_MACHINE_H_
#define UPNEXT_BASE_MACHINE_H_

#include <string>
#include <string_view>

namespace upnext::base {

// `precision`: of matrix products that ask for the fastest, see kernels::BestPrecision. Any thread.
std::string MachineName(int threads, std::string_view precision);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_MACHINE_H_
