// A bound on the bytes that many requests hold at the same time.
//
//   ByteBudget budget(64 << 20);
//   ByteBudget::Share share(budget);
//   if (!share.GrowTo(body.capacity())) return TooManyBytes();     given back when `share` ends
//
// Any number of threads use a budget, one at a time a share. A share must not outlive its budget.
#ifndef UPNEXT_NET_BYTE_BUDGET_H_
#define UPNEXT_NET_BYTE_BUDGET_H_

#include <atomic>
#include <cstdint>

namespace upnext::net {

class ByteBudget {
 public:
  explicit ByteBudget(uint64_t most) : most_(most) {}
  uint64_t most() const { return most_; }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }

  class Share {
   public:
    explicit Share(ByteBudget& budget) : budget_(budget) {}
    ~Share() { budget_.used_.fetch_sub(bytes_, std::memory_order_relaxed); }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // False, and nothing changes, when the budget has no room for it. Never shrinks.
    bool GrowTo(uint64_t bytes) {
      if (bytes <= bytes_) return true;
      const uint64_t more = bytes - bytes_;
      if (budget_.used_.fetch_add(more, std::memory_order_relaxed) + more > budget_.most_) {
        budget_.used_.fetch_sub(more, std::memory_order_relaxed);
        return false;
      }
      bytes_ = bytes;
      return true;
    }

   private:
    ByteBudget& budget_;
    uint64_t bytes_ = 0;
  };

 private:
  const uint64_t most_;
  std::atomic<uint64_t> used_{0};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_BYTE_BUDGET_H_
