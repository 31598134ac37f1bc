// Describes the machine in one line for reports: processor, threads, precision.
//
//   report.machine = Machine(pool);            // "Intel(R) Xeon(R) ..., 2 threads, bf16"
#ifndef UPNEXT_EVALUATION_MACHINE_H_
#define UPNEXT_EVALUATION_MACHINE_H_

#include <string>

#include "base/thread_pool.h"

namespace upnext::evaluation {

// "bf16" when matrix products use it where requested, else "fp32". Any thread.
std::string Machine(const base::ThreadPool& pool);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_MACHINE_H_
