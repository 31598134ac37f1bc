// For tests: limits of the process, which stand for a full disk and for exhausted descriptors.
//
//   const LoweredLimit limit(RLIMIT_FSIZE, 1 << 20);      no file gets larger while it is there
#ifndef UPNEXT_STORE_TEST_LIMITS_H_
#define UPNEXT_STORE_TEST_LIMITS_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

namespace upnext::store {

// Lowers a limit of this process until it ends.
class LoweredLimit {
 public:
  LoweredLimit(__rlimit_resource_t kind, rlim_t value) : kind_(kind) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(kind_, &before_);
    const rlimit lowered = {.rlim_cur = value, .rlim_max = before_.rlim_max};
    EXPECT_EQ(setrlimit(kind_, &lowered), 0);
  }
  ~LoweredLimit() { setrlimit(kind_, &before_); }
  LoweredLimit(const LoweredLimit&) = delete;
  LoweredLimit& operator=(const LoweredLimit&) = delete;

 private:
  const __rlimit_resource_t kind_;
  rlimit before_ = {};
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_TEST_LIMITS_H_
