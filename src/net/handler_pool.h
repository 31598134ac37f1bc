// Threads for what must not hold up the threads that read and write sockets, with a bound on how
// much work may wait for them.
//
//   HandlerPool pool(8, 256);
//   const std::optional<int> result = co_await pool.Run([] { return SlowWork(); });
//
// Run is called from any coroutine of Asio, which resumes on its own executor. Stop() waits for the
// work that runs and drops what waits.
#ifndef UPNEXT_NET_HANDLER_POOL_H_
#define UPNEXT_NET_HANDLER_POOL_H_

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio.hpp>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

namespace upnext::net {

class HandlerPool {
 public:
  // `niceness`: how much the threads give way to others when processors are short, on top
  // of the niceness of the process.
  HandlerPool(size_t threads, size_t max_waiting, int niceness = 0)
      : most_(threads + max_waiting), niceness_(niceness), threads_(threads) {}

  // The result of `work`, which must not throw; nullopt at once when too much work waits.
  template <typename F>
  boost::asio::awaitable<std::optional<std::invoke_result_t<F>>> Run(F work) {
    using T = std::invoke_result_t<F>;
    if (inside_.fetch_add(1) >= most_) {
      inside_.fetch_sub(1);
      co_return std::nullopt;
    }
    co_return co_await boost::asio::co_spawn(
        threads_,
        [this, &work]() -> boost::asio::awaitable<T> {
          GiveWay();
          T result = work();
          inside_.fetch_sub(1);
          co_return result;
        },
        boost::asio::use_awaitable);
  }
  void Stop() {
    threads_.stop();
    threads_.join();
  }

 private:
  // Of Linux, where the niceness is that of a thread.
  void GiveWay() const {
    thread_local bool done = false;
    if (std::exchange(done, true) || niceness_ == 0) return;
    const auto thread = static_cast<id_t>(gettid());
    (void)setpriority(PRIO_PROCESS, thread, getpriority(PRIO_PROCESS, thread) + niceness_);
  }

  const size_t most_;
  const int niceness_;
  std::atomic<size_t> inside_{0};  // work that runs or waits
  boost::asio::thread_pool threads_;
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_HANDLER_POOL_H_
