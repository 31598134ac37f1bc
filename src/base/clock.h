// Time as a value that tests can set. Milliseconds since 1970-01-01 UTC everywhere.
//
//   Server(const Clock& clock = SystemClock());
//   FixedClock clock(1'700'000'000'000);  clock.Advance(1000);
//
// All clocks may be read from many threads.
#ifndef UPNEXT_BASE_CLOCK_H_
#define UPNEXT_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

namespace upnext::base {

inline constexpr int64_t kDayMs = 86'400'000;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t NowMs() const = 0;
};

// The machine's clock; it may step back when the machine is set.
const Clock& SystemClock();

// Stands still until told otherwise.
class FixedClock : public Clock {
 public:
  explicit FixedClock(int64_t now_ms) : now_ms_(now_ms) {}
  int64_t NowMs() const override { return now_ms_.load(); }
  void Set(int64_t now_ms) { now_ms_.store(now_ms); }
  void Advance(int64_t ms) { now_ms_.fetch_add(ms); }

 private:
  std::atomic<int64_t> now_ms_;
};

}  // namespace upnext::base

#endif  // UPNEXT_BASE_CLOCK_H_
